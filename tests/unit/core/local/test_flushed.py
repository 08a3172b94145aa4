"""Tenants whose MACs the kernel flushed: asked, and back at once."""

from dataclasses import replace

import pytest

from evpnd.core.evi.remembered import Flushed
from evpnd.core.local import flushed, questions
from evpnd.core.local.probes import TRIES
from evpnd.model.events import FdbObserved, LinkObserved, NeighborsObserved
from evpnd.model.routes import ROUTER
from evpnd.model.rows import NUD_REACHABLE, BridgePort, FdbRow, NeighborRow
from tests.fakes.host import Host
from tests.fakes.kernel import BRIDGE
from tests.unit.core.local.binding_host import (
    IP4,
    IP6,
    ONE,
    TWO,
    A,
    B,
    C,
    advertise,
    events,
    hear,
    made,
    remote,
    told,
)


def take_down(host: Host, index: int, *, up: bool = False) -> None:
    host.run(*host.kernel.set_link(index, up=up))


def wait(host: Host, seconds: int) -> None:
    for _ in range(seconds):
        host.now += 1
        host.run()


@pytest.mark.parametrize("device", [BRIDGE, ONE])
def test_a_device_that_was_down_has_the_tenants_asked_and_back(device: int) -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    take_down(host, device)
    assert not {A, A + IP4, A + IP6} & told(host).keys()
    wait(host, 20)
    host.kernel.asked.clear()
    take_down(host, device, up=True)

    assert sorted(host.kernel.asked) == [(ONE, A, IP6), (ONE, A, IP4)]
    host.run(*host.kernel.frame(ONE, A))
    assert told(host).keys() >= {A, A + IP4, A + IP6}


def test_a_tenant_that_comes_back_on_another_port_has_its_ips() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    host.run(*host.kernel.frame(TWO, A))

    assert told(host).keys() == {A, A + IP4}
    assert host.kernel.asked[-1] == (TWO, A, IP4)


def test_nobody_is_asked_while_the_port_passes_no_frames() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    host.kernel.asked.clear()
    link = next(each for each in host.kernel.links() if each.ifindex == ONE)
    port = BridgePort(learning=True, neigh_suppress=False, forwarding=False)
    for seen in (link._replace(carrier=False), link._replace(port=port)):
        host.run(LinkObserved(seen))
        wait(host, 5)
    assert host.kernel.asked == []
    host.run(LinkObserved(link._replace(port=port._replace(forwarding=True))))

    assert host.kernel.asked == [(ONE, A, IP4)]


def test_a_flush_with_all_devices_up_has_the_tenant_asked_at_once() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    host.run(*host.kernel.age(A))
    assert host.kernel.asked == [(ONE, A, IP4)]
    wait(host, 10)
    assert len(host.kernel.asked) == TRIES
    # Silent: what it said before the flush counts no more.
    host.run(*host.kernel.frame(ONE, A))
    assert told(host).keys() == {A}


def test_what_an_operator_takes_from_a_port_is_not_asked_for() -> None:
    host = made()
    host.run(*host.kernel.put(ONE, C))
    hear(host, ONE, C, IP4)
    host.run(*host.kernel.take(C))
    wait(host, 5)

    assert host.kernel.asked == []
    host.run(*host.kernel.frame(ONE, C))
    assert told(host).keys() == {C}


def test_the_flags_of_a_router_come_back_with_it() -> None:
    host = made()
    advertise(host, A, IP6, ROUTER)
    take_down(host, ONE)
    take_down(host, ONE, up=True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host)[A + IP6].arp_nd_flags == ROUTER


def test_an_ip_that_another_has_meanwhile_is_asked_for_and_not_claimed() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    take_down(host, ONE)
    hear(host, TWO, B, IP4)
    remote(host, C, IP6, 3)
    take_down(host, ONE, up=True)
    host.kernel.asked.clear()
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() >= {A, B + IP4}
    assert not {A + IP4, A + IP6} & told(host).keys()
    assert sorted(host.kernel.asked) == sorted([(ONE, A, IP4), (ONE, A, IP6)])


def test_a_mac_that_was_elsewhere_meanwhile_is_asked_and_not_believed() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    remote(host, A, IP6, 3)
    take_down(host, ONE, up=True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A}
    assert (ONE, A, IP4) in host.kernel.asked


def test_what_was_flushed_long_ago_is_forgotten() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    host.now += flushed.FLUSHED_TIME + 1
    take_down(host, ONE, up=True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A}


def test_without_probes_the_ips_come_back_and_nobody_is_asked() -> None:
    host = made(probe=False)
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    take_down(host, ONE, up=True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A, A + IP4}
    assert host.kernel.asked == []


def test_more_tenants_than_may_wait_are_all_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "URGENT_MOST", 8)
    host = made()
    macs = [bytes((2, 1, 0, 0, 0, number)) for number in range(30)]
    rows = [FdbRow(True, ONE, mac, 0, NUD_REACHABLE, 0, b"") for mac in macs]
    host.run(FdbObserved(rows))
    for mac in macs:
        hear(host, ONE, mac, bytes((192, 0, 2, mac[-1])))
    host.run(FdbObserved([row._replace(present=False) for row in rows]))
    wait(host, 30)

    assert {mac for _, mac, _ in host.kernel.asked} == set(macs)


def test_the_oldest_make_room() -> None:
    host = made()
    for number in range(flushed.FLUSHED_MOST + 5):
        mac = b"\2\1" + number.to_bytes(4)
        lost = Flushed(ONE, host.now, {IP4: 0})
        flushed.remember(host.vrf, mac, lost, host.engine.tenants.questions)
    assert len(host.vrf.remembered.flushed) == flushed.FLUSHED_MOST


@pytest.mark.parametrize("mac_first", [True, False])
def test_a_binding_of_the_kernel_outlives_its_flush(mac_first: bool) -> None:
    host = made()
    row = NeighborRow(True, BRIDGE, IP4, A, NUD_REACHABLE, 0, 0)
    host.run(NeighborsObserved([row]))
    gone: list[FdbObserved | NeighborsObserved] = [
        FdbObserved([host.kernel.bridge.pop(A)._replace(present=False)]),
        NeighborsObserved([row._replace(present=False)]),
    ]
    for event in gone if mac_first else reversed(gone):
        host.run(event)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A, A + IP4}
    assert (ONE, A, IP4) in host.kernel.asked
    wait(host, 5)
    assert told(host).keys() == {A}
    assert len(events(host, "binding_expired")) == 1


def test_a_reload_that_turns_neighbours_off_restores_nothing() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    take_down(host, ONE)
    (evi,) = host.engine.config.evis
    off = replace(evi, advertise=replace(evi.advertise, neighbors=False))
    host.vrf.reconfigure(off)
    take_down(host, ONE, up=True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A}
