"""Octets to routes and attributes and back, with RFC 7606 verdicts; no state."""
