"""evpnd: a BGP EVPN control-plane speaker for Linux hosts."""

__version__ = "0.1.0"
