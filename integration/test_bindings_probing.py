"""Silent tenants: asked and kept, or asked in vain and withdrawn; moves, with IPs."""

import time

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import (
    converge,
    expect_bindings,
    expect_macs,
    expect_rows,
    mesh,
)
from integration.lab_kernel import bindings, neighbors, remote_macs
from integration.lab_netns import ip, run, sysctl, wait_until
from integration.lab_tenant import Tenant

pytestmark = pytest.mark.root
VNI = 10100


def fabric(
    make_lab: MakeLab, *, ageing: float, hosts: int = 2
) -> tuple[Lab, list[Evpnd]]:
    lab = make_lab(hosts)
    for host in lab.hosts:
        host.prepare(VNI, ageing=ageing)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    daemons = mesh(lab, {host.number: [evi(VNI)] for host in lab.hosts})
    converge(lab)
    return lab, daemons


def lose_addresses(tenant: Tenant) -> None:
    """Make a machine that answers for nothing any more."""
    ip(["addr flush dev eth0"], tenant.namespace)


def is_router(namespace: str, device: str, address: str) -> bool:
    found = neighbors(namespace, device).get(address)
    return found is not None and "router" in found.flags


def expired(daemon: Evpnd) -> set[object]:
    events = daemon.show("events")
    return {each["ip"] for each in events if each["event"] == "binding_expired"}


def test_a_silent_tenant_outlives_the_ageing_time(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab, ageing=3)
    one, two = lab.tenants
    # Three times as long as the bridge remembers, and no gap in between.
    end = time.monotonic() + 9
    while time.monotonic() < end:
        time.sleep(0.3)
        assert remote_macs(lab[1].namespace, f"vx{VNI}") == {two.mac: lab[2].vtep}
        assert bindings(lab[1].namespace, f"br{VNI}") == of(two)
    expect_rows(lab[2], [one])
    one.expect_ping(two.ip6)


def test_a_binding_whose_tenant_does_not_answer_goes_before_its_mac(
    make_lab: MakeLab,
) -> None:
    lab, (_, two) = fabric(make_lab, ageing=4)
    gone = lab.tenants[1]
    lose_addresses(gone)

    def without_bindings() -> bool:
        # Other traffic keeps the MAC alive.
        gone.speak_as(gone.mac)
        return bindings(lab[1].namespace, f"br{VNI}") == {}

    wait_until(without_bindings, 15, "the bindings to expire", interval=0.5)
    expect_macs(lab[1], VNI, {gone.mac: lab[2].vtep})
    assert expired(two) == {gone.ip, gone.ip6}


def test_a_tenant_that_is_gone_leaves_nothing(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab, ageing=3)
    lose_addresses(lab.tenants[1])

    expect_bindings(lab[1], VNI, {}, within=15)
    expect_macs(lab[1], VNI, {}, within=15)


@pytest.mark.parametrize("old_place_first", [True, False])
def test_one_frame_is_enough_for_a_mac_to_move_with_its_ips(
    make_lab: MakeLab, *, old_place_first: bool
) -> None:
    lab, _ = fabric(make_lab, ageing=300, hosts=3)
    two = lab.tenants[1]
    lose_addresses(two)
    # The machine at its new place, as it is; it has said nothing yet.
    moved = lab[3].tenant("moved", VNI, two.number, attach=False)
    if old_place_first:
        two.unplug()
        expect_bindings(lab[1], VNI, of(lab[3].tenants[0]))
    moved.attach()

    def learned() -> bool:
        # A new cable's carrier may be reported late, and what is sent before is lost.
        moved.speak_as(moved.mac)
        return moved.is_learned()

    wait_until(learned, 5, "the MAC learned at host 3", interval=0.1)
    lab[2].tenants.remove(two)
    for host in (lab[1], lab[2]):
        expect_rows(host, (each for each in lab.tenants if each.host is not host), 3)


def of(tenant: Tenant) -> dict[str, str]:
    return {tenant.ip: tenant.mac, tenant.ip6: tenant.mac}


def test_bindings_of_a_killed_agent_are_taken_back_if_they_are_true(
    make_lab: MakeLab,
) -> None:
    lab, (_, two) = fabric(make_lab, ageing=300)
    tenant = lab.tenants[1]
    ip([f"addr del {tenant.ip}/24 dev eth0"], tenant.namespace)
    two.kill_agent()

    expect_bindings(lab[1], VNI, {tenant.ip6: tenant.mac}, within=15)


def test_a_router_is_a_router_to_tenants_elsewhere(make_lab: MakeLab) -> None:
    lab = make_lab()
    for host in lab.hosts:
        host.prepare(VNI, ageing=3)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, two = lab.tenants
    sysctl(two.namespace, {"net/ipv6/conf/all/forwarding": 1})
    daemons = mesh(lab, {host.number: [evi(VNI)] for host in lab.hosts})
    converge(lab)

    # It says so when it answers a probe.
    wait_until(
        lambda: is_router(lab[1].namespace, f"br{VNI}", two.ip6),
        10,
        "the router flag in the neighbour at host 1",
    )
    (row,) = daemons[0].show("neighbors", "--ip", two.ip6)
    assert (row["router"], row["override"], row["immutable"]) == (True, True, False)
    one.forget_neighbors()
    one.expect_ping(two.ip6)
    two.forget_neighbors()
    two.expect_ping(one.ip6)
    assert is_router(one.namespace, "eth0", two.ip6)
    assert not is_router(two.namespace, "eth0", one.ip6)


def test_what_an_administrator_pins_does_not_age(make_lab: MakeLab) -> None:
    lab, (_, two) = fabric(make_lab, ageing=3)
    host, tenant = lab[2], lab.tenants[1]
    mac, address = "02:00:00:00:00:77", "192.168.100.77"
    # No machine has it: nobody will ever answer for it.
    pin = f"neigh replace {address} lladdr {mac} dev br{VNI} nud permanent"
    ip([pin], host.namespace)
    row = f"fdb replace {mac} dev {tenant.name} master static"
    run(["bridge", "-n", host.namespace, *row.split()])
    pinned = of(tenant) | {address: mac}
    expect_bindings(lab[1], VNI, pinned)
    end = time.monotonic() + 9
    while time.monotonic() < end:
        time.sleep(0.3)
        assert bindings(lab[1].namespace, f"br{VNI}") == pinned

    assert expired(two) == set()
    told = two.run("explain", "ip", address, "--socket", str(two.socket))
    assert told.returncode == 0
    assert "by the permanent neighbour on br10100, and announced" in told.stdout
    ip([f"neigh del {address} dev br{VNI}"], host.namespace)
    expect_bindings(lab[1], VNI, of(tenant))
