"""What we announce: type 3 for each ready EVI, type 2 for its local MACs."""

from collections.abc import Collection, Iterable, Iterator
from weakref import WeakValueDictionary

from evpnd.core.announce import prefixes
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.sent import Announced, Gateway
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.core.want import adverts
from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import VrfConfig
from evpnd.model.ids import IPV4_LENGTH, Peer, is_tenant_ip
from evpnd.model.policy import Learned
from evpnd.model.routes import OVERRIDE, ROUTER


class Originator:
    """Keeps the announcements of a set of EVIs equal to what should be announced."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self._shared: WeakValueDictionary[tuple[object, ...], Advert] = (
            WeakValueDictionary()
        )
        """Those that routes have: a MAC that moves has others every time."""
        self._announce: dict[tuple[int, int], tuple[Advert, list[bytes]]] = {}
        """By VNI and the identity of the advert; equal ones are one object."""
        self._withdraw: dict[int, list[bytes]] = {}
        self._vrfs: dict[int, MacVrf] = {}
        self._asks_how_learned = False
        self._new_peers: list[Peer] = []
        """Peers that know nothing of us yet."""

    def ask_how_learned(self, vrfs: Iterable[MacVrf], *, asked: bool) -> None:
        """Store how routes were learned, if policies match that.

        They are announced anew when it changes: the policies are asked again.
        """
        if asked and not self._asks_how_learned:
            for vrf in vrfs:
                for mac, known in vrf.sent.macs.items():
                    learned = _how_learned(vrf, mac, known.ips)
                    vrf.sent.macs[mac] = known._replace(learned=learned)
        self._asks_how_learned = asked

    def mac(self, vrf: MacVrf, mac: bytes) -> None:
        """Announce and withdraw routes of a MAC, as far as they changed."""
        wanted = self._wanted(vrf, mac)
        known = vrf.sent.macs.get(mac)
        if wanted == known:
            return
        vni = vrf.config.vni
        self._vrfs[vni] = vrf
        old = {} if known is None else dict(routes(mac, known))
        new = {} if wanted is None else dict(routes(mac, wanted))
        vrf.sent.routes_of_macs += len(new) - len(old)
        if wanted is None:
            del vrf.sent.macs[mac]
        else:
            vrf.sent.macs[mac] = wanted
            anew = _learned_otherwise(mac, known, wanted)
            for key, advert in new.items():
                if old.get(key) is not advert or key in anew:
                    self._gather(vni, advert).append(key)
        gone = [key for key in old if key not in new]
        if gone:
            self._withdraw.setdefault(vni, []).extend(gone)

    def _gather(self, vni: int, advert: Advert) -> list[bytes]:
        """Return the keys that are announced with an advert in this turn."""
        known = self._announce.get((vni, id(advert)))
        if known is None:
            known = self._announce[vni, id(advert)] = (advert, [])
        return known[1]

    def _wanted(self, vrf: MacVrf, mac: bytes) -> Announced | None:
        ips = adverts.ips_to_announce(vrf, mac) if vrf.macs.is_local(mac) else ()
        if adverts.decide(vrf, mac, ips) is not None:
            return None
        advert = self._advert(vrf, mac, None)
        of_ips: tuple[Advert, ...] = ()
        if ips:
            routed = bool(vrf.router_mac)
            flags = [_telling_flags(vrf, ip) for ip in ips]
            if routed or any(each is not None for each in flags):
                of_ips = tuple(
                    self._advert(vrf, mac, each, routed=routed) for each in flags
                )
        learned: tuple[Learned, ...] = ()
        if self._asks_how_learned:
            learned = _how_learned(vrf, mac, ips)
        alone = vrf.config.advertise.macs
        return Announced(advert, alone, ips, of_ips, learned)

    def _advert(
        self, vrf: MacVrf, mac: bytes, flags: int | None, *, routed: bool = False
    ) -> Advert:
        """Return equal adverts as one object, so that routes group by identity.

        `routed`: they say how the VRF routes to the IP (RFC 9135, section 5.1).
        """
        targets = vrf.config.export_targets
        routing: VrfConfig | None = None
        router_mac = b""
        if routed and vrf.config.vrf is not None:
            routing, router_mac = vrf.config.vrf, vrf.router_mac
            targets = tuple(dict.fromkeys((*targets, *routing.export_targets)))
        sequence, sticky = vrf.macs.sequence.get(mac, 0), vrf.macs.is_sticky(mac)
        l3_vni = None if routing is None else routing.vni
        shared = (vrf.vtep, targets, sequence, sticky, flags, l3_vni, router_mac)
        advert = self._shared.get(shared)
        if advert is None:
            advert = self._shared[shared] = Advert(
                *(vrf.vtep, targets, sequence, sticky),
                arp_nd_flags=flags,
                l3_vni=l3_vni,
                router_mac=router_mac,
            )
        return advert

    def imet(self, vrf: MacVrf) -> list[Action]:
        """Announce or withdraw the type 3 route of an EVI, if it changed."""
        wanted = None
        if vrf.ready and vrf.config.advertise.imet:
            wanted = Advert(
                vrf.vtep, vrf.config.export_targets, pmsi_vni=vrf.config.vni
            )
        known = vrf.sent.imet
        if wanted == known:
            return []
        actions: list[Action] = []
        if wanted is not None:
            actions.append(AnnounceImet(None, wanted, vrf.source, wanted.next_hop))
        if known is not None and (wanted is None or wanted.next_hop != known.next_hop):
            actions.append(WithdrawImet(None, vrf.source, known.next_hop))
        vrf.sent.imet = wanted
        return actions

    def gateway(self, vrf: MacVrf) -> list[Action]:
        """Announce and withdraw the bridge's own addresses, as far as they changed.

        The default gateway community marks them (RFC 7432, section 10.1).
        """
        wanted: tuple[Gateway, ...] = ()
        if vrf.ready and vrf.config.advertise.default_gateway and vrf.bridge_mac:
            wanted = tuple(_gateways(vrf))
        known, vrf.sent.gateways = vrf.sent.gateways, wanted
        if wanted == known:
            return []
        actions: list[Action] = []
        kept = {key for group in wanted for key in group.keys}
        gone = [key for group in known for key in group.keys if key not in kept]
        if gone:
            actions.append(WithdrawMacIp(None, vrf.source, gone))
        vni = vrf.config.vni
        actions.extend(
            AnnounceMacIp(None, group.advert, vrf.source, vni, list(group.keys))
            for group in wanted
        )
        return actions

    def introduce(self, peers: Iterable[Peer]) -> None:
        """Store peers that are new in the configuration, for `tell_new_peers`."""
        self._new_peers.extend(peers)

    def tell_new_peers(
        self, vrfs: Collection[MacVrf], ip_vrfs: Collection[IpVrf]
    ) -> list[Action]:
        """Announce everything to the peers that know nothing of us yet."""
        actions: list[Action] = []
        for peer in self._new_peers:
            for vrf in vrfs:
                actions.extend(_tell_all(peer, vrf))
        actions.extend(prefixes.tell_new_peers(self._new_peers, ip_vrfs))
        self._new_peers.clear()
        return actions

    def flush(self) -> list[Action]:
        """Return the gathered announcements, grouped by equal adverts."""
        actions: list[Action] = [
            WithdrawMacIp(None, self._vrfs[vni].source, keys)
            for vni, keys in self._withdraw.items()
        ]
        actions.extend(
            AnnounceMacIp(None, advert, self._vrfs[vni].source, vni, keys)
            for (vni, _), (advert, keys) in self._announce.items()
        )
        self._announce = {}
        self._withdraw = {}
        return actions

    def withdraw_all(self, vrf: MacVrf) -> list[Action]:
        """Withdraw every route of an EVI that goes."""
        keys = [
            key for mac, known in vrf.sent.macs.items() for key, _ in routes(mac, known)
        ]
        actions: list[Action] = []
        if keys:
            actions.append(WithdrawMacIp(None, vrf.source, keys))
        actions.extend(
            WithdrawMacIp(None, vrf.source, list(group.keys))
            for group in vrf.sent.gateways
        )
        vrf.sent.gateways = ()
        if vrf.sent.imet is not None:
            actions.append(WithdrawImet(None, vrf.source, vrf.sent.imet.next_hop))
        vrf.sent.macs = {}
        vrf.sent.routes_of_macs = 0
        vrf.sent.imet = None
        return actions


def routes(mac: bytes, announced: Announced | None) -> Iterator[tuple[bytes, Advert]]:
    """Yield the announced routes of one MAC: key (MAC and IP) and advert."""
    if announced is None:
        return
    if announced.alone:
        yield mac, announced.advert
    if announced.of_ips:
        for ip, advert in zip(announced.ips, announced.of_ips, strict=True):
            yield mac + ip, advert
    else:
        for ip in announced.ips:
            yield mac + ip, announced.advert


def how_learned(vrf: MacVrf, mac: bytes, ip: bytes = b"") -> Learned:
    """Return how a local MAC, or the binding of its IP, was learned."""
    if vrf.macs.is_fixed(mac):
        return Learned.STATIC
    if not ip:
        return Learned.DYNAMIC
    snooped = vrf.bindings.snooped.get(ip) == mac and vrf.bindings.pinned.get(ip) != mac
    return Learned.SNOOPED if snooped else Learned.NEIGHBOR


def _how_learned(
    vrf: MacVrf, mac: bytes, ips: tuple[bytes, ...]
) -> tuple[Learned, ...]:
    return tuple(how_learned(vrf, mac, ip) for ip in (b"", *ips))


def _learned_otherwise(
    mac: bytes, known: Announced | None, wanted: Announced
) -> set[bytes]:
    """Return the routes of a MAC that were learned in another way when announced."""
    if known is None or not known.learned:
        return set()
    before = dict(zip((b"", *known.ips), known.learned, strict=True))
    return {
        mac + ip
        for ip, learned in zip((b"", *wanted.ips), wanted.learned, strict=False)
        if before.get(ip, learned) is not learned
    }


def _telling_flags(vrf: MacVrf, ip: bytes) -> int | None:
    """Return the ARP/ND flags of a binding; None: those that receivers assume.

    RFC 9047, 3.1 wants the community with every IPv6 route, but without it a receiver
    takes O for set and R for clear (3.2), and GoBGP 3.10 treats a route that has it as
    withdrawn: so it goes only where it says something.
    """
    flags = vrf.bindings.arp_nd_flags(ip)
    assumed = 0 if len(ip) == IPV4_LENGTH else OVERRIDE
    return None if flags == assumed else flags


def _gateways(vrf: MacVrf) -> Iterator[Gateway]:
    """Return the bridge's own addresses by advert: an IPv6 gateway is a router."""
    ips = sorted(filter(is_tenant_ip, vrf.own_ips))
    for family, flags in ((True, None), (False, ROUTER | OVERRIDE)):
        keys = tuple(
            vrf.bridge_mac + ip for ip in ips if (len(ip) == IPV4_LENGTH) is family
        )
        if keys:
            targets = vrf.config.export_targets
            advert = Advert(vrf.vtep, targets, default_gateway=True, arp_nd_flags=flags)
            yield Gateway(advert, keys)


def announced(vrf: MacVrf) -> Iterator[tuple[Advert, list[bytes]]]:
    """Return the announced routes of an EVI; a type 3 route has an empty key."""
    groups: dict[Advert, list[bytes]] = {}
    for mac, known in vrf.sent.macs.items():
        for key, advert in routes(mac, known):
            groups.setdefault(advert, []).append(key)
    yield from groups.items()
    for group in vrf.sent.gateways:
        yield group.advert, list(group.keys)
    if vrf.sent.imet is not None:
        yield vrf.sent.imet, [b""]


def _tell_all(peer: Peer, vrf: MacVrf) -> Iterator[Action]:
    for advert, keys in announced(vrf):
        if advert.pmsi_vni is not None:
            yield AnnounceImet(peer, advert, vrf.source, advert.next_hop)
        else:
            yield AnnounceMacIp(peer, advert, vrf.source, vrf.config.vni, keys)


def count(vrfs: Iterable[MacVrf]) -> int:
    """Return the number of routes announced."""
    return sum(
        vrf.sent.routes_of_macs
        + sum(len(group.keys) for group in vrf.sent.gateways)
        + (vrf.sent.imet is not None)
        for vrf in vrfs
    )
