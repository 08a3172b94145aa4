"""The routes that each peer receives, with the attributes for it.

The Originator says what there is to announce, once for all. Peers that get equal
treatment form an update group; where there is one group, and nothing to change for
it, the Originator's actions pass as they are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from typing import NamedTuple, Protocol

from evpnd.core.announce import originator, prefixes
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    AnnouncePrefixes,
    WithdrawImet,
    WithdrawMacIp,
    WithdrawPrefixes,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config, EviConfig, InstanceConfig, PeerConfig
from evpnd.model.ids import Peer
from evpnd.model.key import is_prefix
from evpnd.model.targets import Profile, auto_export_target, auto_form

IMET = b""
"""Stands for the type 3 route of an EVI where a type 2 has its MAC and IP."""


class ExportPolicy(Protocol):
    """The policies' result for a route; None: it is not announced.

    Compared by equality: an equal policy treats every route alike, so that peers of
    equal ones share a group and a reload that changes nothing announces nothing.
    """

    def __call__(
        self, evi: InstanceConfig, advert: Advert, key: bytes
    ) -> Advert | None:
        """Return the verdict on a route.

        The key is MAC and IP octets, a prefix, or `IMET`.
        """


_NO_VRFS: Mapping[int, IpVrf] = {}
PolicyOf = Callable[[PeerConfig], ExportPolicy | None]


def no_policy(_peer: PeerConfig) -> ExportPolicy | None:
    """Announce all routes to a peer."""
    return None


class Treatment(NamedTuple):
    """Everything that determines the form of a peer's routes."""

    form: Profile = Profile.GENERIC
    """Of the profiles that derive the same targets in our AS, the first."""
    asn: int = 0
    site_of_origin: bytes | None = None
    policy: ExportPolicy | None = None

    @property
    def changes_nothing(self) -> bool:
        """Return whether the Originator's adverts need no change."""
        return (
            self.form is Profile.GENERIC
            and self.site_of_origin is None
            and self.policy is None
        )

    def form_of(self, evi: InstanceConfig, advert: Advert) -> Advert:
        """Write `auto` in the profile's form and add the site of origin."""
        targets = self._targets(evi, advert)
        if targets is None and self.site_of_origin is None:
            return advert
        return replace(
            advert,
            route_targets=advert.route_targets if targets is None else targets,
            site_of_origin=self.site_of_origin,
        )

    def _targets(
        self, instance: InstanceConfig, advert: Advert
    ) -> tuple[bytes, ...] | None:
        if self.form is Profile.GENERIC:
            return None
        targets = self._in_form(instance)
        if advert.l3_vni is not None and isinstance(instance, EviConfig):
            targets += self._in_form(instance.vrf) if instance.vrf else ()
        targets = tuple(dict.fromkeys(targets))
        return None if set(targets) == set(advert.route_targets) else targets

    def _in_form(self, instance: InstanceConfig) -> tuple[bytes, ...]:
        """Return the export targets of an EVI or a VRF, `auto` in the form."""
        if instance.given_targets is None:
            return instance.export_targets
        automatic = auto_export_target(self.asn, instance.vni, self.form)
        return automatic, *instance.given_targets

    def routes(
        self, evi: InstanceConfig, advert: Advert, keys: list[bytes]
    ) -> Iterator[Advert | None]:
        """Return the advert of each route; None: not announced."""
        if self.policy is None:
            return repeat(self.form_of(evi, advert), len(keys))
        return self._judge(self.policy, evi, advert, keys)

    def _judge(
        self,
        policy: ExportPolicy,
        evi: InstanceConfig,
        advert: Advert,
        keys: list[bytes],
    ) -> Iterator[Advert | None]:
        told = self.form_of(evi, advert)
        for key in keys:
            yield policy(evi, told, key)


class Group:
    """Peers that receive the same routes."""

    def __init__(self, treatment: Treatment) -> None:
        """Start without peers."""
        self.treatment = treatment
        self.peers: list[Peer] = []
        self.withheld: set[tuple[bytes, bytes]] = set()
        """(source, MAC and IP) of routes that the policy withholds."""

    def announce(
        self,
        evi: InstanceConfig,
        source: bytes,
        advert: Advert,
        keys: list[bytes],
    ) -> tuple[dict[Advert, list[bytes]], list[bytes]]:
        """Split routes into those to announce, by advert, and to withdraw."""
        treatment, withheld = self.treatment, self.withheld
        if treatment.policy is None:
            return {treatment.form_of(evi, advert): keys}, []
        told: dict[Advert, list[bytes]] = {}
        gone: list[bytes] = []
        verdicts = treatment.routes(evi, advert, keys)
        for key, judged in zip(keys, verdicts, strict=True):
            route = (source, key)
            if judged is not None:
                withheld.discard(route)
                told.setdefault(judged, []).append(key)
            elif route not in withheld:
                withheld.add(route)
                gone.append(key)
        return told, gone

    def withdraw(self, source: bytes, keys: list[bytes]) -> list[bytes]:
        """Return the routes that these peers have received."""
        withheld = self.withheld
        if not withheld:
            return keys
        told = [key for key in keys if (source, key) not in withheld]
        withheld.difference_update((source, key) for key in keys)
        return told


class Exporter:
    """Turns announcements to all peers into those for each update group."""

    def __init__(self, config: Config, policy_of: PolicyOf = no_policy) -> None:
        """Start with the peers of a configuration."""
        self.groups: dict[Treatment, Group] = {}
        self._of: dict[Peer, Group] = {}
        self._config = config
        self._before: tuple[dict[Peer, Group], dict[int, InstanceConfig]] | None = None
        """Groups and EVIs at the last export, where a configuration came since."""
        self._group(config, policy_of)

    def _group(self, config: Config, policy_of: PolicyOf) -> None:
        old, self.groups = self.groups, {}
        old_of, self._of = self._of, {}
        for peer in config.peers:
            treatment = Treatment(
                auto_form(config.asn, peer.profile),
                config.asn,
                config.site_of_origin,
                policy_of(peer),
            )
            group = self.groups.get(treatment)
            if group is None:
                group = self.groups[treatment] = Group(treatment)
                if treatment in old:
                    group.withheld = old[treatment].withheld
            group.peers.append(peer.address)
            self._of[peer.address] = group
        for treatment, group in self.groups.items():
            untold = [old_of[peer].withheld for peer in group.peers if peer in old_of]
            if treatment not in old and untold:
                group.withheld = set.intersection(*untold)

    def configure(self, config: Config, policy_of: PolicyOf = no_policy) -> None:
        """Store a new configuration; its changes follow at the next export."""
        if self._before is None:
            instances = (*self._config.evis, *self._config.vrfs)
            evis: dict[int, InstanceConfig] = {each.vni: each for each in instances}
            self._before = self._of, evis
        self._config = config
        self._group(config, policy_of)

    def export(
        self,
        actions: list[Action],
        vrfs: Mapping[int, MacVrf],
        ip_vrfs: Mapping[int, IpVrf] = _NO_VRFS,
    ) -> list[Action]:
        """Address announcements for all peers to each group, in its form."""
        before, self._before = self._before, None
        if before is None and len(self.groups) <= 1:
            group = next(iter(self.groups.values()), None)
            if group is None or group.treatment.changes_nothing:
                return actions
        by_source: dict[bytes, InstanceConfig] = {}
        if actions:
            by_source.update((vrf.source, vrf.config) for vrf in vrfs.values())
            by_source.update((vrf.source, vrf.config) for vrf in ip_vrfs.values())
        done: list[Action] = []
        for action in actions:
            match action:
                case AnnounceMacIp() | AnnounceImet() | AnnouncePrefixes():
                    evi = by_source[action.source]
                    for group, peers in self._addressed(action.peer):
                        done.extend(_announce(group, peers, evi, action))
                case WithdrawMacIp() | WithdrawImet() | WithdrawPrefixes():
                    for group, peers in self._addressed(action.peer):
                        done.extend(_withdraw(group, peers, action))
                case _:
                    done.append(action)
        if before is not None:
            groups, evis = before
            for vrf in vrfs.values():
                old = evis.get(vrf.config.vni)
                told = originator.announced(vrf)
                done.extend(self._differences(vrf, told, groups, old))
            for ip_vrf in ip_vrfs.values():
                old = evis.get(ip_vrf.config.vni)
                told = prefixes.announced(ip_vrf)
                done.extend(self._differences(ip_vrf, told, groups, old))
        return done

    def _addressed(
        self, peer: Peer | None
    ) -> Iterator[tuple[Group, Iterable[Peer | None]]]:
        """Return the groups that an action is for; a single group is all peers."""
        if peer is not None:
            if peer in self._of:
                yield self._of[peer], (peer,)
            return
        for group in self.groups.values():
            yield group, (None,) if len(self.groups) == 1 else group.peers

    def _differences(
        self,
        vrf: MacVrf | IpVrf,
        announced: Iterable[tuple[Advert, list[bytes]]],
        groups: dict[Peer, Group],
        old_evi: InstanceConfig | None,
    ) -> Iterator[Action]:
        """Announce what a new configuration changes in routes that stay."""
        evi: InstanceConfig = vrf.config
        announced = list(announced)
        if old_evi is None:
            old_evi = evi
        if old_evi.export_targets != evi.export_targets:
            # The Originator has announced all of it anew.
            return
        same = _form_of(old_evi) == _form_of(evi)
        for peer, group in self._of.items():
            old = groups.get(peer)
            if old is None or (same and old.treatment == group.treatment):
                continue
            for advert, keys in announced:
                told: dict[Advert, list[bytes]] = {}
                gone: list[bytes] = []
                before = old.treatment.routes(old_evi, advert, keys)
                after = group.treatment.routes(evi, advert, keys)
                for key, was, now in zip(keys, before, after, strict=True):
                    if now is None:
                        group.withheld.add((vrf.source, key))
                        if was is not None:
                            gone.append(key)
                        continue
                    group.withheld.discard((vrf.source, key))
                    if now != was:
                        told.setdefault(now, []).append(key)
                yield from _tell((peer,), vrf.source, evi, advert, told, gone)

    def tells(self, source: bytes, keys: Iterable[bytes]) -> bool:
        """Return whether policies accept one of some routes for at least one peer."""
        kept = [group.withheld for group in self.groups.values()]
        if not all(kept):
            return True
        return any((source, key) not in withheld for key in keys for withheld in kept)

    def advertised(
        self, vrfs: Iterable[MacVrf], ip_vrfs: Iterable[IpVrf] = ()
    ) -> dict[Peer, int]:
        """Return the number of routes that each peer receives."""
        count = originator.count(vrfs) + sum(len(vrf.sent) for vrf in ip_vrfs)
        return {peer: count - len(group.withheld) for peer, group in self._of.items()}

    def advertised_imets(self, vrfs: Iterable[MacVrf]) -> dict[Peer, int]:
        """Return the number of type 3 routes among them."""
        sent = {(vrf.source, IMET) for vrf in vrfs if vrf.sent.imet is not None}
        return {
            peer: len(sent - group.withheld) if group.withheld else len(sent)
            for peer, group in self._of.items()
        }


def _form_of(instance: InstanceConfig) -> object:
    """Return what decides about the form of the routes of an EVI or a VRF."""
    vrf = instance.vrf if isinstance(instance, EviConfig) else None
    routed = None if vrf is None else (vrf.given_targets, vrf.export_targets)
    return instance.given_targets, instance.export_policies, routed


def _announce(
    group: Group,
    peers: Iterable[Peer | None],
    evi: InstanceConfig,
    action: AnnounceMacIp | AnnounceImet | AnnouncePrefixes,
) -> Iterator[Action]:
    keys = _keys_of(action)
    told, gone = group.announce(evi, action.source, action.advert, keys)
    return _tell(peers, action.source, evi, action.advert, told, gone)


def _keys_of(
    action: AnnounceMacIp
    | AnnounceImet
    | AnnouncePrefixes
    | WithdrawMacIp
    | WithdrawImet
    | WithdrawPrefixes,
) -> list[bytes]:
    match action:
        case AnnounceMacIp() | WithdrawMacIp():
            return action.keys
        case AnnouncePrefixes() | WithdrawPrefixes():
            return action.prefixes
        case _:
            return [IMET]


def _tell(  # noqa: PLR0917 - one route's parts
    peers: Iterable[Peer | None],
    source: bytes,
    evi: InstanceConfig,
    origin: Advert,
    told: dict[Advert, list[bytes]],
    gone: list[bytes],
) -> Iterator[Action]:
    """Write routes with the same advert of the Originator's as actions."""
    for peer in peers:
        if gone == [IMET]:
            yield WithdrawImet(peer, source, origin.next_hop)
        elif gone and is_prefix(gone[0]):
            yield WithdrawPrefixes(peer, source, gone)
        elif gone:
            yield WithdrawMacIp(peer, source, gone)
        for advert, keys in told.items():
            if keys == [IMET]:
                yield AnnounceImet(peer, advert, source, origin.next_hop)
            elif is_prefix(keys[0]):
                yield AnnouncePrefixes(peer, advert, source, evi.vni, keys)
            else:
                yield AnnounceMacIp(peer, advert, source, evi.vni, keys)


def _withdraw(
    group: Group,
    peers: Iterable[Peer | None],
    action: WithdrawMacIp | WithdrawImet | WithdrawPrefixes,
) -> Iterator[Action]:
    keys = group.withdraw(action.source, _keys_of(action))
    for peer in peers if keys else ():
        match action:
            case WithdrawImet():
                yield action._replace(peer=peer)
            case WithdrawPrefixes():
                yield action._replace(peer=peer, prefixes=keys)
            case WithdrawMacIp():
                yield action._replace(peer=peer, keys=keys)
