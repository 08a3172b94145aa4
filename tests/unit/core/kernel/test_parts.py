"""FDBs that are too large for a dump: they are read by parts, and nobody waits."""

from collections.abc import Callable

from evpnd.core.kernel import parts
from evpnd.model.actions import (
    Action,
    AuditTables,
    DumpFdb,
    DumpPorts,
    FinishAnnouncement,
    ListMacs,
    LookUpMacs,
)
from evpnd.model.events import (
    Event,
    KernelOverran,
    LinkObserved,
    MacsLookedUp,
    PeerWentUp,
    ReplayBegan,
    ReplayEnded,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
)
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    end_of_rib,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel

PEER, SECOND = PEERS
NEAR, FAR = "10.0.0.2", "10.0.0.3"
HERE, ROUTED, STRAY = (bytes((2, 0, 0, 0, 0, last)) for last in (1, 2, 3))


class Slow(FakeKernel):
    """Answers some actions only when it is told to."""

    def __init__(self, *slow: type) -> None:
        super().__init__(VTEP, large=True)
        self.slow = slow
        self.unanswered: list[Action] = []

    def apply(self, action: Action) -> list[Event]:
        if isinstance(action, self.slow):
            self.unanswered.append(action)
            return []
        return super().apply(action)

    def answer(self) -> list[Event]:
        asked, self.unanswered = self.unanswered, []
        return [event for action in asked for event in super(Slow, self).apply(action)]

    def left(self, mac: bytes, vtep: str, *, state: int = NUD_REACHABLE) -> None:
        """Have the rows of a MAC that an earlier run left, or others made."""
        flags = NTF_EXT_LEARNED if state == NUD_REACHABLE else 0
        row = FdbRow(True, VXLAN, mac, 0, state, flags, b"")
        self.bridge[mac] = row
        self.vxlan[mac] = row._replace(flags=flags | NTF_SELF, dst=parse_ip(vtep))

    def left_flood(self, vtep: str, flags: int = NTF_EXT_LEARNED) -> None:
        dst = parse_ip(vtep)
        state = NUD_NOARP | NUD_PERMANENT
        row = FdbRow(True, VXLAN, FLOOD_MAC, 0, state, flags | NTF_SELF, dst)
        self.flood[dst] = row


def flooded(kernel: FakeKernel) -> set[bytes]:
    return set(kernel.flood)


def vteps(*names: str) -> set[bytes]:
    return set(map(parse_ip, names))


def test_an_evi_is_in_service_while_its_macs_are_listed() -> None:
    kernel = Slow(ListMacs)
    kernel.frame(PORTS[0], HERE)
    kernel.left(ROUTED, NEAR)
    kernel.left(STRAY, FAR)
    here = Host(kernel)
    assert here.vrf.ready
    assert here.vrf.sent.macs.keys() == {HERE}
    assert [a for a in here.bgp if isinstance(a, FinishAnnouncement)] == [
        FinishAnnouncement(forwarding_preserved=True)
    ]

    here.up()
    here.run(announce(PEER, attributes(FAR), FAR, ROUTED))
    assert here.remote_macs() == {ROUTED: parse_ip(FAR), STRAY: parse_ip(FAR)}


def test_what_an_earlier_run_left_stays_until_all_is_listed_and_said() -> None:
    kernel = Slow(ListMacs)
    kernel.left(STRAY, NEAR)
    kernel.left_flood(NEAR)
    kernel.left_flood(FAR)
    here = Host(kernel)
    here.up()
    here.later(300)
    assert here.remote_macs().keys() == {STRAY}
    assert flooded(kernel) == vteps(NEAR, FAR)

    here.run(*kernel.answer())
    assert here.remote_macs() == {}
    assert flooded(kernel) == set()


def test_what_is_listed_first_stays_until_every_peer_has_said_all() -> None:
    kernel = Slow()
    kernel.left(ROUTED, NEAR)
    kernel.left(STRAY, NEAR)
    kernel.left_flood(NEAR)
    here = Host(kernel)
    here.run(PeerWentUp(PEER), announce(PEER, attributes(NEAR), NEAR, ROUTED))
    here.run(end_of_rib(PEER))
    assert here.vrf.fdb.reading is None
    assert here.remote_macs().keys() == {ROUTED, STRAY}
    assert flooded(kernel) == vteps(NEAR)

    here.run(PeerWentUp(SECOND), end_of_rib(SECOND))
    assert here.remote_macs().keys() == {ROUTED}
    assert flooded(kernel) == set()


def test_no_row_is_written_that_nobody_has_looked_at() -> None:
    kernel = Slow(LookUpMacs, ListMacs)
    kernel.left(ROUTED, FAR, state=NUD_PERMANENT | NUD_NOARP)
    kernel.theirs = {("vxlan", ROUTED), ("bridge", ROUTED)}
    here = Host(kernel)
    here.up()
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED, STRAY))
    assert kernel.vxlan.keys() == {ROUTED}
    for _ in range(3):
        here.run(*kernel.answer())

    assert kernel.vxlan[STRAY].dst == parse_ip(NEAR)
    assert kernel.vxlan[ROUTED].dst == parse_ip(FAR)
    assert kernel.trespasses == []


def test_a_withdrawal_acts_at_once_though_the_list_is_awaited() -> None:
    kernel = Slow(ListMacs)
    kernel.left(ROUTED, NEAR)
    here = Host(kernel)
    here.up()
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED))
    here.run(withdraw(PEER, NEAR, ROUTED))

    assert here.remote_macs() == {}


def test_a_list_that_is_older_than_a_deletion_brings_nothing_back() -> None:
    kernel = Slow(ListMacs)
    kernel.left(ROUTED, NEAR)
    kernel.left_flood(NEAR)
    here = Host(kernel)
    here.up()
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED), announce_imet(PEER, NEAR))
    listed = kernel.answer()
    here.run(withdraw(PEER, NEAR, ROUTED), withdraw_imet(PEER, NEAR))
    here.run(*listed)

    assert here.vrf.fdb.reading is None
    assert here.remote_macs() == here.vrf.fdb.actual == {}
    assert flooded(kernel) == here.vrf.floods.present() == set()


def test_announcing_is_not_finished_before_the_rows_of_tenants_are_known() -> None:
    kernel = Slow(LookUpMacs, ListMacs)
    kernel.frame(PORTS[0], HERE)
    here = Host(kernel)
    assert here.vrf.ready
    assert not [a for a in here.bgp if isinstance(a, FinishAnnouncement)]

    here.run(*kernel.answer())
    assert here.vrf.sent.macs.keys() == {HERE}
    assert [a for a in here.bgp if isinstance(a, FinishAnnouncement)]


def test_a_vtep_is_added_to_a_list_that_is_ours_before_all_of_it_is_known() -> None:
    kernel = Slow(ListMacs)
    kernel.left_flood(NEAR)
    here = Host(kernel)
    here.up()
    here.run(announce_imet(PEER, FAR))

    assert flooded(kernel) == vteps(NEAR, FAR)


def test_a_flood_list_of_somebody_else_is_left_alone_until_it_is_known() -> None:
    kernel = Slow(ListMacs)
    kernel.left_flood(NEAR, flags=0)
    kernel.left_flood("10.0.0.9", flags=0)
    here = Host(kernel)
    here.up()
    here.run(announce_imet(PEER, FAR), announce_imet(PEER, "10.0.0.9"))
    assert flooded(kernel) == vteps(NEAR, "10.0.0.9")

    here.run(*kernel.answer())
    assert flooded(kernel) == vteps(NEAR, "10.0.0.9", FAR)
    assert here.vrf.floods.unmarked == vteps(NEAR)


def test_a_port_that_comes_to_a_large_bridge_is_read_alone() -> None:
    kernel = Slow(ListMacs)
    here = Host(kernel)
    here.up()
    here.actions.clear()
    second = next(link for link in kernel.links() if link.ifindex == PORTS[1])
    here.run(LinkObserved(second._replace(master=0)))
    kernel.frame(PORTS[1], HERE)
    here.run(LinkObserved(second))

    assert [a for a in here.actions if isinstance(a, DumpFdb | DumpPorts)] == [
        DumpPorts(BRIDGE, frozenset({PORTS[1]}))
    ]
    assert here.vrf.sent.macs.keys() == {HERE}


def test_lost_notifications_have_all_rows_looked_at_again() -> None:
    kernel = Slow()
    here = Host(kernel)
    here.up()
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED), announce_imet(PEER, NEAR))
    kernel.give_vxlan_row(ROUTED)
    kernel.left(STRAY, FAR)
    kernel.flood.clear()
    here.run(KernelOverran("events"))
    here.later(2)

    assert here.remote_macs() == {ROUTED: parse_ip(NEAR)}
    assert flooded(kernel) == vteps(NEAR)


def test_what_the_kernel_does_not_answer_is_asked_for_again() -> None:
    kernel = Slow(LookUpMacs)
    here = Host(kernel)
    here.up()
    here.run(*_without_answers(kernel.answer()))
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED))
    assert kernel.unanswered == []

    here.later(parts.PAUSE)
    for _ in range(3):
        here.run(*kernel.answer())
    assert here.remote_macs().keys() == {ROUTED}


def _without_answers(events: list[Event]) -> list[Event]:
    return [e._replace(rows=[]) for e in events if isinstance(e, MacsLookedUp)]


def test_nothing_is_listed_while_journals_are_read() -> None:
    kernel = Slow()
    here = Host(kernel, told=[ReplayBegan(frozenset({PEER}))])
    assert here.vrf.ready
    assert not [a for a in here.actions if isinstance(a, ListMacs)]

    here.run(ReplayEnded(PEER))
    assert [a for a in here.actions if isinstance(a, ListMacs)]


def test_a_row_whose_route_a_journal_shows_withdrawn_is_not_held() -> None:
    kernel = Slow(ListMacs)
    kernel.left(ROUTED, NEAR)
    kernel.left(STRAY, NEAR)
    here = Host(kernel, told=[ReplayBegan(frozenset({PEER}))])
    here.run(
        PeerWentUp(PEER, resumed=True, replayed=True, age=1.0),
        announce(PEER, attributes(NEAR), NEAR, ROUTED),
        withdraw(PEER, NEAR, ROUTED),
        ReplayEnded(PEER),
    )

    assert here.remote_macs().keys() == {STRAY}
    assert not here.engine.peering.settled


def test_the_audit_does_not_dump_what_was_too_large() -> None:
    kernel = Slow(ListMacs)
    here = Host(kernel)
    here.up()
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED))
    here.actions.clear()
    here.later(130)

    assert not [a for a in here.actions if isinstance(a, AuditTables)]


def test_macs_are_looked_up_in_slices_and_the_last_to_come_first() -> None:
    kernel = Slow(LookUpMacs)
    here = Host(kernel)
    here.up()
    many = [(3 << 41 | number).to_bytes(6) for number in range(3 * parts.SLICE)]
    here.run(announce(PEER, attributes(NEAR), NEAR, *many))
    here.run(announce(PEER, attributes(NEAR), NEAR, ROUTED))
    here.run(*kernel.answer())
    (asked,) = kernel.unanswered
    assert isinstance(asked, LookUpMacs)
    assert len(asked.macs) == parts.SLICE
    assert asked.macs[0] == ROUTED

    turns: Callable[[], list[Event]] = kernel.answer
    for _ in range(5):
        here.run(*turns())
    assert here.remote_macs().keys() == {ROUTED, *many}
