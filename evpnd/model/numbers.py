"""Constants of BGP that several packages use, each stated once.

Those of EVPN's values stand with the values (ids, routes, communities), and those that
one file alone has a use for, such as the subcodes of its errors, in that file.
"""

from enum import IntEnum

BGP_PORT = 179

# Messages (RFC 4271, section 4.1)

MARKER = b"\xff" * 16
HEADER_SIZE = 19
"""Octets of marker, length and type, before the body of every message."""
MESSAGE_SIZE_MAX = 4096
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
"""Message types; the last is RFC 2918's."""

RESTART_TIME_MAX = 4095
"""Seconds of graceful restart; the field has 12 bits (RFC 4724, section 3)."""

# The family l2vpn evpn (RFC 7432, section 7)

EVPN_FAMILY = (25, 70)
"""AFI and SAFI."""
EVPN = b"\x00\x19\x46"
"""The same as octets, as in the MP attributes."""

# Path attributes (RFC 4271, section 4.3)

OPTIONAL = 0x80
TRANSITIVE = 0x40
EXTENDED_LENGTH = 0x10


class Code(IntEnum):
    """Attribute type codes."""

    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    PMSI_TUNNEL = 22
    LARGE_COMMUNITIES = 32


DEFAULT_LOCAL_PREFERENCE = 100
"""Of a route that says none."""

AS_TRANS = 23456
"""Stands for an AS number of four octets where only two fit (RFC 6793, section 9)."""
SEQUENCE_MAX = 0xFFFFFFFF
"""MAC mobility sequence, 32 bits (RFC 7432, section 7.7)."""
