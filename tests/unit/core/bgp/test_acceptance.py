"""A session that looks well and over which nothing passes is explained."""

from dataclasses import replace

from evpnd.core.bgp.peer_diagnostics import SILENCE
from evpnd.model.events import PeerWentUp
from evpnd.model.ids import Peer
from evpnd.views import show
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    attributes,
    config,
    end_of_rib,
    rd_of,
    withdraw,
)

MAC, OTHER = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
FIRST, SECOND = PEERS
VTEP, OURS = "10.0.0.2", "10.0.0.1"


def spines(**settings: object) -> Host:
    peers = tuple(
        replace(peer, asn=65100, **settings)  # type: ignore[arg-type]
        for peer in config().peers
    )
    return Host(configuration=config(peers=peers))


def found(here: Host, peer: Peer = FIRST) -> list[str]:
    rows = show.peers(here.query, here.now)
    (listed,) = (row["findings"] for row in rows if row["address"] == peer)
    return [text for text in listed if "treats them as VXLAN" not in text]


def told(here: Host, event: str) -> list[object]:
    return [each.fields["peer"] for each in here.notices if each.event == event]


def test_routes_rejected_for_our_own_as_name_the_setting() -> None:
    here = spines()
    here.up()
    for path in ((65100, 65000), (65100, 65000, 65000)):
        here.run(announce(FIRST, attributes(VTEP, as_path=path), VTEP, MAC))

    (text,) = found(here)
    assert "`allow-own-as: 2`" in text
    assert told(here, "own_as_rejected") == [FIRST]
    assert here.remote_macs() == {}


def test_an_own_as_that_is_allowed_is_no_finding() -> None:
    here = spines(allow_own_as=1)
    here.up()
    here.run(announce(FIRST, attributes(VTEP, as_path=(65100, 65000)), VTEP, MAC))

    assert found(here) == []
    assert here.remote_macs().keys() == {MAC}


def test_our_own_routes_that_come_back_are_no_finding() -> None:
    here = spines()
    here.up()
    rewritten = attributes("192.0.2.1", as_path=(65100, 65000))
    assert here.vrf.rd == rd_of(OURS)
    here.run(announce(FIRST, rewritten, OURS, MAC))

    assert found(here) == []
    assert told(here, "own_as_rejected") == []


def test_a_peer_that_announces_nothing_is_found_and_told_after_a_while() -> None:
    here = spines()
    here.run(PeerWentUp(FIRST), PeerWentUp(SECOND))
    assert found(here) == []
    here.run(end_of_rib(FIRST))
    here.run(announce(SECOND, attributes(VTEP), VTEP, MAC), end_of_rib(SECOND))

    (text,) = found(here)
    assert "`no bgp ebgp-requires-policy`" in text
    assert told(here, "no_routes_received") == []
    here.later(SILENCE)
    assert told(here, "no_routes_received") == [FIRST]


def test_a_peer_that_announces_later_is_not_told() -> None:
    here = spines()
    here.up()
    for peer in PEERS:
        here.run(announce(peer, attributes(VTEP), VTEP, MAC))
    here.later(SILENCE)

    assert found(here) == []
    assert told(here, "no_routes_received") == []


def test_silence_over_ibgp_names_what_a_reflector_needs_and_is_not_told() -> None:
    here = Host()
    here.up()
    here.later(SILENCE)

    (text,) = found(here)
    assert "`route-reflector-client`" in text
    assert told(here, "no_routes_received") == []


def test_a_spine_that_alone_sends_nothing_of_ours_back_accepts_none() -> None:
    here = spines()
    here.up()
    for peer in PEERS:
        here.run(announce(peer, attributes(VTEP), VTEP, MAC))
    assert found(here, SECOND) == []
    here.run(announce(FIRST, attributes(OURS, as_path=(65100, 65000)), OURS, OTHER))

    (text,) = found(here, SECOND)
    assert text.startswith(
        f"it sends none of our routes back, unlike {FIRST} in the same AS"
    )
    assert found(here, FIRST) == []
    here.run(withdraw(FIRST, OURS, OTHER))
    assert found(here, SECOND) == []
