"""State of a MAC that the kernel flushed."""

from typing import NamedTuple


class Flushed(NamedTuple):
    """Bindings of a tenant when the bridge forgot its MAC."""

    port: int
    at: float
    """When it was flushed, monotonic seconds."""
    ips: dict[bytes, int]
    """IP to R and O of its advertisements, as in `MacVrf.nd_flags`."""
