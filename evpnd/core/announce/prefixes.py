"""What we announce of a VRF: type 5 for routes of its table that evpnd did not make."""

from collections.abc import Iterable, Iterator

from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.actions import Action, AnnouncePrefixes, WithdrawPrefixes
from evpnd.model.advert import Advert
from evpnd.model.ids import Peer, is_link_local
from evpnd.model.rows import (
    RTN_UNICAST,
    RTPROT_BOOT,
    RTPROT_KERNEL,
    RTPROT_STATIC,
)

_MULTICAST_4, _MULTICAST_6 = 0xE0, 0xFF


def announce(vrf: IpVrf) -> list[Action]:
    """Announce and withdraw prefixes, as far as they changed."""
    told, sent = vrf.tables.prefixes.told, vrf.sent
    if vrf.stale:
        keys = {*vrf.tables.prefixes.others, *sent}
        vrf.stale = False
    elif told:
        keys = set(told)
    else:
        return []
    told.clear()
    wanted = _advert(vrf) if vrf.ready else None
    new: list[bytes] = []
    gone: list[bytes] = []
    for prefix in sorted(keys):
        if wanted is not None and is_announced(vrf, prefix):
            if sent.get(prefix) != wanted:
                sent[prefix] = wanted
                new.append(prefix)
        elif prefix in sent:
            del sent[prefix]
            gone.append(prefix)
    actions: list[Action] = []
    if new and wanted is not None:
        vni = vrf.config.vni
        actions.append(AnnouncePrefixes(None, wanted, vrf.source, vni, new))
    if gone:
        actions.append(WithdrawPrefixes(None, vrf.source, gone))
    return actions


def is_announced(vrf: IpVrf, prefix: bytes) -> bool:
    """Return whether the table has a route to a prefix that is to be announced."""
    first = prefix[0]
    if (
        first >= _MULTICAST_4 and (len(prefix) == 5 or first == _MULTICAST_6)
    ) or is_link_local(prefix[:-1]):
        return False
    settings = vrf.config.advertise
    protocols = {
        protocol
        for protocol, said in (
            (RTPROT_KERNEL, settings.connected),
            (RTPROT_STATIC, settings.static),
            (RTPROT_BOOT, settings.kernel),
        )
        if said
    }
    chosen = prefix in settings.prefixes
    return any(
        other.kind == RTN_UNICAST and (chosen or other.protocol in protocols)
        for other in vrf.tables.prefixes.others.get(prefix, ())
    )


def _advert(vrf: IpVrf) -> Advert:
    config = vrf.config
    return Advert(vrf.vtep, config.export_targets, router_mac=vrf.router_mac)


def withdraw_all(vrf: IpVrf) -> list[Action]:
    """Withdraw every prefix of a VRF that goes."""
    gone = sorted(vrf.sent)
    vrf.sent = {}
    return [WithdrawPrefixes(None, vrf.source, gone)] if gone else []


def announced(vrf: IpVrf) -> Iterator[tuple[Advert, list[bytes]]]:
    """Return the announced prefixes of a VRF by their adverts."""
    groups: dict[Advert, list[bytes]] = {}
    for prefix, advert in vrf.sent.items():
        groups.setdefault(advert, []).append(prefix)
    yield from groups.items()


def tell_new_peers(peers: Iterable[Peer], vrfs: Iterable[IpVrf]) -> Iterator[Action]:
    """Announce all prefixes to peers that know nothing of us yet."""
    vrfs = list(vrfs)
    for peer in peers:
        for vrf in vrfs:
            for advert, prefixes in announced(vrf):
                vni = vrf.config.vni
                yield AnnouncePrefixes(peer, advert, vrf.source, vni, prefixes)
