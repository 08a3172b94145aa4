"""What one peer sends costs in proportion to how much it is, whatever it is.

Each scenario is worked through at a size and at eight times the size, a few routes to
a reconciliation. What is quadratic takes 64 times as long, and not eight.
"""

import gc
import time
from collections.abc import Callable, Iterator

import pytest

from evpnd.core.engine import Engine
from evpnd.model.events import Event, RefreshMarked, UpdateReceived
from evpnd.model.routes import (
    ImetRoute,
    MacIpBatch,
    PathAttributes,
    PmsiTunnel,
    Update,
)
from tests.fakes.host import (
    LABEL,
    NO_ESI,
    NO_TAG,
    PEERS,
    TARGET,
    VNI,
    Host,
    announce,
    attributes,
    end_of_rib,
)

BAD, _ = PEERS
SIZE = 500
EACH_TURN = 4
"""Routes to a reconciliation."""
TIMES = 8
MOST = 25.0
"""Times as long for eight times as much; 8 is linear, 64 is quadratic."""
VTEP = "10.0.0.2"
PATH = attributes(VTEP)


def mac(number: int) -> bytes:
    return (0x020000000000 + number).to_bytes(6, "big")


def ip(number: int) -> bytes:
    return (0x0B000001 + number).to_bytes(4, "big")


def rd(number: int) -> bytes:
    return number.to_bytes(8, "big")


def by_rd(number: int, *keys: bytes) -> Event:
    batch = MacIpBatch(rd(number), NO_TAG, NO_ESI, LABEL, list(keys))
    return UpdateReceived(BAD, Update(PATH, [batch], [], [], []))


def gone(number: int, *keys: bytes) -> Event:
    batch = MacIpBatch(rd(number), NO_TAG, b"", b"", list(keys))
    return UpdateReceived(BAD, Update(None, [], [], [batch], []))


def rds_of_a_mac(size: int) -> Iterator[Event]:
    yield from (by_rd(n, mac(1)) for n in range(size))
    yield from (gone(n, mac(1)) for n in range(size))


def ips_of_a_mac(size: int) -> Iterator[Event]:
    yield from (by_rd(1, mac(1) + ip(n)) for n in range(size))
    yield from (gone(1, mac(1) + ip(n)) for n in range(size))


def macs_of_an_ip(size: int) -> Iterator[Event]:
    yield from (by_rd(1, mac(n) + ip(1)) for n in range(size))
    yield from (gone(1, mac(n) + ip(1)) for n in range(size))


def rds_of_a_binding(size: int) -> Iterator[Event]:
    yield from (by_rd(n, mac(1) + ip(1)) for n in range(size))
    yield from (gone(n, mac(1) + ip(1)) for n in range(size))


def moves_of_a_mac_with_ips(size: int) -> Iterator[Event]:
    """A MAC with many IPs that is at another VTEP with each route."""
    yield by_rd(1, *(mac(1) + ip(n) for n in range(size)))
    for n in range(size):
        path = attributes(f"10.0.0.{n % 2 + 2}", sequence=n)
        yield announce(BAD, path, VTEP, mac(1))


def begins_of_a_refresh(size: int) -> Iterator[Event]:
    yield by_rd(1, *(mac(n) for n in range(size)))
    yield from (RefreshMarked(BAD, ended=False) for _ in range(size))


def refreshes(size: int) -> Iterator[Event]:
    """Refreshes with one route each, after one with a table."""
    yield by_rd(1, *(mac(n) for n in range(size)))
    for _ in range(size):
        yield RefreshMarked(BAD, ended=False)
        yield by_rd(1, mac(1))
        yield RefreshMarked(BAD, ended=True)


def ends_of_rib(size: int) -> Iterator[Event]:
    """End-of-RIB markers beside a table with many RDs."""
    yield from (by_rd(n, mac(n)) for n in range(size))
    yield from (end_of_rib(BAD) for _ in range(size))


def type_3_routes(size: int) -> Iterator[Event]:
    for n in range(size):
        path = PathAttributes(
            next_hop=ip(n),
            route_targets=(TARGET,),
            pmsi=PmsiTunnel(6, VNI, ip(n)),
        )
        route = ImetRoute(rd(n), NO_TAG, ip(n))
        yield UpdateReceived(BAD, Update(path, [], [route], [], []))
    for n in range(size):
        route = ImetRoute(rd(n), NO_TAG, ip(n))
        yield UpdateReceived(BAD, Update(None, [], [], [], [route]))


SCENARIOS = [
    rds_of_a_mac,
    ips_of_a_mac,
    macs_of_an_ip,
    rds_of_a_binding,
    moves_of_a_mac_with_ips,
    begins_of_a_refresh,
    refreshes,
    ends_of_rib,
    type_3_routes,
]


def seconds(scenario: Callable[[int], Iterator[Event]], size: int) -> float:
    """Measure what the core takes, without the kernel."""
    host = Host()
    host.up()
    engine: Engine = host.engine
    events = list(scenario(size))
    gc.collect()
    gc.disable()  # what other tests left is not to be counted
    begin = time.process_time()
    for at in range(0, len(events), EACH_TURN):
        for event in events[at : at + EACH_TURN]:
            engine.handle(event, host.now)
        engine.reconcile(host.now)
    took = time.process_time() - begin
    gc.enable()
    return took


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_eight_times_as_much_costs_about_eight_times_as_much(
    scenario: Callable[[int], Iterator[Event]],
) -> None:
    # Other processes make a measurement longer, never shorter.
    small = min(seconds(scenario, SIZE) for _ in range(3))

    assert any(seconds(scenario, TIMES * SIZE) < MOST * small for _ in range(3))
