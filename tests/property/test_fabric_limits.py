"""Fabrics at the limits: sequences that end, MACs that move too often."""

from dataclasses import replace

import pytest
from hypothesis import given

from evpnd.model.config import Config, DuplicateDetection
from evpnd.model.numbers import SEQUENCE_MAX
from tests.fakes.fabric import Fabric
from tests.fakes.fabric_promises import (
    all_agree,
    nobody_else_is_announced,
    stations_are_where_they_spoke,
)
from tests.property.depth import examples
from tests.property.test_fabric import (
    CRASHES,
    FLOW,
    MACS,
    MOVES,
    SESSIONS,
    TIME,
    Step,
    drain,
    play,
    programs,
    rest,
)

# Hundreds of examples each: with coverage they would take twice as long.
pytestmark = [pytest.mark.slow, pytest.mark.no_cover]


def grow_old(fabric: Fabric, a: int, b: int) -> None:
    """Have a MAC have moved some billions of times."""
    mac = MACS[a % len(MACS)]
    for host in fabric.hosts:
        host.turn()
        if mac in host.vrf.macs.local and mac in host.vrf.sent.macs:
            # Announced as it is: by itself it would begin at 0, being alone.
            host.vrf.macs.sequence[mac] = SEQUENCE_MAX - b % 4
            host.engine.originator.mac(host.vrf, mac)
            host.turn()
            host.vrf.fdb.dirty.add(mac)
            return


OLD: list[Step] = [grow_old, drain]


@examples(700)
@given(programs(18))
def test_sequences_that_come_to_their_end(program: bytes) -> None:
    fabric = Fabric(3)
    play(fabric, MOVES + FLOW + TIME + SESSIONS + OLD * 4, program)
    rest(fabric)


def freezing(settings: Config) -> Config:
    limits = DuplicateDetection(moves=3, window=60.0, freeze=True, freeze_for=100.0)
    return replace(settings, duplicate_detection=limits)


@examples(500)
@given(programs(24))
def test_macs_that_are_frozen_for_a_while(program: bytes) -> None:
    fabric = Fabric(3, change=freezing)
    play(fabric, MOVES * 2 + FLOW + SESSIONS + CRASHES, program)
    fabric.settle()
    # What is frozen thaws, and so does what moves too often because of that.
    for _ in range(3):
        fabric.pass_time(200.0)
        fabric.age()
        fabric.drain()
    for _ in range(2):
        for mac in fabric.stations:
            fabric.speak(mac)
        fabric.drain()

    assert not any(host.vrf.macs.frozen for host in fabric.hosts)
    all_agree(fabric)
    stations_are_where_they_spoke(fabric)
    nobody_else_is_announced(fabric)
