"""What each peer was told follows from the configuration, however it came about."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    BgpAction,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config, PeerConfig
from evpnd.model.events import BindingsSnooped, ConfigChanged, Heard
from evpnd.model.ids import (
    Peer,
    RouteTarget,
    parse_ip,
    parse_rd,
    parse_route_target,
    parse_site_of_origin,
)
from evpnd.model.targets import Profile, auto_export_target
from tests.fakes.host import VNI, Host, config
from tests.fakes.kernel import PORTS

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(3)]
STAYS = b"\2\0\0\0\0\xff"
IP = parse_ip("192.0.2.10")
PEERS = [Peer(f"192.0.2.{last}") for last in (1, 2, 3)]
WIDE = 4200000001
AdjRibOut = dict[tuple[bytes, bytes], Advert]


OTHER = parse_route_target("65000:7")


@dataclass(frozen=True)
class Choice:
    """What a configuration is made of."""

    asn: int
    profiles: tuple[Profile | None, ...]
    """Of each peer; None: it is not configured."""
    targets: int
    rd: bytes | None
    present: bool
    site_of_origin: bytes | None

    def config(self) -> Config:
        """Write it out."""
        plain = auto_export_target(self.asn, VNI)
        exports, beside_auto = TARGETS[self.targets]
        evi = replace(
            config().evis[0],
            export_targets=tuple(plain if each is None else each for each in exports),
            given_targets=beside_auto,
            rd=self.rd,
        )
        peers = tuple(
            PeerConfig(peer, self.asn, profile=profile)
            for peer, profile in zip(PEERS, self.profiles, strict=True)
            if profile is not None
        )
        return config(
            asn=self.asn,
            peers=peers,
            evis=(evi,) if self.present else (),
            site_of_origin=self.site_of_origin,
        )


TARGETS: list[tuple[tuple[RouteTarget | None, ...], tuple[RouteTarget, ...] | None]] = [
    ((None,), ()),
    ((None,), None),
    ((None,), (auto_export_target(65000, VNI),)),
    ((None, OTHER), (OTHER,)),
    ((OTHER,), None),
]
"""All export targets (None: the plain form of auto), and those beside `auto`."""
PARTS: dict[str, st.SearchStrategy[object]] = {
    "asn": st.sampled_from([65000, WIDE]),
    "profiles": st.tuples(*[st.sampled_from([None, *Profile])] * len(PEERS)),
    "targets": st.integers(0, len(TARGETS) - 1),
    "rd": st.sampled_from([None, parse_rd("10.0.0.1:7")]),
    "present": st.booleans(),
    "site_of_origin": st.sampled_from([None, parse_site_of_origin("1:1")]),
}
choices = st.builds(Choice, **PARTS)  # type: ignore[arg-type]
changes = st.one_of(st.tuples(st.just(name), values) for name, values in PARTS.items())
steps = st.one_of(
    changes,
    st.tuples(st.just("frame"), st.sampled_from(MACS)),
    st.tuples(st.just("age"), st.sampled_from(MACS)),
    st.tuples(st.just("snoop"), st.sampled_from(MACS)),
)


class Speaker:
    """The Adj-RIB-Out of each peer, as the real one keeps it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.told: dict[Peer, AdjRibOut] = {}

    def follow(self) -> None:
        """Take the peers there are, then what was said since."""
        peers = [peer.address for peer in self._host.engine.config.peers]
        self.told = {peer: self.told.get(peer, {}) for peer in peers}
        for action in self._host.bgp:
            self._take(action)
        self._host.bgp.clear()

    def _take(self, action: BgpAction) -> None:
        match action:
            case AnnounceMacIp(peer, advert, rd, _, keys):
                for table in self._tables(peer):
                    table.update(dict.fromkeys(((rd, key) for key in keys), advert))
            case AnnounceImet(peer, advert, rd, originator):
                for table in self._tables(peer):
                    table[rd, originator] = advert
            case WithdrawMacIp(peer, rd, keys):
                for table in self._tables(peer):
                    for key in keys:
                        table.pop((rd, key), None)
            case WithdrawImet(peer, rd, originator):
                for table in self._tables(peer):
                    table.pop((rd, originator), None)
            case _:
                pass

    def _tables(self, peer: Peer | None) -> list[AdjRibOut]:
        return list(self.told.values()) if peer is None else [self.told[peer]]


def play(host: Host, choice: Choice, step: tuple[str, object]) -> Choice:
    match step:
        case ("frame", bytes(mac)):
            host.run(*host.kernel.frame(PORTS[0], mac))
        case ("age", bytes(mac)):
            host.run(*host.kernel.age(mac))
        case ("snoop", bytes(mac)):
            host.run(BindingsSnooped([Heard(PORTS[0], mac, IP)]))
        case (str(part), value):
            choice = replace(choice, **{part: value})  # type: ignore[arg-type]
            host.run(ConfigChanged(choice.config()))
    return choice


@settings(max_examples=300)
@given(choices, st.lists(steps, max_size=4))
def test_a_history_of_reloads_ends_where_a_fresh_start_does(
    choice: Choice, history: list[tuple[str, object]]
) -> None:
    choice = replace(choice, present=True)
    host = Host(configuration=choice.config())
    host.run(*host.kernel.frame(PORTS[1], STAYS))
    speaker = Speaker(host)
    speaker.follow()
    for step in history:
        choice = play(host, choice, step)
        speaker.follow()
    expected = Speaker(Host(host.kernel, choice.config()))
    expected.follow()

    assert speaker.told == expected.told


@given(choices, st.lists(steps, max_size=6))
def test_a_reload_that_changes_nothing_says_nothing(
    choice: Choice, history: list[tuple[str, object]]
) -> None:
    host = Host(configuration=choice.config())
    for step in history:
        choice = play(host, choice, step)
    host.bgp.clear()
    host.run(ConfigChanged(choice.config()))

    assert host.bgp == []
