"""What peers do that works badly is told once, and shown as long as it is so."""

from dataclasses import replace

import pytest

from evpnd.core.bgp.peer_diagnostics import (
    FAR_TOLD,
    PATIENCE,
    REMEMBERED,
    SHOWN,
    Findings,
)
from evpnd.core.bgp.session import Session
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.config import PeerConfig
from evpnd.model.events import (
    ConfigChanged,
    Event,
    PeerWentDown,
    PeerWentUp,
    UpdateReceived,
)
from evpnd.model.ids import Peer, parse_ip, parse_route_target
from evpnd.model.routes import (
    EthernetSegmentRoute,
    ImetRoute,
    MacIpBatch,
    PathAttributes,
    PmsiTunnel,
    Update,
)
from evpnd.model.targets import ImportTargets
from evpnd.views import routes, show
from tests.fakes.host import (
    LABEL,
    NO_ESI,
    NO_TAG,
    PEERS,
    TARGET,
    VNI,
    Host,
    announce,
    config,
    end_of_rib,
    rd_of,
    withdraw,
)

MAC, OTHER = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
VTEP = "10.0.0.2"
PEER, SECOND = PEERS


def host() -> Host:
    made = Host()
    made.up()
    made.notices.clear()
    return made


def told(here: Host, event: str) -> list[Notice]:
    return [notice for notice in here.notices if notice.event == event]


def shown(here: Host, peer: Peer = PEER) -> list[str]:
    (row,) = (row for row in show.peers(here.query, here.now) if row["address"] == peer)
    found: list[str] = row["findings"]
    return found


def notes(here: Host) -> list[str]:
    return [note for row in routes.routes(here.query) for note in row["notes"]]


def path(next_hop: str = VTEP, *targets: str, **more: object) -> PathAttributes:
    given = tuple(map(parse_route_target, targets)) or (TARGET,)
    settings: dict[str, object] = {"encapsulations": (8,), **more}
    return PathAttributes(parse_ip(next_hop), given, **settings)  # type: ignore[arg-type]


def imet(
    originator: str = VTEP,
    next_hop: str = VTEP,
    pmsi: PmsiTunnel | None = None,
    peer: Peer = PEER,
    **more: object,
) -> Event:
    tunnel = pmsi or PmsiTunnel(6, VNI, parse_ip(originator))
    route = ImetRoute(rd_of(VTEP), NO_TAG, parse_ip(originator))
    attributes = path(next_hop, pmsi=tunnel, **more)
    return UpdateReceived(peer, Update(attributes, [], [route], [], []))


def test_a_sound_peer_gives_no_finding() -> None:
    here = host()
    here.run(announce(PEER, path(), VTEP, MAC), imet())
    here.later(60)

    assert here.notices == []
    assert shown(here) == []
    assert notes(here) == []


@pytest.mark.parametrize("type_3_first", [True, False])
def test_a_vtep_whose_session_address_is_its_own_rewrites_nothing(
    type_3_first: bool,
) -> None:
    here = Host()
    here.run(PeerWentUp(PEER), PeerWentUp(SECOND), end_of_rib(SECOND))
    events = [imet(PEER, PEER), announce(PEER, path(PEER), VTEP, MAC)]
    for event in events if type_3_first else reversed(events):
        here.run(event)
        here.later(PATIENCE / 2)
    here.run(end_of_rib(PEER))
    here.later(60)

    assert told(here, "next_hop_rewritten") == []
    assert shown(here) == []


@pytest.mark.parametrize("before_the_end", [True, False])
def test_a_spine_that_rewrites_next_hops_is_told_once(before_the_end: bool) -> None:
    here = Host()
    here.run(PeerWentUp(PEER), PeerWentUp(SECOND), end_of_rib(SECOND))
    if not before_the_end:
        here.run(end_of_rib(PEER))
    # The originating address of the type 3 is the leaf's: it is no attribute.
    here.run(announce(PEER, path(PEER), VTEP, MAC), imet(VTEP, VTEP))
    if before_the_end:
        here.later(PATIENCE + 1)
        assert told(here, "next_hop_rewritten") == []
        here.run(end_of_rib(PEER))
    else:
        assert (
            here.engine.importer.findings.next_due(here.engine.peering.sessions)
            == here.now + PATIENCE
        )
    here.later(PATIENCE + 1)

    (notice,) = told(here, "next_hop_rewritten")
    assert (notice.level, notice.fields["peer"]) == ("warning", PEER)
    assert any("rewrites next hops" in text for text in shown(here))
    assert any("session address" in note for note in notes(here))

    here.run(announce(PEER, path(PEER), VTEP, OTHER))
    here.later(60)
    assert len(told(here, "next_hop_rewritten")) == 1
    here.run(withdraw(PEER, VTEP, MAC, OTHER))
    assert shown(here) == []


def test_a_suspected_peer_that_goes_is_not_judged() -> None:
    here = host()
    here.run(announce(PEER, path(PEER), VTEP, MAC))
    here.run(ConfigChanged(config(peers=config().peers[1:])))
    here.later(60)

    assert told(here, "next_hop_rewritten") == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (imet(pmsi=PmsiTunnel(6, VNI, parse_ip("10.0.0.9"))), "endpoint is 10.0.0.9"),
        (imet(next_hop="10.0.0.9"), "next hop 10.0.0.9"),
        (imet("10.0.0.9", pmsi=PmsiTunnel(6, VNI, parse_ip(VTEP))), "originator"),
        (imet(pmsi=PmsiTunnel(6, 0, parse_ip(VTEP))), "label is 0"),
    ],
)
def test_a_type_3_that_contradicts_itself_is_told_once_for_each_originator(
    event: Event, said: str
) -> None:
    here = host()
    for _ in range(3):
        here.run(event)

    (notice,) = told(here, "pmsi_mismatch")
    assert notice.level == "warning"
    assert said in str(notice.fields["reason"])
    assert any(said in text for text in shown(here))
    assert any(said in note for note in notes(here))
    here.run(imet("10.0.0.7", pmsi=PmsiTunnel(6, 0, parse_ip("10.0.0.7"))))
    assert len(told(here, "pmsi_mismatch")) == 2
    assert str(told(here, "pmsi_mismatch")[1].fields["originator"]) == "10.0.0.7"


def test_tunnels_that_take_no_copies_are_noted() -> None:
    here = host()
    route = ImetRoute(rd_of(VTEP), NO_TAG, parse_ip(VTEP))
    here.run(UpdateReceived(PEER, Update(path(), [], [route], [], [])))
    assert notes(here) == ["it has no PMSI tunnel; its originator gets the BUM frames"]

    here.run(imet(pmsi=PmsiTunnel(3, VNI, bytes(8))))
    assert "type 3, not ingress replication" in notes(here)[0]
    assert told(here, "pmsi_mismatch") == []


def test_an_absent_encapsulation_is_told_once_for_each_peer() -> None:
    here = host()
    for peer in (PEER, PEER, SECOND):
        here.run(announce(peer, path(encapsulations=()), VTEP, MAC))
        here.run(imet(peer=peer, encapsulations=()))

    assert [
        notice.fields["peer"] for notice in told(here, "encapsulation_missing")
    ] == [
        PEER,
        SECOND,
    ]
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert len(shown(here)) == 1
    assert set(notes(here)) == {"it carries no encapsulation; evpnd treats it as VXLAN"}


def test_a_multihomed_route_says_so() -> None:
    here = host()
    esi = bytes.fromhex("00112233445566778899")
    batch = MacIpBatch(rd_of(VTEP), NO_TAG, esi, LABEL, [MAC])
    here.run(UpdateReceived(PEER, Update(path(), [batch], [], [], [])))

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    (note,) = notes(here)
    assert note.startswith("its Ethernet segment 00:11:22:33:44:55:66:77:88:99")


def test_targets_near_an_evi_are_a_warning_once_for_each_set() -> None:
    here = host()
    for mac in (MAC, OTHER):
        here.run(announce(PEER, path(VTEP, "4200000001:100"), VTEP, mac))
        here.run(announce(SECOND, path(VTEP, "4200000001:100"), VTEP, mac))

    (notice,) = told(here, "targets_not_imported")
    assert notice.level == "warning"
    assert notice.fields["targets"] == ["4200000001:100"]
    (reason,) = {row["reason"] for row in routes.routes(here.query)}
    assert notice.fields["reason"] == reason
    assert shown(here) == [reason]


def test_a_reflector_with_other_peoples_routes_does_not_shout() -> None:
    here = host()
    for number in range(1000, 1000 + 3 * FAR_TOLD):
        batch = MacIpBatch(
            rd_of(VTEP), NO_TAG, NO_ESI, number.to_bytes(3), [number.to_bytes(6)]
        )
        attributes = path(VTEP, f"65000:{number}")
        here.run(UpdateReceived(PEER, Update(attributes, [batch], [], [], [])))

    found = told(here, "targets_not_imported")
    assert len(found) == FAR_TOLD
    assert {notice.level for notice in found} == {"info"}
    assert str(found[-1].fields["reason"]).endswith("no further ones of this peer")
    assert shown(here) == []


def test_imports_that_change_are_judged_again() -> None:
    here = host()
    (evi,) = config().evis
    strict = replace(evi, import_targets=ImportTargets(frozenset({TARGET})))
    here.run(announce(PEER, path(VTEP, "64999:100"), VTEP, MAC))
    assert told(here, "targets_not_imported") == []

    here.run(ConfigChanged(config(evis=(strict,))))
    (notice,) = told(here, "targets_not_imported")
    assert "with another AS" in str(notice.fields["reason"])
    here.run(ConfigChanged(config()))
    here.run(ConfigChanged(config(evis=(strict,))))
    assert len(told(here, "targets_not_imported")) == 1


def test_nothing_is_judged_before_the_evis_are_known() -> None:
    here = Host()
    here.engine.importer.doubt()
    here.tell(PeerWentUp(PEER), announce(PEER, path(), VTEP, MAC), imet())
    here.run()

    assert told(here, "targets_not_imported") == []
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_what_was_told_is_not_told_again_after_a_new_session() -> None:
    here = host()
    for _ in range(2):
        here.run(announce(PEER, path(encapsulations=()), VTEP, MAC))
        here.run(PeerWentDown(PEER, "closed", graceful=False))
        assert shown(here) == []
        here.run(PeerWentUp(PEER))

    assert len(told(here, "encapsulation_missing")) == 1


def test_a_peer_cannot_fill_the_memory_nor_the_list() -> None:
    here = host()
    for number in range(SHOWN + 5):
        originator = f"10.1.0.{number + 1}"
        wrong = PmsiTunnel(6, 0, parse_ip(originator))
        here.run(imet(originator, originator, pmsi=wrong))
    assert len(shown(here)) == SHOWN + 1
    assert shown(here)[-1] == "and more: see show routes"

    findings = Findings()
    for number in range(2 * REMEMBERED):
        findings._remember((number,))
    assert len(findings._told) == REMEMBERED
    assert (2 * REMEMBERED - 1,) in findings._told


def test_a_session_that_is_idle_has_nothing_to_decide() -> None:
    findings = Findings()
    session = Session(PeerConfig(PEER, 65000), 0.0)
    turn = Turn(1e9)
    findings.decide({PEER: session}, turn)

    assert findings.next_due({PEER: session}) is None
    assert turn.take_notices() == []


def test_a_type_3_that_is_not_used_is_noted_for_its_targets_alone() -> None:
    here = host()
    wrong = PmsiTunnel(6, 0, parse_ip("10.0.0.9"))
    here.run(imet(VTEP, "10.0.0.1", pmsi=wrong))  # our own VTEP is its next hop
    assert here.notices == []
    assert notes(here) == []

    near = PmsiTunnel(6, VNI, parse_ip(VTEP))
    route = ImetRoute(rd_of(VTEP), NO_TAG, parse_ip(VTEP))
    attributes = path(VTEP, "1:7", pmsi=near)
    here.run(UpdateReceived(PEER, Update(attributes, [], [route], [], [])))
    (notice,) = told(here, "targets_not_imported")
    assert str(notice.fields["reason"]).endswith("imports *:100 for VNI 100")


def test_other_types_are_none_of_its_business() -> None:
    here = host()
    segment = EthernetSegmentRoute(rd_of(VTEP), NO_ESI, parse_ip(VTEP))
    attributes = path(VTEP, "1:7", encapsulations=())
    here.run(UpdateReceived(PEER, Update(attributes, [], [segment], [], [])))
    here.run(ConfigChanged(config(site_of_origin=bytes(8))))

    assert here.notices == []
    assert shown(here) == []
