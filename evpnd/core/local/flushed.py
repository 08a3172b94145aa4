"""Tenants whose MACs the kernel flushed from the bridge.

A bridge or a port that goes down loses its MACs (``br_fdb_delete_by_port`` in
net/bridge/br_fdb.c), and a bridge its neighbours (``neigh_ifdown`` in
net/core/neighbour.c). That does not mean that the tenants left. Their MACs are
withdrawn, because no port has them now, but their bindings are remembered. As soon as
the port forwards frames, the tenants are probed for their addresses, and a MAC that the
bridge learns again gets its IPs back at once.
"""

from evpnd.core.evi.local_bindings import Claim
from evpnd.core.evi.local_macs import Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.remembered import Flushed
from evpnd.core.local import mobility
from evpnd.core.local.questions import Questions
from evpnd.model.events import NdFlags
from evpnd.model.routes import OVERRIDE, ROUTER

FLUSHED_TIME = 300.0
"""Seconds for which bindings are remembered: the bridge's default ageing time."""
FLUSHED_MOST = 1 << 16
"""MACs of one EVI that are remembered."""


def flush(vrf: MacVrf, mac: bytes, questions: Questions, now: float) -> None:
    """Remove a MAC from its port, and remember its IPs.

    A static row goes by an operator's word, and nothing is remembered.
    """
    local = vrf.macs.local.get(mac)
    ips = {
        ip: vrf.bindings.nd_flags.get(ip, OVERRIDE)
        for ip in sorted(vrf.bindings.ips_of.get(mac, ()))
        if vrf.bindings.snooped.get(ip) == mac
    }
    mobility.forget(vrf, mac)
    if local is not None and local.origin is Origin.DYNAMIC:
        remember(vrf, mac, Flushed(local.port, now, ips), questions)


def forget_devices(vrf: MacVrf, questions: Questions, now: float) -> None:
    """Forget an EVI's devices, but keep the bindings of tenants on its ports.

    A device that is made anew must not cost silent tenants their bindings: these
    come back with the MACs, or are asked for.
    """
    said: dict[bytes, dict[bytes, int]] = {}
    for ip, mac in vrf.bindings.snooped.items():
        said.setdefault(mac, {})[ip] = vrf.bindings.nd_flags.get(ip, OVERRIDE)
    local = dict(vrf.macs.local)
    vrf.forget_kernel()
    for mac, ips in said.items():
        for ip in ips:
            vrf.remembered.depart(mac, ip, now)
            if mac in local:
                vrf.remembered.wait(local[mac].port, Claim(mac, ip, now))
        if mac in local:
            remember(vrf, mac, Flushed(local[mac].port, now, ips), questions)


def remember(vrf: MacVrf, mac: bytes, lost: Flushed, questions: Questions) -> None:
    """Store the bindings of a flushed MAC; the oldest entries make room."""
    table = vrf.remembered.flushed
    table.pop(mac, None)
    table[mac] = lost
    while len(table) > FLUSHED_MOST or _oldest(table).at < lost.at - FLUSHED_TIME:
        del table[next(iter(table))]
    questions.ask_flushed(vrf, (mac,))


def reopen(vrf: MacVrf, ports: frozenset[int], questions: Questions) -> None:
    """Store the ports that forward frames; queue probes behind new ones."""
    opened = ports - vrf.open_ports
    vrf.open_ports = ports
    if opened:
        macs = [
            mac for mac, lost in vrf.remembered.flushed.items() if lost.port in opened
        ]
        unsure = (vrf.bindings.holder(ip) for ip in vrf.bindings.unsure)
        macs.extend(mac for mac in unsure if mac is not None)
        questions.ask_flushed(vrf, macs)


def can_ask(vrf: MacVrf, mac: bytes) -> bool:
    """Return whether a probe would reach a MAC, and the answer be of its VLAN."""
    local = vrf.macs.local.get(mac)
    return local is None or local.port in vrf.members


def is_unsure(vrf: MacVrf, mac: bytes, ip: bytes) -> bool:
    """Return whether the tenant of a kept binding could answer for it now."""
    local = vrf.macs.local.get(mac)
    return (
        ip in vrf.bindings.unsure and local is not None and local.port in vrf.open_ports
    )


def port_of(vrf: MacVrf, mac: bytes) -> int:
    """Return the port where a MAC is, or was until it was flushed."""
    local = vrf.macs.local.get(mac)
    return local.port if local is not None else vrf.remembered.flushed[mac].port


def is_missing(vrf: MacVrf, mac: bytes, ip: bytes) -> bool:
    """Return whether a flushed MAC had an IP and could answer for it now."""
    lost = vrf.remembered.flushed.get(mac)
    return lost is not None and ip in lost.ips and lost.port in vrf.open_ports


def give_up(vrf: MacVrf, mac: bytes, ip: bytes) -> None:
    """Forget an IP of a flushed MAC that did not answer for it."""
    vrf.remembered.flushed[mac].ips.pop(ip, None)


def flags_of(nd_flags: int) -> NdFlags:
    """Return the flags of an advertisement from R and O."""
    return NdFlags(bool(nd_flags & ROUTER), bool(nd_flags & OVERRIDE))


def _oldest(table: dict[bytes, Flushed]) -> Flushed:
    return next(iter(table.values()))
