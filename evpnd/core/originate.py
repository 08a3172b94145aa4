"""What we announce: type 3 for each ready EVI, type 2 for its local MACs."""

from collections.abc import Iterable, Iterator

from evpnd.core.evi import Announced, Gateway, MacVrf
from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    ExportAttributes,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.ids import Peer, RouteTarget, is_tenant_ip

ENCAPSULATION_VXLAN = bytes.fromhex("030c000000000008")
DEFAULT_GATEWAY = bytes.fromhex("030d000000000000")


def export_attributes(
    vtep: bytes,
    targets: tuple[RouteTarget, ...],
    sequence: int = 0,
    *,
    sticky: bool = False,
    gateway: bool = False,
) -> ExportAttributes:
    """Build the attributes of a type 2 route (wire.md, what we send).

    The MAC mobility community is there only when it says something.
    """
    communities = (*targets, ENCAPSULATION_VXLAN)
    if sequence or sticky:
        mobility = bytes((6, 0, sticky, 0)) + sequence.to_bytes(4, "big")
        communities = (*communities, mobility)
    if gateway:
        communities = (*communities, DEFAULT_GATEWAY)
    return ExportAttributes(next_hop=vtep, extended_communities=communities)


class Originator:
    """Keeps what was announced of one set of EVIs equal to what should be."""

    def __init__(self) -> None:
        """Begin with nothing announced."""
        self._shared: dict[tuple[object, ...], ExportAttributes] = {}
        self._announce: dict[tuple[int, ExportAttributes], list[bytes]] = {}
        self._withdraw: dict[int, list[bytes]] = {}
        self._vrfs: dict[int, MacVrf] = {}

    def mac(self, vrf: MacVrf, mac: bytes) -> None:
        """Compare what a MAC should be announced as with what it was."""
        wanted = self._wanted(vrf, mac)
        known = vrf.announced.get(mac)
        if wanted == known:
            return
        vni = vrf.config.vni
        self._vrfs[vni] = vrf
        old_keys = _keys(mac, known)
        new_keys = _keys(mac, wanted)
        if wanted is None:
            del vrf.announced[mac]
        else:
            vrf.announced[mac] = wanted
            same = known is not None and known.attributes is wanted.attributes
            fresh = (
                [key for key in new_keys if key not in old_keys] if same else new_keys
            )
            if fresh:
                group = (vni, wanted.attributes)
                self._announce.setdefault(group, []).extend(fresh)
        gone = [key for key in old_keys if key not in new_keys]
        if gone:
            self._withdraw.setdefault(vni, []).extend(gone)

    def _wanted(self, vrf: MacVrf, mac: bytes) -> Announced | None:
        if not vrf.ready or not vrf.is_local(mac) or mac in vrf.own_macs:
            return None
        advertise = vrf.config.advertise
        ips: tuple[bytes, ...] = ()
        if advertise.neighbors:
            ips = tuple(
                sorted(
                    ip
                    for ip in vrf.bindings_of.get(mac, ())
                    if vrf.binding(ip) == mac and ip not in vrf.own_ips
                )
            )
        if not (advertise.macs or ips):
            return None
        if mac in vrf.ceded:
            return None
        sequence = vrf.sequence.get(mac, 0)
        sticky = vrf.is_sticky(mac)
        shared = (vrf.vtep, vrf.config.export_targets, sequence, sticky)
        attributes = self._shared.get(shared)
        if attributes is None:
            attributes = self._shared[shared] = export_attributes(
                vrf.vtep, vrf.config.export_targets, sequence, sticky=sticky
            )
        return Announced(attributes, advertise.macs, ips)

    def imet(self, vrf: MacVrf) -> list[Action]:
        """Compare the type 3 route of an EVI with what was announced."""
        wanted = None
        if vrf.ready and vrf.config.advertise.imet:
            wanted = ExportAttributes(
                next_hop=vrf.vtep,
                extended_communities=(*vrf.config.export_targets, ENCAPSULATION_VXLAN),
                pmsi_vni=vrf.config.vni,
            )
        known = vrf.announced_imet
        if wanted == known:
            return []
        actions: list[Action] = []
        if known is not None and (wanted is None or wanted.next_hop != known.next_hop):
            actions.append(WithdrawImet(None, vrf.rd, known.next_hop))
        if wanted is not None:
            actions.append(AnnounceImet(None, wanted, vrf.rd, wanted.next_hop))
        vrf.announced_imet = wanted
        return actions

    def gateway(self, vrf: MacVrf) -> list[Action]:
        """Compare the bridge's own addresses with what was announced of them.

        The default gateway community marks them (RFC 7432, section 10.1).
        """
        wanted = Gateway(None, ())
        if vrf.ready and vrf.config.advertise.default_gateway and vrf.bridge_mac:
            ips = sorted(filter(is_tenant_ip, vrf.own_ips))
            targets = vrf.config.export_targets
            wanted = Gateway(
                export_attributes(vrf.vtep, targets, gateway=True),
                tuple(vrf.bridge_mac + ip for ip in ips),
            )
        known, vrf.announced_gateway = vrf.announced_gateway, wanted
        if wanted == known:
            return []
        actions: list[Action] = []
        gone = [key for key in known.keys if key not in wanted.keys]
        if gone:
            actions.append(WithdrawMacIp(None, vrf.rd, gone))
        if wanted.attributes is not None and wanted.keys:
            keys = list(wanted.keys)
            vni = vrf.config.vni
            actions.append(AnnounceMacIp(None, wanted.attributes, vrf.rd, vni, keys))
        return actions

    def tell(self, peer: Peer, vrfs: Iterable[MacVrf]) -> list[Action]:
        """Announce everything to a peer that is new in the configuration."""
        actions: list[Action] = []
        for vrf in vrfs:
            for attributes, keys in announced(vrf):
                if attributes.pmsi_vni is not None:
                    imet = AnnounceImet(peer, attributes, vrf.rd, attributes.next_hop)
                    actions.append(imet)
                    continue
                vni = vrf.config.vni
                actions.append(AnnounceMacIp(peer, attributes, vrf.rd, vni, keys))
        return actions

    def flush(self) -> list[Action]:
        """Hand out the gathered announcements, grouped by equal attributes."""
        actions: list[Action] = [
            WithdrawMacIp(None, self._vrfs[vni].rd, keys)
            for vni, keys in self._withdraw.items()
        ]
        actions.extend(
            AnnounceMacIp(None, attributes, self._vrfs[vni].rd, vni, keys)
            for (vni, attributes), keys in self._announce.items()
        )
        self._announce = {}
        self._withdraw = {}
        return actions

    def withdraw_all(self, vrf: MacVrf) -> list[Action]:
        """Withdraw every route of an EVI that goes."""
        keys = [
            key for mac, known in vrf.announced.items() for key in _keys(mac, known)
        ]
        actions: list[Action] = []
        if keys:
            actions.append(WithdrawMacIp(None, vrf.rd, keys))
        if vrf.announced_gateway.keys:
            keys = list(vrf.announced_gateway.keys)
            actions.append(WithdrawMacIp(None, vrf.rd, keys))
            vrf.announced_gateway = Gateway(None, ())
        if vrf.announced_imet is not None:
            actions.append(WithdrawImet(None, vrf.rd, vrf.announced_imet.next_hop))
        vrf.announced = {}
        vrf.announced_imet = None
        return actions


def _keys(mac: bytes, announced: Announced | None) -> list[bytes]:
    if announced is None:
        return []
    keys = [mac] if announced.alone else []
    keys.extend(mac + ip for ip in announced.ips)
    return keys


def announced(vrf: MacVrf) -> Iterator[tuple[ExportAttributes, list[bytes]]]:
    """List what the peers were told of an EVI; a type 3 route has an empty key."""
    groups: dict[ExportAttributes, list[bytes]] = {}
    for mac, known in vrf.announced.items():
        groups.setdefault(known.attributes, []).extend(_keys(mac, known))
    gateway = vrf.announced_gateway
    if gateway.attributes is not None:
        groups[gateway.attributes] = list(gateway.keys)
    yield from ((attributes, keys) for attributes, keys in groups.items() if keys)
    if vrf.announced_imet is not None:
        yield vrf.announced_imet, [b""]


def count(vrfs: Iterable[MacVrf]) -> int:
    """Count the routes announced."""
    return sum(
        sum(known.alone + len(known.ips) for known in vrf.announced.values())
        + len(vrf.announced_gateway.keys)
        + (vrf.announced_imet is not None)
        for vrf in vrfs
    )
