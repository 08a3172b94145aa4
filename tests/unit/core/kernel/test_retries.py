"""Rows that the kernel refuses are tried again, each by itself, ever later."""

import errno

from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    UpsertRemoteMacs,
)
from evpnd.model.events import RowFailed
from evpnd.model.ids import parse_ip
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import BRIDGE, DOMAIN, VXLAN

MAC, IP = b"\2\0\0\0\0\1", parse_ip("192.0.2.10")
PEER, VTEP = PEERS[0], "10.0.0.2"


def host() -> Host:
    made = Host()
    made.up()
    made.run(announce(PEER, attributes(VTEP), VTEP, MAC, MAC + IP))
    made.run(announce_imet(PEER, VTEP))
    return made


def refuse_removals(here: Host) -> None:
    """Take all routes back, and have the kernel refuse what follows."""
    here.run(withdraw(PEER, VTEP, MAC, MAC + IP), withdraw_imet(PEER, VTEP))
    here.tell(
        RowFailed("fdb", VXLAN, MAC, errno.EPERM, deleting=True),
        RowFailed("flood", VXLAN, parse_ip(VTEP), errno.EPERM, deleting=True),
        RowFailed("neighbor", BRIDGE, IP, errno.EPERM, deleting=True),
    )


def test_a_removal_that_is_refused_is_tried_again() -> None:
    here = host()
    refuse_removals(here)
    assert not [a for a in here.turn() if isinstance(a, DeleteRemoteMacs)]
    here.now += 1.0
    again = here.turn()

    assert DeleteRemoteMacs(DOMAIN, [MAC]) in again
    assert DeleteFlood(DOMAIN, [parse_ip(VTEP)]) in again
    assert DeleteNeighbors(DOMAIN, [IP]) in again
    here.later(120.0)
    assert here.vrf.fdb.taken == set()
    assert here.engine.rows.retries.next_due() is None


def test_a_row_wanted_again_meanwhile_is_made_and_not_removed() -> None:
    here = host()
    refuse_removals(here)
    here.turn()
    here.tell(announce(PEER, attributes(VTEP), VTEP, MAC))
    here.now += 1.0
    actions = here.turn()

    assert UpsertRemoteMacs(DOMAIN, parse_ip(VTEP), [MAC]) in actions
    assert not [a for a in actions if isinstance(a, DeleteRemoteMacs)]
