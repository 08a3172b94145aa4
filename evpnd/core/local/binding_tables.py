"""The tables of local bindings of one EVI, and functions that write them."""

from evpnd.core.evi.local_bindings import Claim
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.events import NdFlags
from evpnd.model.ids import IPV4_LENGTH, is_tenant_ip
from evpnd.model.routes import OVERRIDE, ROUTER

WAITING_MACS = 512
WAITING_IPS = 16
"""Most bindings that wait for the bridge to learn their MAC."""
DEPARTED_MACS = 1024
DEPARTED_IPS = 64
"""Most MACs that left, and most IPs of each, remembered."""


def wait(vrf: MacVrf, port: int, claim: Claim) -> None:
    """Store a claim until the bridge learns its MAC."""
    claims = vrf.remembered.waiting.get(claim.mac)
    if claims is None:
        if len(vrf.remembered.waiting) >= WAITING_MACS:
            del vrf.remembered.waiting[next(iter(vrf.remembered.waiting))]
        claims = vrf.remembered.waiting[claim.mac] = {}
    if claim.ip in claims or len(claims) < WAITING_IPS:
        claims[claim.ip] = (port, claim)


def depart(vrf: MacVrf, mac: bytes, ip: bytes, now: float) -> None:
    """Record for a moment which IP a MAC had."""
    if not is_tenant_ip(ip):
        return
    ips = vrf.remembered.departed.pop(mac, {})
    if len(vrf.remembered.departed) >= DEPARTED_MACS:
        del vrf.remembered.departed[next(iter(vrf.remembered.departed))]
    vrf.remembered.departed[mac] = ips
    if len(ips) < DEPARTED_IPS:
        ips[ip] = now


def kernel_flags(ip: bytes, router: bool) -> NdFlags | None:  # noqa: FBT001
    """Return the meaning of the kernel's router mark; None: it has none."""
    return NdFlags(True, None) if router and len(ip) > IPV4_LENGTH else None  # noqa: FBT003


def merge_flags(vrf: MacVrf, ip: bytes, said: NdFlags) -> int:
    """Return R and O of a binding after an advertisement."""
    override = vrf.bindings.nd_flags.get(ip, OVERRIDE) & OVERRIDE
    if said.override is not None:
        override = OVERRIDE if said.override else 0
    return (ROUTER if said.router else 0) | override


def put(vrf: MacVrf, table: dict[bytes, bytes], mac: bytes, ip: bytes) -> bool:
    """Bind an IP to a MAC; return whether it was not bound to it."""
    old = table.get(ip)
    if old == mac:
        return False
    if old is not None:
        take_out(vrf, table, ip)
    table[ip] = mac
    vrf.bindings.ips_of.setdefault(mac, set()).add(ip)
    vrf.bindings.touch(mac, ip)
    return True


def take_out(vrf: MacVrf, table: dict[bytes, bytes], ip: bytes) -> None:
    """Remove one source's binding of an IP."""
    mac = table.pop(ip, None)
    if mac is None:
        return
    vrf.bindings.touch(mac, ip)
    if any(table.get(ip) == mac for table in vrf.bindings.learned_tables):
        return
    ips = vrf.bindings.ips_of.get(mac)
    if ips is not None and vrf.bindings.static.get(ip) != mac:
        ips.discard(ip)
        if not ips:
            del vrf.bindings.ips_of[mac]
