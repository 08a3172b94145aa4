"""Sessions that come, go, restart, and resume (RFC 4724, RFC 2918, RFC 7313)."""

from dataclasses import replace

from evpnd.core.bgp.session import (
    ENDS_PAUSE,
    ENDS_TOLD,
    LONGEST_WAIT,
    MARKER_TIMER,
    QUIET,
)
from evpnd.model.actions import (
    EndDamping,
    FinishAnnouncement,
    ReopenSession,
    RequestRefresh,
    ResendRoutes,
    ResetSession,
    UpsertRemoteMacs,
)
from evpnd.model.events import (
    ConfigChanged,
    NotificationSeen,
    PeerDamped,
    PeerStateChanged,
    PeerWentDown,
    PeerWentUp,
    RefreshMarked,
    ReplayBegan,
    ReplayEnded,
    UpdateReceived,
)
from evpnd.model.ids import Peer, parse_ip
from evpnd.model.routes import Malformed, Treatment, Update
from evpnd.views import show
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    end_of_rib,
    withdraw,
)

MAC, OTHER = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
VTEP = "10.0.0.2"
PEER, SECOND = PEERS


def host() -> Host:
    made = Host()
    made.run(PeerWentUp(PEER, restart_time=30), end_of_rib(PEER))
    made.run(PeerWentUp(SECOND), end_of_rib(SECOND))
    made.run(announce(PEER, attributes(VTEP), VTEP, MAC, OTHER))
    made.run(announce_imet(PEER, VTEP))
    return made


def reopened(here: Host) -> list[Peer]:
    return [action.peer for action in here.bgp if isinstance(action, ReopenSession)]


def test_without_graceful_restart_the_routes_go_with_the_session() -> None:
    here = host()
    here.run(PeerWentDown(PEER, "closed", graceful=False))

    assert here.remote_macs() == {}
    assert here.kernel.flood == {}


def test_the_routes_of_a_restarting_peer_stay_until_its_time_is_over() -> None:
    here = host()
    here.run(PeerWentDown(PEER, "closed"))
    here.later(29)
    assert here.remote_macs().keys() == {MAC, OTHER}

    here.later(2)
    assert here.remote_macs() == {}
    assert here.kernel.flood == {}


def test_a_restarting_peer_has_no_longer_than_the_configuration_gives() -> None:
    short = replace(config().peers[0], graceful_restart=5)
    here = Host(configuration=config(peers=(short,)))
    here.run(PeerWentUp(PEER, restart_time=120), end_of_rib(PEER))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(PeerWentDown(PEER, "closed"))
    here.later(4)
    assert here.remote_macs().keys() == {MAC}

    here.later(2)
    assert here.remote_macs() == {}


def test_a_restarted_peer_loses_what_it_does_not_send_again() -> None:
    here = host()
    here.run(PeerWentDown(PEER, "closed"))
    here.run(PeerWentUp(PEER, restart_time=30, forwarding=True))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    assert here.remote_macs().keys() == {MAC, OTHER}

    here.run(end_of_rib(PEER))
    assert here.remote_macs().keys() == {MAC}


def test_a_peer_that_restarts_twice_loses_what_it_did_not_send_between() -> None:
    here = host()
    here.run(PeerWentDown(PEER, "closed"))
    here.run(PeerWentUp(PEER, restart_time=30, forwarding=True))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(PeerWentDown(PEER, "closed"))

    assert here.remote_macs().keys() == {MAC}


def test_a_peer_that_restarts_amid_a_refresh_keeps_everything() -> None:
    here = host()
    here.run(RefreshMarked(PEER, ended=False))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(PeerWentDown(PEER, "closed"))

    assert here.remote_macs().keys() == {MAC, OTHER}


def test_a_peer_that_kept_no_forwarding_state_starts_from_nothing() -> None:
    here = host()
    here.run(PeerWentDown(PEER, "closed"))
    here.run(PeerWentUp(PEER, restart_time=30, forwarding=False))

    assert here.remote_macs() == {}


def test_a_peer_without_end_of_rib_has_a_timer_that_waits_for_quiet() -> None:
    here = Host()
    here.run(PeerWentUp(SECOND), end_of_rib(SECOND), PeerWentUp(PEER))
    here.later(MARKER_TIMER - 1)
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.later(1)
    assert not here.engine.peering.settled

    here.later(QUIET)
    assert here.engine.peering.settled


def test_a_peer_that_never_pauses_is_not_waited_for_for_ever() -> None:
    here = Host()
    here.run(PeerWentUp(SECOND), end_of_rib(SECOND), PeerWentUp(PEER))
    for _ in range(int(LONGEST_WAIT) + 1):
        here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
        here.later(1)

    assert here.engine.peering.settled


def test_a_peer_that_never_comes_up_is_waited_for_as_long_as_a_restart() -> None:
    here = Host()
    here.run(PeerWentUp(PEER), end_of_rib(PEER))
    here.later(119)
    assert not here.engine.peering.settled

    here.later(2)
    assert here.engine.peering.settled


def test_a_new_agent_asks_established_peers_to_send_again() -> None:
    here = Host()
    here.run(PeerWentUp(PEER, resumed=True))
    here.run(PeerWentUp(SECOND, resumed=True, route_refresh=False))

    assert RequestRefresh(PEER) in here.bgp
    assert reopened(here) == [SECOND]


def test_a_peer_that_answers_a_little_has_not_answered() -> None:
    here = Host()
    here.run(PeerWentUp(SECOND), end_of_rib(SECOND))
    here.run(PeerWentUp(PEER, resumed=True, routes=1000))
    for number in range(20):
        here.later(1)
        mac = (2 << 40 | number).to_bytes(6, "big")
        here.run(announce(PEER, attributes(VTEP), VTEP, mac))
    here.later(QUIET)

    assert reopened(here) == [PEER]
    assert not here.engine.peering.settled


def test_a_peer_that_answered_is_taken_to_have_said_everything() -> None:
    here = Host()
    here.run(PeerWentUp(SECOND), end_of_rib(SECOND))
    here.run(PeerWentUp(PEER, resumed=True, routes=2))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC, OTHER))
    here.later(MARKER_TIMER)

    assert reopened(here) == []
    assert here.engine.peering.settled


def test_a_session_that_does_not_end_when_it_should_is_reopened_again() -> None:
    here = Host()
    here.run(PeerWentUp(SECOND), end_of_rib(SECOND))
    here.run(PeerWentUp(PEER, resumed=True, routes=1000))
    here.later(MARKER_TIMER)
    here.later(200)

    assert reopened(here) == [PEER, PEER]


def test_nothing_is_told_or_written_while_journals_are_read() -> None:
    here = host()
    new = Host(here.kernel, told=[ReplayBegan(frozenset(PEERS))])
    for peer in PEERS:
        new.run(PeerWentUp(peer, resumed=True, replayed=True, age=100))
        new.run(announce(peer, attributes("10.0.0.3"), VTEP, MAC))
        new.run(announce(peer, attributes(VTEP), VTEP, MAC, OTHER))
        new.run(announce_imet(peer, VTEP))
        assert [a for a in new.actions if isinstance(a, UpsertRemoteMacs)] == []
        assert FinishAnnouncement not in map(type, new.bgp)
        new.run(ReplayEnded(peer))

    assert [a for a in new.actions if isinstance(a, UpsertRemoteMacs)] == []
    assert FinishAnnouncement in map(type, new.bgp)


def test_a_peer_that_is_no_longer_configured_ends_its_replay() -> None:
    here = Host()
    here.tell(ReplayBegan(frozenset(PEERS)))
    here.run(ConfigChanged(config(peers=config().peers[1:])))
    here.run(ReplayEnded(SECOND))

    assert not here.engine.peering.replaying


def test_a_quiet_session_without_end_of_rib_is_heard_out_after_the_replay() -> None:
    here = Host()
    here.tell(ReplayBegan(frozenset(PEERS)))
    here.run(PeerWentUp(PEER, resumed=True, replayed=True, age=20), ReplayEnded(PEER))
    here.run(PeerWentUp(SECOND, resumed=True, replayed=True, age=100))
    here.run(announce(SECOND, attributes(VTEP), VTEP, MAC))
    here.run(ReplayEnded(SECOND))
    assert here.engine.peering.sessions[SECOND].told_everything

    here.later(QUIET)
    assert here.engine.peering.settled


def test_a_session_that_is_younger_than_the_timer_is_waited_for() -> None:
    here = Host()
    here.tell(ReplayBegan(frozenset(PEERS)))
    for peer in PEERS:
        here.run(PeerWentUp(peer, resumed=True, replayed=True, age=5))
        here.run(ReplayEnded(peer))
    here.later(MARKER_TIMER - 6)
    assert not here.engine.peering.settled

    here.later(QUIET)
    assert here.engine.peering.settled


def test_an_enhanced_refresh_sweeps_what_was_not_sent_again() -> None:
    here = host()
    here.run(RefreshMarked(PEER, ended=False))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(RefreshMarked(PEER, ended=True))

    assert here.remote_macs().keys() == {MAC}


def test_a_peer_taken_from_the_configuration_leaves_nothing() -> None:
    here = host()
    here.run(ConfigChanged(config(peers=config().peers[1:])))

    assert PEER not in here.engine.peering.sessions
    assert here.remote_macs() == {}


def test_a_second_route_reflector_keeps_what_the_first_takes_along() -> None:
    here = host()
    here.run(announce(SECOND, attributes(VTEP), VTEP, MAC))
    here.run(PeerWentDown(PEER, "closed", graceful=False))

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_a_broken_framing_resets_the_session_of_that_peer_alone() -> None:
    here = host()
    found = Malformed(Treatment.SESSION_RESET, "NLRI runs past its end", 3, 10)
    here.run(UpdateReceived(PEER, Update(None, [], [], [], [], malformed=(found,))))

    assert [a for a in here.bgp if isinstance(a, ResetSession)] == [
        ResetSession(PEER, 3, 10)
    ]
    assert here.engine.peering.malformed == {Treatment.SESSION_RESET: 1}


def test_the_last_error_is_kept_for_people() -> None:
    here = host()
    here.run(NotificationSeen(PEER, "received: Cease / Administrative Shutdown"))

    shown = here.engine.peering.sessions[PEER].last_error
    assert shown == "received: Cease / Administrative Shutdown"


def test_a_peer_that_repeats_end_of_rib_is_told_of_once_a_session() -> None:
    here = host()

    def told() -> int:
        return sum(notice.event == "end_of_rib" for notice in here.notices)

    before = told()
    for _ in range(5):
        here.run(end_of_rib(PEER))
    assert told() == before

    here.run(RefreshMarked(PEER, ended=False))
    here.run(RefreshMarked(PEER, ended=True))
    assert told() == before + 1


def malformed(treatment: Treatment, reason: str) -> UpdateReceived:
    found = Malformed(treatment, reason, 3, 9)
    return UpdateReceived(PEER, Update(None, [], [], [], [], malformed=(found,)))


def test_a_harmless_error_does_not_hide_the_others_for_a_minute() -> None:
    here = host()
    here.run(
        malformed(Treatment.SKIPPED, "type 99"), malformed(Treatment.SKIPPED, "98")
    )
    here.run(malformed(Treatment.TREATED_AS_WITHDRAW, "cut short"))

    told = [n.fields["reason"] for n in here.notices if n.event == "update_malformed"]
    assert told == ["type 99", "cut short"]


def test_the_last_error_of_a_reset_says_what_the_update_was_wrong_about() -> None:
    here = host()
    here.run(malformed(Treatment.SESSION_RESET, "next hop of 5 octets"))
    sent = "sent: UPDATE Message Error / Optional Attribute Error"
    here.run(NotificationSeen(PEER, sent), PeerWentDown(PEER, sent, graceful=False))

    session = here.engine.peering.sessions[PEER]
    assert session.last_error == f"{sent} (next hop of 5 octets)"
    here.run(PeerWentUp(PEER), PeerWentDown(PEER, sent, graceful=False))
    assert session.last_error == sent


def test_what_was_sent_before_a_second_begin_of_a_refresh_has_to_be_sent_again() -> (
    None
):
    here = host()
    here.run(RefreshMarked(PEER, ended=False))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(RefreshMarked(PEER, ended=False))
    here.run(announce(PEER, attributes(VTEP), VTEP, OTHER))
    here.run(RefreshMarked(PEER, ended=True))

    assert here.remote_macs().keys() == {OTHER}
    assert here.kernel.flood == {}


def test_a_route_that_was_withdrawn_during_a_refresh_is_not_counted_as_sent() -> None:
    here = host()
    here.run(RefreshMarked(PEER, ended=False))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.run(withdraw(PEER, VTEP, MAC))
    rib = here.engine.peering.sessions[PEER].rib

    assert (len(rib), rib.count_stale()) == (2, 2)
    here.run(RefreshMarked(PEER, ended=True))
    assert rib.is_empty()
    assert rib.count_stale() == 0


def test_ends_of_refreshes_are_told_now_and_then_however_many_there_are() -> None:
    here = host()

    def refresh() -> None:
        here.run(RefreshMarked(PEER, ended=False), RefreshMarked(PEER, ended=True))

    def told() -> int:
        return sum(notice.event == "end_of_rib" for notice in here.notices)

    before = told()
    for _ in range(100):
        refresh()
    assert told() - before < ENDS_TOLD
    here.later(ENDS_PAUSE + 1)
    before = told()
    refresh()
    assert told() == before + 1


def shown(here: Host) -> dict[str, object]:
    rows = show.peers(here.query, here.now)
    return next(row for row in rows if row["address"] == PEER)


def damped() -> Host:
    here = host()
    here.run(
        PeerWentDown(PEER, "received: Cease", graceful=False),
        PeerDamped(PEER, 16, 4),
        PeerStateChanged(PEER, "idle"),
    )
    return here


def test_a_damped_peer_is_told_and_shown_with_the_way_out() -> None:
    here = damped()
    here.later(6)

    (notice,) = (each for each in here.notices if each.event == "peer_damped")
    assert notice.fields == {"peer": PEER, "pause": 16, "short_sessions": 4}
    row = shown(here)
    assert (row["state"], row["damped_for"]) == ("idle", 10)
    (text,) = row["findings"]  # type: ignore[misc] # a list of one
    assert "its last 4 sessions" in text
    assert f"evpnd clear peer {PEER}" in text


def test_damping_is_over_with_the_next_attempt() -> None:
    here = damped()
    here.run(PeerStateChanged(PEER, "connect"))

    assert shown(here)["damped_for"] == 0
    assert shown(here)["findings"] == []


def test_a_reload_ends_the_damping_of_those_that_are_damped() -> None:
    here = damped()
    here.bgp.clear()
    here.run(ConfigChanged(config()))
    here.run(ConfigChanged(config()))

    assert here.bgp.count(EndDamping(PEER)) == 1
    assert EndDamping(SECOND) not in here.bgp
    assert shown(here)["damped_for"] == 0


def test_clearing_a_peer_ends_its_session_and_its_damping() -> None:
    here = host()
    here.bgp.clear()
    assert here.engine.clear_peer(PEER, soft=False) is None
    here.run()
    assert here.bgp == [EndDamping(PEER), ResetSession(PEER, 6, 4)]

    here = damped()
    here.bgp.clear()
    assert here.engine.clear_peer(PEER, soft=False) is None
    here.run()
    assert here.bgp == [EndDamping(PEER)]


def test_clearing_softly_asks_and_sends_again() -> None:
    here = host()
    here.bgp.clear()
    assert here.engine.clear_peer(PEER, soft=True) is None
    here.run()

    assert here.bgp == [ResendRoutes(PEER), RequestRefresh(PEER)]


def test_clearing_says_why_it_cannot() -> None:
    here = damped()
    here.run(PeerWentUp(SECOND, route_refresh=False))
    clear = here.engine.clear_peer

    assert "there is no session" in str(clear(PEER, soft=True))
    assert "ROUTE-REFRESH" in str(clear(SECOND, soft=True))
    assert f"known peers: {PEER}, {SECOND}" in str(clear("10.9.9.9", soft=False))


def test_a_peer_is_cleared_by_its_description_if_it_has_it_alone() -> None:
    same = tuple(replace(peer, description="rr") for peer in config().peers)
    here = Host(configuration=config(peers=same))
    assert "give one address" in str(here.engine.clear_peer("rr", soft=False))

    here = Host(configuration=config(peers=(same[0], config().peers[1])))
    assert here.engine.clear_peer("rr", soft=False) is None


def test_nothing_is_withdrawn_before_the_tables_are_read() -> None:
    here = Host(unread=True)
    assert here.vrf.reason is None
    here.later(600)
    assert FinishAnnouncement not in map(type, here.bgp)

    here.read()
    assert FinishAnnouncement in map(type, here.bgp)
