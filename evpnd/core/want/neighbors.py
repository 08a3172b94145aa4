"""Decides which MAC the bridge answers for an IP, or why none.

For an IP behind a remote MAC the bridge answers in its place. A tenant of ours
answers for itself, but where the bridge knows it, requests for it do not go to the
other VTEPs; the kernel's own neighbour serves for that as well.
"""

from evpnd.core.bgp.select import best_for_ip
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason
from evpnd.core.tables.neighbors import Neighbor
from evpnd.model.ids import IPV4_LENGTH, is_host_ip, is_unicast_mac
from evpnd.model.routes import ROUTER

_NO_BINDING = Reason.NO_BINDING
_TENANT_ANSWERS = Reason.TENANT_ANSWERS
"""Python 3.11 takes ten times as long to look a member of an enum up."""


def decide(vrf: MacVrf, ip: bytes) -> Neighbor | Reason:
    """Return the neighbour that an IP should have, or the reason for none.

    Whether the EVI is ready is not asked: `why_no_row` does.
    """
    if ip in vrf.own_ips:
        return Reason.OWN_IP
    if not vrf.domain.svi:
        return Reason.NO_DEVICE
    local = vrf.bindings.holder(ip)
    if local is not None:
        known = ip in vrf.bindings.pinned or ip in vrf.bindings.kernel
        if known or not vrf.config.suppress:
            return _TENANT_ANSWERS
        if ip in vrf.neighbors.foreign:
            return Reason.FOREIGN_NEIGHBOR
        router = bool(vrf.bindings.arp_nd_flags(ip) & ROUTER)
        return Neighbor(local, router, local=True)
    found = best_for_ip(vrf.routes, ip)
    if found is None:
        return _NO_BINDING
    mac, path = found
    reason = _unusable(vrf, ip, mac)
    if reason is not None:
        return reason
    flags = path.attributes.arp_nd_flags
    # Of no meaning with IPv4 (RFC 9047, 3.2). O has no place in the kernel's row:
    # the bridge sets it in every advertisement that it sends for another.
    router = bool(flags is not None and flags & ROUTER) and len(ip) > IPV4_LENGTH
    return Neighbor(mac, router, local=False)


def _unusable(vrf: MacVrf, ip: bytes, mac: bytes) -> Reason | None:
    """Return why the best remote binding of an IP gives no neighbour."""
    if not is_host_ip(ip):
        return Reason.NO_HOST
    if not is_unicast_mac(mac):
        return Reason.MAC_NOT_UNICAST
    if vrf.macs.is_local(mac):
        return Reason.MAC_LOCAL
    if mac in vrf.macs.own:
        return Reason.MAC_OWN
    return Reason.FOREIGN_NEIGHBOR if ip in vrf.neighbors.foreign else None


def why_no_row(vrf: MacVrf, ip: bytes) -> Reason | None:
    """Return why an IP has no neighbour now; None: it should have one."""
    if not vrf.ready:
        return Reason.NOT_READY
    wanted = decide(vrf, ip)
    return wanted if isinstance(wanted, Reason) else None
