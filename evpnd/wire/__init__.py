"""Octets to values and back, without state beyond a session's.

BGP: `framing` cuts attributes; `nlri`, `as_path` and `path_attributes` judge their
parts by RFC 7606; `update` has whole UPDATEs that are received, `attributes` those that
are sent; `open_message` has OPENs. Extended communities: `model/communities.py`.

Between speaker and agent: `messages` declares what they say, `pipe` its octets.
"""
