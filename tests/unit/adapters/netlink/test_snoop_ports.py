"""The snooper reads many ports in one loop: none may cost the others anything."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from evpnd.adapters.netlink.snoop import FRAMES_A_SECOND, Snooper
from evpnd.model.actions import SnoopPorts
from evpnd.model.events import BindingsSnooped, Heard, NdFlags
from tests.unit.adapters.netlink.test_snoop import IP, IP_6, MAC, address, arp, nd

LOUD, QUIET = 1, 2
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def cables() -> Iterator[dict[int, Pair]]:
    """A socket pair for each port; the first end is the snooper's."""
    made = {
        port: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for port in (LOUD, QUIET)
    }
    for ours, theirs in made.values():
        ours.setblocking(False)
        theirs.setblocking(False)
    yield made
    for pair in made.values():
        for end in pair:
            end.close()


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop go on until something holds; the test's own timeout ends it."""
    while not holds():  # noqa: ASYNC110 - the snooper has no asyncio.Event to offer
        await asyncio.sleep(0.001)


def start(cables: dict[int, Pair], told: list[BindingsSnooped]) -> Snooper:
    snooper = Snooper(told.append)
    loop = asyncio.get_running_loop()
    ours = {port: pair[0] for port, pair in cables.items()}
    assert snooper.adopt(loop, SnoopPorts(frozenset(cables)), ours) == []
    return snooper


def test_flags_are_told_with_the_binding_that_had_them(
    cables: dict[int, Pair],
) -> None:
    async def scenario() -> list[BindingsSnooped]:
        told: list[BindingsSnooped] = []
        start(cables, told)
        frame = bytearray(nd(136, options=address(2, MAC)))
        frame[58] = 0xA0
        cables[LOUD][1].send(bytes(frame))
        cables[LOUD][1].send(arp())
        await until(lambda: bool(told))
        return told

    (event,) = asyncio.run(scenario())

    assert event.bindings == [Heard(LOUD, MAC, IP_6), Heard(LOUD, MAC, IP)]
    assert dict(event.flags) == {Heard(LOUD, MAC, IP_6): NdFlags(True, True)}


def test_a_loud_port_is_left_alone_for_a_while_and_others_are_heard(
    cables: dict[int, Pair],
) -> None:
    async def scenario() -> tuple[list[BindingsSnooped], int, int]:
        told: list[BindingsSnooped] = []
        start(cables, told)
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.5
        sent = 0
        while loop.time() < end:
            ip = sent.to_bytes(4, "big")
            try:
                cables[LOUD][1].send(arp(ip=b"\x0a" + ip[1:]))
                sent += 1
            except BlockingIOError:
                await asyncio.sleep(0)
        before = len([b for event in told for b in event.bindings])
        cables[QUIET][1].send(arp())
        await until(lambda: any(event.bindings[0][0] == QUIET for event in told))
        await asyncio.sleep(0.8)
        after = len([b for event in told for b in event.bindings])
        return told, before, after

    _, before, after = asyncio.run(scenario())

    assert before <= FRAMES_A_SECOND + 2 * 64
    assert after > before, "it is heard again in the next second"


def test_a_port_that_goes_while_it_is_left_alone_is_not_read_again(
    cables: dict[int, Pair],
) -> None:
    async def scenario() -> None:
        told: list[BindingsSnooped] = []
        snooper = start(cables, told)
        loop = asyncio.get_running_loop()
        for _ in range(2 * FRAMES_A_SECOND):
            try:
                cables[LOUD][1].send(arp())
            except BlockingIOError:
                await asyncio.sleep(0)
        (unused,) = snooper.adopt(loop, SnoopPorts(frozenset({QUIET})), {})
        with closing(unused):
            pass
        await asyncio.sleep(1.1)

    asyncio.run(scenario())


def test_a_port_whose_frames_get_tags_is_opened_anew(cables: dict[int, Pair]) -> None:
    async def scenario() -> None:
        snooper = start(cables, [])
        loop = asyncio.get_running_loop()
        ports, tagged = frozenset({LOUD, QUIET}), frozenset({LOUD})
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pair[0].setblocking(False)
        for sock in pair:
            with closing(sock):
                wanted = SnoopPorts(ports, tagged)
                if sock is pair[0]:
                    unused = snooper.adopt(loop, wanted, {LOUD: sock})
                    assert unused == [cables[LOUD][0]]
                else:
                    assert snooper.adopt(loop, wanted, {}) == []
        snooper.adopt(loop, SnoopPorts(frozenset()), {})

    asyncio.run(scenario())
