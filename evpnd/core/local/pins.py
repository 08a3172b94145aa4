"""IPs that an administrator binds to a MAC by a permanent neighbour of the bridge.

``ip neigh replace IP lladdr MAC dev BRIDGE nud permanent`` is what operators and VM
orchestrators write. Such a binding does not age, nobody is asked for it, and the ARP
of another tenant does not change it, as it does not change the kernel's row. Like a
static MAC it yields to a remote route with a better claim, and it comes back when that
route is gone or no longer better.
"""

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.remote_claims import Rival, is_better, rival_of


def pin(vrf: MacVrf, mac: bytes, ip: bytes) -> bool:
    """Store a pinned binding; returns whether it is news."""
    if mac in (vrf.bindings.pinned.get(ip), vrf.bindings.ceded_pins.get(ip)):
        return False
    vrf.bindings.ceded_pins.pop(ip, None)
    before = vrf.bindings.holder(ip)
    vrf.bindings.take_out(vrf.bindings.kernel, ip)
    vrf.bindings.put(vrf.bindings.pinned, mac, ip)
    if before is not None:
        vrf.bindings.touch(before, ip)
    vrf.bindings.disputed.pop(ip, None)
    vrf.bindings.doubted.pop(ip, None)
    return True


def unpin(vrf: MacVrf, ip: bytes) -> None:
    """Remove a pinned binding; the tenant's own claims count again."""
    vrf.bindings.ceded_pins.pop(ip, None)
    vrf.bindings.take_out(vrf.bindings.pinned, ip)
    other = vrf.bindings.holder(ip)
    if other is not None:
        vrf.bindings.touch(other, ip)


def contest(vrf: MacVrf, ip: bytes) -> Rival | None:
    """Compare a pinned binding with the remote ones; return the best rival.

    The binding goes to `ceded_pins` or back to `pinned`, as the comparison ends.
    """
    mac = vrf.bindings.pinned.get(ip) or vrf.bindings.ceded_pins[ip]
    found = rival_of(vrf, ip, mac) if vrf.macs.is_local(mac) else None
    yields = found is not None and is_better(vrf, mac, found[1])
    if yields and ip in vrf.bindings.pinned:
        vrf.bindings.take_out(vrf.bindings.pinned, ip)
        vrf.bindings.ceded_pins[ip] = mac
    elif not yields and ip in vrf.bindings.ceded_pins:
        del vrf.bindings.ceded_pins[ip]
        vrf.bindings.put(vrf.bindings.pinned, mac, ip)
    return found
