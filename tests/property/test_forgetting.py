"""What is over is forgotten: endless changes leave the core as large as it was."""

import gc
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from evpnd.core.bgp import imports
from evpnd.core.evi import remembered
from evpnd.model.config import PeerConfig
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    Heard,
    PeerWentDown,
    PeerWentUp,
)
from evpnd.model.ids import Peer, parse_ip
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    end_of_rib,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import BRIDGE, PORTS

PEER, VTEP = PEERS[0], "10.0.0.9"
ROUNDS = 50
WINDOWS = 24
GROWTH = 0.5
"""Blocks of memory that a round may leave. An entry kept for each round takes one at
least, in every window of rounds. Python keeps some freed tuples: fewer with each
window."""
HOUR = 3600.0

Act = Callable[[Host, int], None]


def mac(number: int) -> bytes:
    return b"\2\0" + number.to_bytes(4, "big")


def moves(host: Host, number: int) -> None:
    """A MAC and its address move from a port to a VTEP, and back."""
    ip = parse_ip("192.0.2.10")
    host.run(*host.kernel.frame(PORTS[0], mac(1)))
    host.run(BindingsSnooped([Heard(PORTS[0], mac(1), ip)]))
    path = attributes(VTEP, 2 * number + 1)
    host.run(announce(PEER, path, VTEP, mac(1), mac(1) + ip))
    host.run(*host.kernel.frame(PORTS[0], mac(1)))
    host.run(withdraw(PEER, VTEP, mac(1), mac(1) + ip))


def remote_strangers(host: Host, number: int) -> None:
    """A MAC that nobody has seen comes to a VTEP, and goes."""
    ip = (0x0A000000 + number).to_bytes(4, "big")
    path = attributes(VTEP, number)
    host.run(announce(PEER, path, VTEP, mac(number), mac(number) + ip))
    host.run(withdraw(PEER, VTEP, mac(number), mac(number) + ip))


def local_strangers(host: Host, number: int) -> None:
    """A MAC that nobody has seen comes to a port, and goes."""
    ip = (0x0A000000 + number).to_bytes(4, "big")
    host.run(*host.kernel.frame(PORTS[0], mac(number)))
    host.run(BindingsSnooped([Heard(PORTS[0], mac(number), ip)]))
    host.run(*host.kernel.age(mac(number)))


def vteps(host: Host, number: int) -> None:
    """A VTEP that nobody has seen comes, and goes."""
    vtep = f"10.1.{number >> 8}.{number & 255}"
    host.run(announce_imet(PEER, vtep))
    host.run(announce(PEER, attributes(vtep), vtep, mac(number)))
    host.run(withdraw(PEER, vtep, mac(number)), withdraw_imet(PEER, vtep))


def sessions(host: Host, number: int) -> None:
    """A session ends, and the next one brings other routes."""
    host.run(PeerWentDown(PEER, "reset", graceful=False))
    host.run(up())
    host.run(announce(PEER, attributes(VTEP), VTEP, mac(number)), end_of_rib(PEER))


def reloads(host: Host, number: int) -> None:
    """A peer that nobody has seen is configured, and another in its place."""
    peers = [PeerConfig(peer, 65000) for peer in PEERS]
    new = PeerConfig(Peer(f"192.0.3.{number % 250}"), 65000, description=str(number))
    host.run(ConfigChanged(replace(config(), peers=(*peers, new))))
    host.run(ConfigChanged(config()))


def addresses(host: Host, number: int) -> None:
    """An address comes to a link that goes before it."""
    host.run(AddressObserved(1000 + number, parse_ip("192.0.2.77"), present=False))
    host.run(AddressObserved(BRIDGE, parse_ip("192.0.2.78"), present=True))
    host.run(AddressObserved(BRIDGE, parse_ip("192.0.2.78"), present=False))


def up() -> PeerWentUp:
    return PeerWentUp(PEER, restart_time=0, forwarding=False)


@pytest.fixture
def _small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have caches that are full soon."""
    monkeypatch.setattr(imports, "PATH_CACHE", 20)
    monkeypatch.setattr(remembered, "DEPARTED_MACS", 20)


@pytest.mark.usefixtures("_small_caches")
@pytest.mark.parametrize(
    "act",
    [moves, remote_strangers, local_strangers, vteps, sessions, reloads, addresses],
)
def test_what_is_over_leaves_nothing(act: Act) -> None:
    host = Host()
    host.run(up(), end_of_rib(PEER))

    def grown(window: int) -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        for number in range(1 + window * ROUNDS, 1 + (window + 1) * ROUNDS):
            act(host, number)
            # Longer than anything is remembered for its age.
            host.now += HOUR
            host.run()
            for said in (host.bgp, host.notices, host.actions, host.kernel.asked):
                said.clear()
        gc.collect()
        return sys.getallocatedblocks() - before

    assert any(grown(window) < GROWTH * ROUNDS for window in range(WINDOWS))
