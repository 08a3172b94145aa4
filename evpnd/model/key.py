"""The key of a type 2 route within its EVI: MAC and IP octets in one piece.

A MAC is 6 octets, an IP 0, 4 or 16. Keys come by the hundred thousand, so that their
parts are named by slices: ``key[MAC]`` costs less than a call.
"""

MAC_LENGTH = 6

MAC = slice(MAC_LENGTH)
IP = slice(MAC_LENGTH, None)
"""No octets where the route has no IP."""
