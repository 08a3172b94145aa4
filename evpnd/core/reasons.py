"""Reasons why a key has no row or a MAC is not announced, each with a sentence.

The functions that decide return these values; `sentence` writes them for operators.
"""

from enum import Enum
from typing import Final


class Reason(Enum):
    """Why a key leads nowhere."""

    NOT_READY = "not ready"
    PENDING = "pending"
    # Of a MAC.
    NO_ROUTE = "no route"
    LOCAL = "local"
    OPERATORS_ROW = "operator's row"
    OWN_MAC = "own MAC"
    NOT_UNICAST = "not unicast"
    FOREIGN_ROW = "foreign row"
    FROZEN = "frozen"
    # Of the neighbour of an IP.
    NO_DEVICE = "no device"
    NO_BINDING = "no binding"
    OWN_IP = "own IP"
    NO_HOST = "no host"
    TENANT_ANSWERS = "tenant answers"
    MAC_NOT_UNICAST = "MAC not unicast"
    MAC_LOCAL = "MAC local"
    MAC_OWN = "MAC own"
    FOREIGN_NEIGHBOR = "foreign neighbor"
    # Of a route of a VRF, and of what it needs.
    NO_ROUTE_TO_PREFIX = "no route to the prefix"
    OTHERS_ROUTE = "other route"
    TENANT_HERE = "tenant here"
    NO_ROUTER_MAC = "no router MAC"
    NOT_USED = "not used"
    # Of a VTEP in the flood list.
    NO_IMET = "no IMET route"
    NO_FLOOD = "no flooding"
    OWN_VTEP = "own VTEP"
    NO_VTEP = "no VTEP"
    OTHER_FAMILY = "other family"
    NO_ROOM = "no room"
    # Of the announcement of a local MAC.
    NOT_LOCAL = "not local"
    CEDED = "ceded"
    NOTHING_TO_ADVERTISE = "nothing to advertise"


SENTENCES: Final = {
    Reason.NOT_READY: "{evi} is not ready",
    Reason.PENDING: "it has not been evaluated yet",
    Reason.NO_ROUTE: "no route to the MAC is imported",
    Reason.LOCAL: "the MAC is local in {evi}",
    Reason.OPERATORS_ROW: "a static row of the operator has the MAC on a local port",
    Reason.OWN_MAC: "the MAC belongs to one of this host's interfaces",
    Reason.NOT_UNICAST: "not a unicast MAC (group bit set, or all zeros)",
    Reason.FOREIGN_ROW: "another program's row for the MAC is on the VXLAN device",
    Reason.FROZEN: "the MAC is a duplicate and frozen",
    Reason.NO_DEVICE: "{bridge} has no VLAN device for VLAN {vlan}",
    Reason.NO_BINDING: "no route with this IP is imported",
    Reason.OWN_IP: "it is the bridge's own address",
    Reason.NO_HOST: "{ip} is not a host address",
    Reason.TENANT_ANSWERS: "the tenant answers ARP and ND itself",
    Reason.MAC_NOT_UNICAST: "its MAC {mac} is not unicast",
    Reason.MAC_LOCAL: "its MAC {mac} is local",
    Reason.MAC_OWN: "its MAC {mac} belongs to one of this host's interfaces",
    Reason.FOREIGN_NEIGHBOR: "another program's neighbour is on the bridge",
    Reason.NO_ROUTE_TO_PREFIX: "no route to it is imported",
    Reason.OTHERS_ROUTE: "the table has a route to it that evpnd did not make",
    Reason.TENANT_HERE: "it is a tenant of this host",
    Reason.NO_ROUTER_MAC: "its route names no router's MAC",
    Reason.NOT_USED: "no route of ours leads there",
    Reason.NO_IMET: "no type 3 route from it is imported",
    Reason.NO_FLOOD: "flood is false in the configuration",
    Reason.OWN_VTEP: "it is our own VTEP address",
    Reason.NO_VTEP: "it is a network or broadcast address of the underlay",
    Reason.OTHER_FAMILY: "our VTEP address is of the other address family",
    Reason.NO_ROOM: "the flood list is full ({most} VTEPs)",
    Reason.NOT_LOCAL: "the MAC is not local",
    Reason.CEDED: "a remote VTEP has a better claim",
    Reason.NOTHING_TO_ADVERTISE: (
        "advertise.macs is false, and the MAC has no IP to announce"
    ),
}


def sentence(reason: Reason, **names: object) -> str:
    """Return the sentence of a reason; `names` are those that it may mention."""
    return SENTENCES[reason].format(**names)
