"""Export policies: what a peer is told of the routes of our EVIs.

The EVI's policies are asked first, then the peer's. What the adverts
say is asked once for all routes that share one.
"""

from collections.abc import Mapping
from typing import final

from evpnd.core.announce.originator import how_learned
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.advert import Advert
from evpnd.model.config import Config, InstanceConfig, PeerConfig
from evpnd.model.ids import parse_ip
from evpnd.model.key import IP, MAC, is_prefix
from evpnd.model.policy import Field, Key, Learned, Policy, Subject
from evpnd.policy.attached import Attached
from evpnd.policy.matching import criteria
from evpnd.policy.program import Chain, Outcome, Program
from evpnd.policy.subjects import announced_as, to_announce

_REMEMBERED = 4096

_Judge = tuple[Program, Subject]


@final
class PeerExport:
    """What the policies make of routes to one peer, or to several alike.

    Equal where the policies are and, if they ask for the peer, the peer is.
    """

    def __init__(
        self,
        peer: PeerConfig,
        config: Config,
        attached: Attached,
        vrfs: Mapping[int, MacVrf],
        ip_vrfs: Mapping[int, IpVrf],
    ) -> None:
        """Store the peer's policies and those of all EVIs and VRFs."""
        self._peer = peer
        self._asn = config.asn
        self._external = peer.asn != config.asn
        self._vrfs = vrfs
        self._ip_vrfs = ip_vrfs
        instances: tuple[InstanceConfig, ...] = (*config.evis, *config.vrfs)
        # Looked up now: what the names stand for may be another by the next reload.
        self._chain = attached.chain(peer.export_policies)
        self._chains: dict[int, Chain | None] = {
            each.vni: attached.chain((*each.export_policies, *peer.export_policies))
            for each in instances
        }
        self._judges: dict[tuple[int, Advert, Learned | None], _Judge | None] = {}
        own = tuple(config.policies[name] for name in peer.export_policies)
        of_evis = tuple(
            (evi.vni, tuple(config.policies[name] for name in evi.export_policies))
            for evi in instances
            if evi.export_policies
        )
        everyone = [*own, *(policy for _, several in of_evis for policy in several)]
        asked = any(map(_asks_for_peer, everyone))
        who = (peer.address, peer.description) if asked else None
        self._identity = (own, of_evis, who, config.asn, self._external)
        self._hash = hash(self._identity)
        self._asks_how_learned = any(
            _looks_at(policy, Field.LEARNED) for policy in everyone
        )

    def __eq__(self, other: object) -> bool:
        """Return whether every route is treated alike."""
        return isinstance(other, PeerExport) and self._identity == other._identity

    def __hash__(self) -> int:
        """Return a hash of what equality compares."""
        return self._hash

    def __call__(
        self, evi: InstanceConfig, advert: Advert, key: bytes
    ) -> Advert | None:
        """Return a route's verdict.

        The key is MAC and IP octets, or a prefix, and empty for type 3.
        """
        judge = self._judge_of(evi, advert, key)
        if judge is None:
            return advert
        program, subject = judge
        outcome = program.outcome_of(_key_of(key))
        for step in outcome.steps:
            step.count += 1
        if not outcome.accepted:
            return None
        left = outcome.subject
        if self._external and left.local_preference is not None:
            left = left._replace(local_preference=None)  # RFC 4271, section 5.1.5
        return announced_as(advert, subject, left)

    def outcome(
        self, evi: InstanceConfig, advert: Advert, key: bytes
    ) -> Outcome | None:
        """Return the outcome for one route, uncounted; None: there are no policies."""
        judge = self._judge_of(evi, advert, key)
        if judge is None:
            return None
        return judge[0].outcome_of(_key_of(key))

    def _judge_of(
        self, evi: InstanceConfig, advert: Advert, key: bytes
    ) -> _Judge | None:
        vrf = self._vrfs.get(evi.vni)
        learned = None
        if key and vrf is not None and self._asks_how_learned:
            learned = _learned_when_announced(vrf, key)
        found = (evi.vni, advert, learned)
        if found in self._judges:
            judge = self._judges[found]
        else:
            if len(self._judges) >= _REMEMBERED:
                self._judges.clear()
            source = b""
            owner = vrf or self._ip_vrfs.get(evi.vni)
            if owner is not None:
                source = owner.source
            chain = self._chains.get(evi.vni, self._chain)
            subject = to_announce(
                advert,
                vni=evi.vni,
                source=source,
                learned=learned,
                of_prefix=is_prefix(key),
            )
            judge = self._judges[found] = self._judge(chain, subject)
        return judge

    def _judge(self, chain: Chain | None, subject: Subject) -> _Judge | None:
        if chain is None:
            return None
        said = subject._replace(
            peer=parse_ip(self._peer.address),
            peer_description=self._peer.description,
            asn=self._asn,
        )
        return chain.program(said), said


def _key_of(key: bytes) -> Key:
    """Return what policies look at in the key of a route."""
    if is_prefix(key):
        return Key(ip=key[:-1], ip_length=key[-1])
    return Key(key[MAC], key[IP])


def _learned_when_announced(vrf: MacVrf, key: bytes) -> Learned:
    """Return how a route of ours was learned when it was announced last."""
    mac, ip = key[MAC], key[IP]
    known = vrf.sent.macs.get(mac)
    if known is not None and known.learned and ip in (b"", *known.ips):
        return known.learned[known.ips.index(ip) + 1 if ip else 0]
    return how_learned(vrf, mac, ip)


def asks_how_learned(config: Config) -> bool:
    """Return whether an export policy matches how a route was learned."""
    named = {name for peer in config.peers for name in peer.export_policies}
    instances = (*config.evis, *config.vrfs)
    named |= {name for each in instances for name in each.export_policies}
    return any(_looks_at(config.policies[name], Field.LEARNED) for name in named)


def _asks_for_peer(policy: Policy) -> bool:
    return _looks_at(policy, Field.PEER)


def _looks_at(policy: Policy, field: Field) -> bool:
    return any(
        each.field is field for rule in policy.rules for each in criteria(rule.match)
    )


def needs_judging(peer: PeerConfig, config: Config) -> bool:
    """Return whether any EVI has a policy for a peer."""
    instances = (*config.evis, *config.vrfs)
    return bool(peer.export_policies) or any(e.export_policies for e in instances)
