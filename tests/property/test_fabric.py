"""Whole fabrics come to rest, agree, and are right about where each MAC is."""

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.model.events import (
    BindingsSnooped,
    FdbObserved,
    KernelOverran,
    NeighborsObserved,
)
from evpnd.model.ids import parse_ip
from tests.fakes.fabric import Fabric
from tests.fakes.fabric_promises import (
    all_agree,
    nobody_else_is_announced,
    stations_are_where_they_spoke,
)
from tests.fakes.kernel import PORTS
from tests.property.depth import examples

# Hundreds of examples each: with coverage they would take twice as long.
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(1, 4)]
IPS = {
    MACS[0]: {parse_ip("192.0.2.10"), parse_ip("2001:db8::10")},
    MACS[1]: {parse_ip("192.0.2.11")},
    MACS[2]: set[bytes](),
}

Notification = FdbObserved | NeighborsObserved | BindingsSnooped
Step = Callable[[Fabric, int, int], None]


def move(fabric: Fabric, a: int, b: int) -> None:
    mac = MACS[a % len(MACS)]
    host = b % len(fabric.hosts)
    fabric.place(mac, host, PORTS[b // 16 % 2])
    if a & 0x80:
        fabric.stations[mac].ips |= IPS[mac]
        fabric.speak(mac)


def speak(fabric: Fabric, a: int, _: int) -> None:
    mac = MACS[a % len(MACS)]
    if mac in fabric.stations:
        fabric.speak(mac)


def leave(fabric: Fabric, a: int, _: int) -> None:
    fabric.stations.pop(MACS[a % len(MACS)], None)


def age(fabric: Fabric, a: int, b: int) -> None:
    host = fabric.hosts[b % len(fabric.hosts)]
    host.heard.extend(host.kernel.age(MACS[a % len(MACS)]))


def deliver(fabric: Fabric, a: int, b: int) -> None:
    fabric.ways[a % len(fabric.ways)].deliver(b % 8 + 1)


def turn(fabric: Fabric, a: int, b: int) -> None:
    host = fabric.hosts[a % len(fabric.hosts)]
    if b & 1:
        host.work(b // 16 + 1)
    if b & 2:
        host.hear(b // 16 + 1)
    host.turn()


def finish_turn(fabric: Fabric, a: int, _: int) -> None:
    host = fabric.hosts[a % len(fabric.hosts)]
    host.work()
    host.hear()
    host.turn()


def drain(fabric: Fabric, _: int, __: int) -> None:
    fabric.drain()


def lose_session(fabric: Fabric, a: int, b: int) -> None:
    session = fabric.sessions[a % len(fabric.sessions)]
    fabric.break_down(session, graceful=bool(b & 1), arrive=b // 2)


def restore_session(fabric: Fabric, a: int, b: int) -> None:
    session = fabric.sessions[a % len(fabric.sessions)]
    fabric.bring_up(session, forwarding=bool(b & 1))


def restart_agent(fabric: Fabric, a: int, _: int) -> None:
    fabric.hosts[a % len(fabric.hosts)].restart_agent()


def restart_daemon(fabric: Fabric, a: int, b: int) -> None:
    host = fabric.hosts[a % len(fabric.hosts)]
    fabric.restart_daemon(host, graceful=bool(b & 1))


def wait(fabric: Fabric, a: int, _: int) -> None:
    fabric.now += (0.1, 1.0, 16.0, 130.0)[a % 4]


def replay(fabric: Fabric, a: int, _: int) -> None:
    way = fabric.ways[a % len(fabric.ways)]
    way.answer()


def overrun(fabric: Fabric, a: int, _: int) -> None:
    host = fabric.hosts[a % len(fabric.hosts)]
    # Answers to dumps come by another socket: they are not lost.
    answers = [e for e in host.heard if not isinstance(e, Notification)]
    host.heard = deque((*answers, KernelOverran("events")))


def lose_rows(fabric: Fabric, a: int, b: int) -> None:
    kernel = fabric.hosts[a % len(fabric.hosts)].kernel
    lost = kernel.flush_vxlan() if b & 1 else kernel.flush_neighbors()
    fabric.hosts[a % len(fabric.hosts)].heard.extend(lost)


def fix(fabric: Fabric, a: int, b: int) -> None:
    mac = MACS[a % len(MACS)]
    if mac in fabric.fixed:
        return
    number = b % len(fabric.hosts)
    sticky = bool(a & 0x80)
    host = fabric.hosts[number]
    # A row of ours on its way to the kernel would replace it, unseen by anybody.
    finish_turn(fabric, number, 0)
    host.work()
    host.heard.extend(host.kernel.put(PORTS[0], mac, sticky=sticky))
    host.hear()
    fabric.fixed[mac] = (number, sticky)
    if not sticky:
        # It is where the operator says; a machine elsewhere would have to speak.
        fabric.stations.pop(mac, None)


def unfix(fabric: Fabric, a: int, _: int) -> None:
    mac = MACS[a % len(MACS)]
    if mac in fabric.fixed:
        number, _sticky = fabric.fixed.pop(mac)
        host = fabric.hosts[number]
        host.heard.extend(host.kernel.take(mac))


MOVES: list[Step] = [move] * 6 + [speak, speak, leave, age]
FLOW: list[Step] = [deliver] * 6 + [turn] * 6 + [finish_turn] * 3 + [drain]
SESSIONS: list[Step] = [lose_session] * 2 + [restore_session] * 3 + [replay]
CRASHES: list[Step] = [restart_agent, restart_daemon]
KERNEL: list[Step] = [overrun, lose_rows]
FIXED: list[Step] = [fix, fix, unfix]
TIME: list[Step] = [wait, wait]

STEP = 3
"""Octets of a step: what, and two arguments."""


def programs(steps: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=steps * STEP, max_size=steps * STEP)


def play(fabric: Fabric, steps: list[Step], program: bytes) -> None:
    for at in range(0, len(program), STEP):
        what, a, b = program[at : at + STEP]
        steps[what % len(steps)](fabric, a, b)


def rest(fabric: Fabric) -> None:
    """Everything comes up again, timers run out, and each station speaks once more."""
    fabric.settle()
    fabric.pass_time(200.0)
    all_agree(fabric)
    for mac in fabric.stations:
        fabric.speak(mac)
    fabric.drain()
    all_agree(fabric)
    stations_are_where_they_spoke(fabric, aged=False)
    fabric.age()
    fabric.drain()
    all_agree(fabric)
    stations_are_where_they_spoke(fabric)
    nobody_else_is_announced(fabric)


@examples(2000)
@given(programs(20))
def test_macs_that_move_while_routes_are_on_their_way(program: bytes) -> None:
    fabric = Fabric(3)
    play(fabric, MOVES + FLOW + TIME, program)
    rest(fabric)


@examples(1500)
@given(programs(18))
def test_macs_that_move_while_sessions_come_and_go(program: bytes) -> None:
    fabric = Fabric(3)
    play(fabric, MOVES + FLOW + TIME + SESSIONS, program)
    rest(fabric)


@examples(1200)
@given(programs(16))
def test_agents_and_daemons_that_are_lost(program: bytes) -> None:
    fabric = Fabric(3)
    play(fabric, MOVES + FLOW + TIME + SESSIONS + CRASHES * 2, program)
    rest(fabric)


@examples(1200)
@given(programs(16))
def test_kernels_that_forget_and_operators_that_meddle(program: bytes) -> None:
    fabric = Fabric(3)
    play(fabric, MOVES + FLOW + TIME + KERNEL * 2 + FIXED * 2, program)
    rest(fabric)


@examples(1000)
@given(programs(16), st.sampled_from([(0, 1), (1, 0)]))
def test_bridges_that_know_vlans_have_rows_in_two(
    program: bytes, vlans: tuple[int, int]
) -> None:
    fabric = Fabric(3, vlans=vlans)
    play(fabric, MOVES + FLOW + TIME + KERNEL * 2 + FIXED + CRASHES, program)
    rest(fabric)


@examples(1200)
@given(programs(16))
def test_one_route_reflector(program: bytes) -> None:
    fabric = Fabric(3, reflectors=1)
    play(fabric, MOVES + FLOW + TIME + SESSIONS + CRASHES, program)
    rest(fabric)


def test_an_agent_that_is_lost_twice_at_once_is_told_all_routes_by_reflectors() -> None:
    fabric = Fabric(5, reflectors=2)
    move(fabric, 0, 0)
    restart_agent(fabric, 0, 0)
    move(fabric, 1, 2)
    fabric.drain()
    # The second ROUTE-REFRESH within a second: its answer is put off.
    restart_agent(fabric, 0, 0)
    restart_daemon(fabric, 1, 0)
    rest(fabric)


@examples(1000)
@given(programs(16))
def test_five_hosts_and_two_route_reflectors(program: bytes) -> None:
    fabric = Fabric(5, reflectors=2)
    play(fabric, MOVES + FLOW + TIME + SESSIONS + CRASHES + KERNEL + FIXED, program)
    rest(fabric)
