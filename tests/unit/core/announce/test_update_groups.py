"""What each peer is told: the form of its profile, and what policies let through."""

from dataclasses import replace

import pytest

from evpnd.core.announce.update_groups import IMET, Exporter, PolicyOf
from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    BgpAction,
    FinishAnnouncement,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import Config, EviConfig, PeerConfig
from evpnd.model.events import ConfigChanged, PeerWentUp
from evpnd.model.ids import Peer, format_route_target, parse_route_target
from evpnd.model.targets import Profile
from evpnd.views import show
from tests.fakes.host import PEERS, VNI, Host, config
from tests.fakes.kernel import PORTS

ONE, TWO = PEERS
MAC, OTHER = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
PLAIN = "65000:100"
RFC8365 = f"65000:{0x10000000 | 100}"


def profiles(*which: Profile, asn: int = 65000, **more: object) -> Config:
    """Peers with these profiles, the two of the fake host first."""
    addresses = [*PEERS, Peer("192.0.2.3")][: len(which)]
    peers = tuple(
        PeerConfig(address, asn, profile=profile)
        for address, profile in zip(addresses, which, strict=True)
    )
    return config(peers=peers, asn=asn, **more)


def told(bgp: list[BgpAction]) -> dict[Peer | None, list[str]]:
    """Each peer's announced routes as `KEY TARGET TARGET`, withdrawn ones as `-KEY`."""
    seen: dict[Peer | None, list[str]] = {}
    for action in bgp:
        match action:
            case AnnounceMacIp(peer, advert, _, _, keys):
                lines = [f"{key.hex()} {targets(advert)}" for key in keys]
            case AnnounceImet(peer, advert, _, _):
                lines = [f"imet {targets(advert)}"]
            case WithdrawMacIp(peer, _, keys):
                lines = [f"-{key.hex()}" for key in keys]
            case WithdrawImet(peer, _, _):
                lines = ["-imet"]
            case _:
                continue
        seen.setdefault(peer, []).extend(lines)
    return {peer: sorted(lines) for peer, lines in seen.items()}


def targets(advert: Advert) -> str:
    return " ".join(map(format_route_target, advert.route_targets))


def host(configuration: Config) -> Host:
    made = Host(configuration=configuration)
    made.run(*made.kernel.frame(PORTS[0], MAC))
    return made


def reload(here: Host, configuration: Config) -> dict[Peer | None, list[str]]:
    here.bgp.clear()
    here.run(ConfigChanged(configuration))
    return told(here.bgp)


def test_equal_peers_are_one_group_and_actions_pass_as_they_are() -> None:
    settings = profiles(Profile.GENERIC, Profile.FRR, Profile.EOS)
    exporter = Exporter(settings)
    actions: list[Action] = [FinishAnnouncement(forwarding_preserved=False)]

    assert len(exporter.groups) == 1
    assert exporter.export(actions, {}) is actions
    assert told(host(settings).bgp) == {
        None: [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"],
    }


def test_each_group_gets_auto_in_the_form_of_its_profile() -> None:
    here = host(profiles(Profile.GENERIC, Profile.JUNOS, Profile.NXOS))

    assert told(here.bgp) == {
        ONE: [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"],
        TWO: [f"{MAC.hex()} {RFC8365}", f"imet {RFC8365}"],
        Peer("192.0.2.3"): [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"],
    }
    here.bgp.clear()
    here.run(*here.kernel.age(MAC))
    assert {peer: lines for peer, lines in told(here.bgp).items() if lines} == {
        peer: [f"-{MAC.hex()}"] for peer in (ONE, TWO, Peer("192.0.2.3"))
    }


def test_a_single_group_that_changes_something_is_still_addressed_to_all() -> None:
    here = host(profiles(Profile.JUNOS, Profile.JUNOS))

    assert told(here.bgp) == {None: [f"{MAC.hex()} {RFC8365}", f"imet {RFC8365}"]}


@pytest.mark.parametrize(
    ("given", "plain", "rewritten"),
    [
        (None, [PLAIN], [PLAIN]),  # written out, it is what it is
        ((), [PLAIN], [RFC8365]),
        (("65001:7",), [PLAIN, "65001:7"], [RFC8365, "65001:7"]),
        ((PLAIN,), [PLAIN], [RFC8365, PLAIN]),
    ],
)
def test_given_targets_are_left_as_they_are(
    given: tuple[str, ...] | None, plain: list[str], rewritten: list[str]
) -> None:
    settings = profiles(Profile.GENERIC, Profile.JUNOS)
    evi = replace(
        settings.evis[0],
        export_targets=tuple(map(parse_route_target, plain)),
        given_targets=None if given is None else tuple(map(parse_route_target, given)),
    )
    here = host(replace(settings, evis=(evi,)))

    assert told(here.bgp)[ONE][1] == "imet " + " ".join(plain)
    assert told(here.bgp)[TWO][1] == "imet " + " ".join(rewritten)


def test_the_site_of_origin_goes_with_every_route() -> None:
    soo = bytes.fromhex("0003fde900000007")
    here = host(config(site_of_origin=soo))

    adverts = [
        action.advert
        for action in here.bgp
        if isinstance(action, AnnounceImet | AnnounceMacIp)
    ]
    assert [each.site_of_origin for each in adverts] == [soo, soo]
    assert reload(here, config()) == {
        peer: [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"] for peer in PEERS
    }
    assert not any(
        action.advert.site_of_origin
        for action in here.bgp
        if isinstance(action, AnnounceImet | AnnounceMacIp)
    )


def test_a_peer_that_changes_its_profile_gets_what_changed_and_nobody_else() -> None:
    here = host(profiles(Profile.GENERIC, Profile.GENERIC))

    assert reload(here, profiles(Profile.GENERIC, Profile.FRR)) == {}
    assert reload(here, profiles(Profile.GENERIC, Profile.JUNOS)) == {
        TWO: [f"{MAC.hex()} {RFC8365}", f"imet {RFC8365}"]
    }
    assert reload(here, profiles(Profile.GENERIC, Profile.GENERIC)) == {
        TWO: [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"]
    }


def test_an_auto_that_is_written_out_changes_for_those_who_had_another_form() -> None:
    settings = profiles(Profile.GENERIC, Profile.JUNOS)
    here = host(settings)
    evi = replace(settings.evis[0], given_targets=None)

    assert reload(here, replace(settings, evis=(evi,))) == {
        TWO: [f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}"]
    }


def test_other_targets_are_told_once_to_each() -> None:
    settings = profiles(Profile.GENERIC, Profile.JUNOS)
    here = host(settings)
    new = parse_route_target("65000:7")
    evi = replace(settings.evis[0], export_targets=(new,), given_targets=None)

    assert reload(here, replace(settings, evis=(evi,))) == {
        peer: [f"{MAC.hex()} 65000:7", "imet 65000:7"] for peer in PEERS
    }


def test_a_newcomer_is_told_in_its_own_form() -> None:
    here = host(profiles(Profile.GENERIC))
    assert reload(here, profiles(Profile.GENERIC, Profile.JUNOS)) == {
        TWO: [f"{MAC.hex()} {RFC8365}", f"imet {RFC8365}"]
    }


def test_an_evi_that_goes_is_withdrawn_from_every_group() -> None:
    settings = profiles(Profile.GENERIC, Profile.JUNOS)
    here = host(settings)
    other = replace(settings.evis[0], vni=VNI + 1)

    assert reload(here, replace(settings, evis=(other,))) == {
        peer: [f"-{MAC.hex()}", "-imet"] for peer in PEERS
    }


class Keep:
    """A policy that keeps some keys back and marks the others."""

    def __init__(self, *kept: bytes) -> None:
        self._kept = frozenset(kept)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keep) and other._kept == self._kept

    def __hash__(self) -> int:
        return hash(self._kept)

    def __call__(self, evi: EviConfig, advert: Advert, key: bytes) -> Advert | None:
        return None if key in self._kept else replace(advert, med=evi.vni)


def policies(*of: Keep | None) -> PolicyOf:
    by_peer = dict(zip(PEERS, of, strict=False))
    return lambda peer: by_peer[peer.address]


def policed(*of: Keep | None) -> Host:
    """Local MACs are heard after the policies are in force."""
    here = Host()
    here.engine.exporter.configure(config(), policies(*of))
    here.run()
    here.bgp.clear()
    here.run(*here.kernel.frame(PORTS[0], MAC), *here.kernel.frame(PORTS[1], OTHER))
    return here


def repolice(here: Host, *of: Keep | None) -> dict[Peer | None, list[str]]:
    here.bgp.clear()
    here.engine.exporter.configure(config(), policies(*of))
    here.run()
    return told(here.bgp)


def test_what_a_policy_rejects_is_not_announced() -> None:
    here = policed(Keep(MAC), None)
    announced = {
        (action.peer, key, action.advert.med)
        for action in here.bgp
        if isinstance(action, AnnounceMacIp)
        for key in action.keys
    }

    assert announced == {(ONE, OTHER, VNI), (TWO, MAC, None), (TWO, OTHER, None)}


def test_a_policy_that_comes_takes_back_what_was_announced() -> None:
    here = policed(None, None)

    changes = repolice(here, Keep(MAC, IMET), None)
    assert changes == {
        ONE: sorted([f"-{MAC.hex()}", "-imet", f"{OTHER.hex()} {PLAIN}"])
    }
    assert repolice(here, Keep(MAC, IMET), None) == {}
    assert repolice(here, Keep(OTHER), None) == {
        ONE: sorted([f"{MAC.hex()} {PLAIN}", f"imet {PLAIN}", f"-{OTHER.hex()}"])
    }


def test_what_was_withheld_is_not_withdrawn_and_counts_for_nobody() -> None:
    here = policed(Keep(MAC), None)
    for peer in PEERS:
        here.run(PeerWentUp(peer))
    shown = {row["address"]: row for row in show.peers(here.query, here.now)}
    assert shown[ONE]["routes_advertised"] == 2
    assert shown[TWO]["routes_advertised"] == 3

    here.bgp.clear()
    here.run(*here.kernel.age(MAC), *here.kernel.age(OTHER))
    assert told(here.bgp) == {
        ONE: [f"-{OTHER.hex()}"],
        TWO: [f"-{MAC.hex()}", f"-{OTHER.hex()}"],
    }
    here.run(*here.kernel.frame(PORTS[0], MAC))
    shown = {row["address"]: row for row in show.peers(here.query, here.now)}
    assert (shown[ONE]["routes_advertised"], shown[TWO]["routes_advertised"]) == (1, 2)


@pytest.mark.parametrize(
    ("of", "state"),
    [
        ((Keep(MAC), None), "advertised"),
        ((Keep(MAC), Keep()), "advertised"),
        ((Keep(MAC), Keep(MAC, OTHER)), "not-advertised"),
    ],
)
def test_what_every_peer_is_kept_from_is_not_shown_as_advertised(
    of: tuple[Keep | None, ...], state: str
) -> None:
    here = Host()
    here.engine.exporter = Exporter(config(), policies(*of))
    here.up()
    here.run(*here.kernel.frame(PORTS[0], MAC))

    (row,) = show.macs(here.query)
    assert row["state"] == state
