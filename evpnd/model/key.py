"""The key of a type 2 route within its EVI: MAC and IP octets in one piece.

A MAC is 6 octets, an IP 0, 4 or 16. Keys come by the hundred thousand, so that their
parts are named by slices: ``key[MAC]`` costs less than a call.
"""

MAC_LENGTH = 6

MAC = slice(MAC_LENGTH)
IP = slice(MAC_LENGTH, None)
"""No octets where the route has no IP."""

_PREFIX_LENGTHS = frozenset({5, 17})


def is_prefix(key: bytes) -> bool:
    """Return whether a key is that of a type 5 route, and not of type 2 or 3.

    It is an address (4 or 16 octets) and the length of the prefix in bits (1 octet).
    """
    return len(key) in _PREFIX_LENGTHS
