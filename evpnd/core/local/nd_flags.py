"""R and O of a binding (RFC 4861, 4.4; RFC 9047): what is said, and what follows."""

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.events import NdFlags
from evpnd.model.ids import IPV4_LENGTH
from evpnd.model.routes import OVERRIDE, ROUTER


def kernel_flags(ip: bytes, router: bool) -> NdFlags | None:  # noqa: FBT001
    """Return the meaning of the kernel's router mark; None: it has none."""
    return NdFlags(True, None) if router and len(ip) > IPV4_LENGTH else None  # noqa: FBT003


def merge_flags(vrf: MacVrf, ip: bytes, said: NdFlags) -> int:
    """Return R and O of a binding after an advertisement."""
    override = vrf.bindings.nd_flags.get(ip, OVERRIDE) & OVERRIDE
    if said.override is not None:
        override = OVERRIDE if said.override else 0
    return (ROUTER if said.router else 0) | override
