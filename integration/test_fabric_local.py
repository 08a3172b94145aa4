"""Local tenants: heard, aged, gone, moved, and what others make of it."""

import itertools
import time

import pytest

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import (
    converge,
    expect_bindings,
    expect_flood,
    expect_macs,
    expect_rows,
    heard,
    mesh,
)
from integration.lab_kernel import bgp_connections, fdb
from integration.lab_netns import ip, wait_until

pytestmark = pytest.mark.root
VNI = 10100


def fabric(
    make_lab: MakeLab, *, ageing: float = 300, hosts: int = 2, probe: bool = True
) -> tuple[Lab, list[Evpnd]]:
    lab = make_lab(hosts)
    for host in lab.hosts:
        host.prepare(VNI, ageing=ageing)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    evis = {host.number: [evi(VNI, probe=probe)] for host in lab.hosts}
    return lab, mesh(lab, evis)


def test_a_mac_that_ages_out_is_withdrawn_with_its_bindings(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab, ageing=3, probe=False)
    converge(lab)
    # Silence: nothing refreshes the bridge's rows any more.

    expect_macs(lab[1], VNI, {}, within=15)
    expect_bindings(lab[1], VNI, {})


def test_a_port_that_goes_down_withdraws_at_once(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    lab.tenants[1].unplug()

    expect_macs(lab[1], VNI, {}, within=3)
    expect_bindings(lab[1], VNI, {}, within=3)


def test_an_evi_removed_by_reload_is_withdrawn_and_leaves_no_rows(
    make_lab: MakeLab,
) -> None:
    lab, (_, two) = fabric(make_lab)
    converge(lab)
    expect_flood(lab[1], VNI, [lab[2]])
    two.write(lab[2].config(lab[1].session, evis=[evi(10200)]))
    done = two.reload()

    assert done.returncode == 0, done.stdout + done.stderr
    expect_macs(lab[1], VNI, {})
    expect_flood(lab[1], VNI, [])
    expect_macs(lab[2], VNI, {})
    expect_bindings(lab[2], VNI, {})
    expect_flood(lab[2], VNI, [])


def test_a_refused_reload_changes_nothing(make_lab: MakeLab) -> None:
    lab, (_, two) = fabric(make_lab)
    converge(lab)
    two.write(lab[2].config(lab[1].session, evis=[evi(VNI, flod=True)]))
    done = two.reload()

    assert done.returncode in (1, 2)
    assert "flod" in done.stdout + done.stderr
    expect_rows(lab[1], [lab.tenants[1]])
    expect_rows(lab[2], [lab.tenants[0]])


@pytest.mark.parametrize(
    ("switch", "flood", "macs", "ips"),
    [
        ({"imet": False}, False, True, True),
        ({"neighbors": False}, True, True, False),
        ({"macs": False, "neighbors": False}, True, False, False),
    ],
)
def test_what_is_switched_off_is_not_advertised(
    make_lab: MakeLab, switch: dict[str, bool], *, flood: bool, macs: bool, ips: bool
) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI, advertise=switch)]})
    heard(lab.tenants)
    expect_rows(lab[2], [lab.tenants[0]])
    two = lab.tenants[1]

    expect_flood(lab[1], VNI, [lab[2]] if flood else [])
    expect_macs(lab[1], VNI, {two.mac: lab[2].vtep} if macs else {})
    both = {two.ip: two.mac, two.ip6: two.mac}
    expect_bindings(lab[1], VNI, both if ips else {})


def test_static_tenants_are_advertised_unheard_and_sticky(make_lab: MakeLab) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI)
    mac, address = "02:00:00:00:00:77", "192.168.100.119"
    static = [{"mac": mac, "ip": address, "sticky": True}]
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI, static=static)]})

    expect_macs(lab[1], VNI, {mac: lab[2].vtep})
    expect_bindings(lab[1], VNI, {address: mac})
    assert [row["sticky"] for row in one.show("macs", "--mac", mac)] == [True]


def test_the_bridges_own_addresses_are_default_gateways_where_asked(
    make_lab: MakeLab,
) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI)
    gateway = "02:00:00:00:ff:01"
    ip(
        [
            f"link set br{VNI} address {gateway}",
            f"addr add 192.168.100.1/24 dev br{VNI}",
        ],
        lab[2].namespace,
    )
    advertise = {"default-gateway": True}
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI, advertise=advertise)]})

    one.wait_show(
        "routes",
        lambda rows: any(
            row["mac"] == gateway
            and row["ip"] == "192.168.100.1"
            and row["default_gateway"]
            for row in rows
        ),
        "a default gateway route",
    )


def test_a_tenant_that_moves_is_followed_by_every_host(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab, hosts=3)
    converge(lab)
    one, two, three = lab.tenants
    one.expect_ping(two.ip)
    with one.pinging(two.ip) as ping:
        wait_until(lambda: ping.answered >= 20, 5, "20 answers before the move")
        two.move(lab[3])
        seen = ping.answered
        wait_until(lambda: ping.answered >= seen + 50, 5, "50 answers after the move")
    result = ping.result()

    assert result.gap < 1.0, str(result)
    expect_rows(lab[1], [two, three])
    expect_rows(lab[2], [one, two, three])
    expect_rows(lab[3], [one])
    (row,) = daemons[0].show("macs", "--mac", two.mac)
    assert row["vtep"] == lab[3].vtep


def test_a_tenant_may_move_there_and_back(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    one, two = lab.tenants
    two.move(lab[1])
    expect_macs(lab[2], VNI, {one.mac: lab[1].vtep, two.mac: lab[1].vtep})
    two.move(lab[2])
    expect_rows(lab[1], [two])
    expect_rows(lab[2], [one])

    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counter:
        one.expect_ping(two.ip)
        two.expect_ping(one.ip6)
    assert counter.report[Kind.FLOODED] == 0, str(counter.report)


def test_a_move_without_a_sign_is_followed_when_the_tenant_speaks(
    make_lab: MakeLab,
) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    one, two = lab.tenants
    # The old host still has the MAC on a port; only the new one hears it.
    three = lab[1].tenant("t3", VNI, 33)
    heard([three])
    three.speak_as(two.mac)

    expect_macs(lab[2], VNI, {each.mac: lab[1].vtep for each in (one, two, three)})
    expect_macs(lab[1], VNI, {})


def test_a_remote_sticky_mac_is_not_taken_over_by_a_tenant(make_lab: MakeLab) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    mac = "02:00:00:00:00:77"
    static = [{"mac": mac, "sticky": True}]
    one, two = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI, static=static)]})
    converge_with_static(lab, mac)
    lab.tenants[0].speak_as(mac)
    time.sleep(1.0)

    converge_with_static(lab, mac)
    (row,) = two.show("macs", "--mac", mac)
    assert (row["kind"], row["sticky"]) == ("local", True)
    (row,) = one.show("macs", "--mac", mac)
    assert (row["kind"], row["sticky"]) == ("remote", True)


def converge_with_static(lab: Lab, mac: str) -> None:
    heard(lab.tenants)
    one, two = lab.tenants
    expect_macs(lab[1], VNI, dict.fromkeys((two.mac, mac), lab[2].vtep))
    expect_macs(lab[2], VNI, {one.mac: lab[1].vtep})


def test_a_mac_that_keeps_moving_is_called_a_duplicate(make_lab: MakeLab) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    limit = {"moves": 3, "window": 60, "action": "freeze", "freeze-for": 300}
    evis: dict[int, list[dict[str, object]]] = {1: [evi(VNI)], 2: [evi(VNI)]}
    daemons = mesh(lab, evis, settings={"duplicate-detection": limit})
    converge(lab)
    mac = "02:00:00:00:00:77"
    speakers = itertools.cycle(lab.tenants)

    def is_duplicate(rows: list[dict[str, object]]) -> bool:
        return any(row["mac"] == mac and row["duplicate"] for row in rows)

    def found() -> bool:
        next(speakers).speak_as(mac)
        # The first to find it holds it back, and the other sees no more moves.
        return any(is_duplicate(daemon.show("macs")) for daemon in daemons)

    wait_until(found, 5, "the MAC is a duplicate", interval=0.3)


def test_a_reload_adds_an_evi_and_leaves_the_session_alone(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    converge(lab)
    sessions = bgp_connections(lab[1].namespace)
    for host, other, daemon in zip(
        lab.hosts, reversed(lab.hosts), daemons, strict=True
    ):
        host.prepare(10200)
        host.tenant(f"u{host.number}", 10200, 10 + host.number)
        daemon.write(host.config(other.session, evis=[evi(VNI), evi(10200)]))
        done = daemon.reload()
        assert done.returncode == 0, done.stdout + done.stderr
        daemon.wait_ready(2)
    converge(lab)

    for host, other in zip(lab.hosts, reversed(lab.hosts), strict=True):
        expect_flood(host, 10200, [other])
    assert len(sessions) == 1
    assert bgp_connections(lab[1].namespace) == sessions


def test_an_interfaces_own_mac_is_never_overwritten(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab)
    converge(lab)
    own = "02:00:00:00:0f:01"
    ip([f"link set br{VNI} address {own}"], lab[1].namespace)
    before = [row for row in fdb(lab[1].namespace) if row.mac == own]
    two = lab.tenants[1]
    two.speak_as(own)
    wait_until(lambda: two.is_learned(own), 5, "the MAC learned at host 2")
    later = lab[2].tenant("t3", VNI, 33)
    heard([later])
    expect_macs(lab[1], VNI, {each.mac: lab[2].vtep for each in (two, later)})
    after = [row for row in fdb(lab[1].namespace) if row.mac == own]

    assert before
    assert after == before
