"""Who has a MAC: we or a remote VTEP (RFC 7432, section 15).

A sequence is a field of the state and lives as long as its local MAC: it is set
when the MAC is learned behind one of our ports while a remote route for it is
live, and gone with it.
"""

from evpnd.core.evi import LocalMac, MacVrf, Origin
from evpnd.core.path import Path
from evpnd.core.selection import best_for_mac
from evpnd.model.actions import Notice
from evpnd.model.ids import format_ip, format_mac

SEQUENCE_MAX = 0xFFFFFFFF


def learn(vrf: MacVrf, mac: bytes, local: LocalMac, notices: list[Notice]) -> None:
    """Take a MAC as local; claim it where a remote VTEP has it."""
    known = vrf.local.get(mac)
    if known is not None and known[:3] == local[:3]:
        return
    vrf.local[mac] = local
    vrf.dirty_macs.add(mac)
    vrf.dirty_ips.update(vrf.bindings_of.get(mac, ()))
    if known is not None:
        return
    path = best_for_mac(vrf, mac)
    if path is None:
        return
    if path.sticky and local.origin is Origin.DYNAMIC:
        notices.append(
            Notice(
                "warning",
                "sticky_mac_seen_locally",
                {**_of(vrf, mac), "vtep": format_ip(path.vtep)},
            )
        )
        return
    vrf.moved.append(mac)
    own = vrf.sequence.get(mac, 0)
    vrf.sequence[mac] = max(min(path.sequence + 1, SEQUENCE_MAX), own)
    notices.append(
        Notice(
            "info",
            "mac_moved",
            {
                **_of(vrf, mac),
                "from": format_ip(path.vtep),
                "to": "local",
                "sequence": vrf.sequence[mac],
            },
        )
    )


def forget(vrf: MacVrf, mac: bytes) -> None:
    """Drop a MAC that is no longer behind a port of ours, with its bindings."""
    if vrf.local.pop(mac, None) is None:
        return
    vrf.dirty_macs.add(mac)
    vrf.sequence.pop(mac, None)
    if mac in vrf.static:
        return
    for ip in vrf.bindings_of.pop(mac, ()):
        vrf.dirty_ips.add(ip)
        for table in (vrf.snooped, vrf.kernel_bindings):
            if table.get(ip) == mac:
                del table[ip]


def remote_wins(vrf: MacVrf, mac: bytes, path: Path, notices: list[Notice]) -> bool:
    """Judge a MAC that is local and has a remote route.

    The higher sequence wins, and of equal ones the lower VTEP address. A MAC that
    wins stays local; one that loses is forgotten here, and its rows follow. What the
    operator put on a port stays there, but is not announced any longer, unless it
    is sticky: then it stays in any case.
    """
    if vrf.is_sticky(mac):
        return False
    if not path.sticky:
        own = (-vrf.sequence.get(mac, 0), vrf.vtep)
        if own <= (-path.sequence, path.vtep):
            vrf.ceded.discard(mac)
            return False
    if vrf.is_fixed(mac):
        if mac not in vrf.ceded:
            vrf.ceded.add(mac)
            fields = {**_of(vrf, mac), "vtep": format_ip(path.vtep)}
            notices.append(Notice("warning", "fixed_mac_claimed", fields))
        # A row of the operator's is not ours to replace.
        return mac not in vrf.local
    forget(vrf, mac)
    vrf.moved.append(mac)
    notices.append(
        Notice(
            "info",
            "mac_moved",
            {
                **_of(vrf, mac),
                "from": "local",
                "to": format_ip(path.vtep),
                "sequence": path.sequence,
            },
        )
    )
    return True


def _of(vrf: MacVrf, mac: bytes) -> dict[str, object]:
    return {"evi": vrf.config.name, "vni": vrf.config.vni, "mac": format_mac(mac)}
