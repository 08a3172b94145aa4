"""One IP, two tenants: moved from one to the other, or used by both."""

import socket
import time

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_bindings, heard, mesh
from integration.lab_kernel import bindings
from integration.lab_netns import ip, wait_until
from integration.lab_tenant import Tenant, arp_request

pytestmark = pytest.mark.root
VNI = 10100
SHARED = "192.168.100.99"


def fabric(
    make_lab: MakeLab, *, evi_two: dict[str, object] | None = None
) -> tuple[Lab, list[Evpnd]]:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    daemons = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI, **(evi_two or {}))]})
    heard(lab.tenants)
    one, two = lab.tenants
    expect_bindings(lab[2], VNI, of(one))
    wait_until(
        lambda: of(two).items() <= bindings(lab[1].namespace, f"br{VNI}").items(),
        10,
        "host 1 to know the tenant of host 2",
    )
    return lab, daemons


def take(tenant: Tenant, address: str = SHARED) -> None:
    """Have the address, and say so."""
    ip([f"addr add {address}/24 dev eth0"], tenant.namespace)
    own = socket.inet_aton(address)
    tenant.send(arp_request(bytes.fromhex(tenant.mac.replace(":", "")), own, own))


def leave(tenant: Tenant) -> None:
    ip([f"addr del {SHARED}/24 dev eth0"], tenant.namespace)


def of(tenant: Tenant, *more: str) -> dict[str, str]:
    return dict.fromkeys((tenant.ip, tenant.ip6, *more), tenant.mac)


def found(daemon: Evpnd) -> list[dict[str, object]]:
    events = daemon.show("events")
    return [each for each in events if each["event"] == "duplicate_ip_found"]


def test_an_address_fails_over_to_another_host_and_back(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    one, two = lab.tenants
    take(one)
    expect_bindings(lab[2], VNI, of(one, SHARED))
    leave(one)
    take(two)
    expect_bindings(lab[1], VNI, of(two, SHARED), within=3)
    expect_bindings(lab[2], VNI, of(one), within=3)
    # Longer than host 1 waits for an answer of its tenant.
    time.sleep(4.5)
    leave(two)
    take(one)
    expect_bindings(lab[2], VNI, of(one, SHARED), within=3)
    expect_bindings(lab[1], VNI, of(two), within=3)

    assert [found(daemon) for daemon in daemons] == [[], []]


def test_an_address_that_two_hosts_tenants_have_is_noticed(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    one, two = lab.tenants
    take(one)
    expect_bindings(lab[2], VNI, of(one, SHARED))
    take(two)

    def noticed() -> list[dict[str, object]]:
        return [each for daemon in daemons for each in found(daemon)]

    wait_until(noticed, 5, "the duplicate noticed")
    for notice in noticed():
        assert notice["ip"] == SHARED
        assert {notice["mac"], notice["other_mac"]} == {one.mac, two.mac}
    # It comes to rest: one host has the tenant's binding, the other the route.
    wait_until(lambda: at_rest(lab), 5, "the fight to end")
    shown = [daemon.show("neighbors", "--ip", SHARED) for daemon in daemons]
    assert {row["mac"] for (row,) in shown} in ({one.mac}, {two.mac})
    assert any(row["duplicate"] for (row,) in shown)


def at_rest(lab: Lab) -> bool:
    """Return whether nothing changes, and the hosts agree, for a second."""
    looks = []
    for _ in range(5):
        looks.append([bindings(h.namespace, f"br{VNI}").get(SHARED) for h in lab.hosts])
        time.sleep(0.2)
    return looks == [looks[0]] * 5 and looks[0].count(None) == 1


def test_two_tenants_of_one_host_with_one_address_are_noticed(
    make_lab: MakeLab,
) -> None:
    lab, (daemon, _) = fabric(make_lab)
    one = lab.tenants[0]
    three = lab[1].tenant("t3", VNI, 33)
    converge(lab)
    take(one)
    expect_bindings(lab[2], VNI, of(one, SHARED) | of(three))
    take(three)

    wait_until(lambda: found(daemon), 5, "the duplicate noticed")
    (notice,) = found(daemon)
    assert {notice["at"], notice["other_at"]} == {one.name, three.name}
    wait_until(
        lambda: bindings(lab[2].namespace, f"br{VNI}").get(SHARED) is not None,
        3,
        "one of the two at host 2",
    )
    # One of them lets go of it: that is seen within seconds.
    leave(three)

    def released() -> bool:
        (row,) = daemon.show("neighbors", "--ip", SHARED)
        return (row["mac"], row["duplicate"]) == (one.mac, False)

    wait_until(released, 15, "the duplicate released")


def test_an_address_that_the_yaml_binds_cannot_be_taken(make_lab: MakeLab) -> None:
    mac = "02:00:00:00:00:77"
    static: list[dict[str, object]] = [{"mac": mac, "ip": SHARED}]
    lab, (one, _) = fabric(make_lab, evi_two={"static": static})
    expect_bindings(lab[1], VNI, of(lab.tenants[1]) | {SHARED: mac})
    take(lab.tenants[0])

    wait_until(
        lambda: any(
            each["event"] == "immutable_binding_claimed" for each in one.show("events")
        ),
        5,
        "the claim refused at host 1",
    )
    expect_bindings(lab[1], VNI, of(lab.tenants[1]) | {SHARED: mac})
    (row,) = one.show("neighbors", "--ip", SHARED)
    assert (row["mac"], row["immutable"]) == (mac, True)
    routes = one.show("routes", "--ip", SHARED)
    assert [row["immutable"] for row in routes] == [True]


def test_a_tenant_that_sprays_addresses_harms_no_other(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    loud = lab[1].tenant("t3", VNI, 33)
    converge(lab)
    mac = bytes.fromhex(loud.mac.replace(":", ""))
    zero = bytes(4)
    for start in range(0, 20_000, 500):
        numbers = range(start, start + 500)
        addresses = [b"\x0a" + number.to_bytes(3, "big") for number in numbers]
        loud.send(*(arp_request(mac, address, zero) for address in addresses))
    take(lab.tenants[0])

    def known() -> bool:
        return bindings(lab[2].namespace, f"br{VNI}").get(SHARED) is not None

    wait_until(known, 3, "the other tenant's address at host 2")
    theirs = bindings(lab[2].namespace, f"br{VNI}").values()
    assert list(theirs).count(loud.mac) <= 64
    events = one.show("events")
    told = [each for each in events if each["event"] == "binding_limit_reached"]
    assert [each["mac"] for each in told] == [loud.mac]
