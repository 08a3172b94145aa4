"""What the kernel flushes by itself costs no tenant its addresses."""

import time
from contextlib import ExitStack

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_fabric import converge, expect_rows, mesh
from integration.lab_netns import ip

pytestmark = pytest.mark.root
VNI = 10100


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    made = make_lab(2)
    for host in made.hosts:
        host.prepare(VNI)
        for place in (0, 1):
            number = 10 * host.number + place
            host.tenant(f"t{number}", VNI, number)
    mesh(made, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(made)
    return made


def test_a_bridge_that_was_down_has_its_tenants_addresses_again(lab: Lab) -> None:
    """Two flows go on; the other two tenants are silent, and answer when asked."""
    one, two = lab[1], lab[2]
    flows = list(zip(one.tenants, two.tenants, strict=True))
    with ExitStack() as stack:
        here, there = flows[0]
        targets = (there.ip, there.ip6)
        pings = [stack.enter_context(here.pinging(target)) for target in targets]
        time.sleep(1)
        ip([f"link set br{VNI} down"], two.namespace)
        expect_rows(one, [])
        ip([f"link set br{VNI} up"], two.namespace)
        expect_rows(one, two.tenants)
        time.sleep(1)
    for ping in pings:
        assert ping.result().gap < 5
    for here, there in flows:
        here.expect_ping(there.ip)


def test_a_port_that_was_down_has_its_tenants_addresses_again(lab: Lab) -> None:
    one, two = lab[1], lab[2]
    tenant, other = two.tenants
    ip([f"link set {tenant.name} down"], two.namespace)
    expect_rows(one, [other])
    ip([f"link set {tenant.name} up"], two.namespace)
    expect_rows(one, [tenant, other])


def test_a_flushed_bridge_has_its_tenants_addresses_again(lab: Lab) -> None:
    one, two = lab[1], lab[2]
    ip([f"link set br{VNI} type bridge fdb_flush"], two.namespace)
    expect_rows(one, two.tenants)
    expect_rows(two, one.tenants)
