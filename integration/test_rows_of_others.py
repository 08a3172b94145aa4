"""Rows that operators and orchestrators make, or take from evpnd, are theirs."""

import pytest

from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, converge, expect_bindings, mesh
from integration.lab_kernel import fdb, neighbors
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant

pytestmark = pytest.mark.root
VNI = 10100
BRIDGE, VXLAN = f"br{VNI}", f"vx{VNI}"


def fabric(make_lab: MakeLab, remote: int) -> tuple[Lab, list[Evpnd]]:
    """Make one tenant on the first host and some on the second."""
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
    lab[1].tenant("t1", VNI, 11)
    for number in range(remote):
        lab[2].tenant(f"t2{number}", VNI, 20 + number)
    daemons = mesh(lab, {host.number: [evi(VNI)] for host in lab.hosts})
    converge(lab)
    return lab, daemons


def pin(host: Host, tenant: Tenant, *more: str) -> None:
    """Pin a binding as VM orchestrators do when a machine is to come here."""
    row = [tenant.ip, "lladdr", tenant.mac, "dev", BRIDGE, "nud", "permanent"]
    run(["ip", "-n", host.namespace, "neigh", "replace", *row, *more])


def rows_of(host: Host, tenant: Tenant) -> set[tuple[str, str, str]]:
    """Return the rows of a MAC on the VXLAN device: bridge, VTEP, state."""
    return {
        (row.master, row.dst, row.state)
        for row in fdb(host.namespace, VXLAN)
        if row.mac == tenant.mac
    }


def expect(host: Host, tenant: Tenant, rows: set[tuple[str, str, str]]) -> None:
    wait_until(
        lambda: rows_of(host, tenant) == rows,
        CONVERGENCE,
        f"rows {rows} of {tenant.mac}",
        seen=lambda: rows_of(host, tenant),
    )


def test_a_neighbor_pinned_over_ours_stays_and_is_announced(make_lab: MakeLab) -> None:
    lab, _ = fabric(make_lab, 1)
    one, two = lab.tenants
    pin(lab[1], two)
    two.unplug()
    expect(lab[1], two, set())

    pinned = neighbors(lab[1].namespace, BRIDGE)[two.ip]
    assert (pinned.mac, set(pinned.state)) == (two.mac, {"PERMANENT"})
    assert "extern_learn" not in pinned.flags
    # The machine runs here now, and says nothing of its address.
    one.speak_as(two.mac)
    expect_bindings(lab[2], VNI, {one.ip: one.mac, one.ip6: one.mac, two.ip: two.mac})


def test_a_note_that_another_protocol_took_stays(make_lab: MakeLab) -> None:
    """The kernel tells of it by the mark that goes, not by the number that comes."""
    lab, _ = fabric(make_lab, 1)
    one, _ = lab.tenants
    pin(lab[1], one, "protocol", "static")
    one.unplug()
    expect_bindings(lab[2], VNI, {})

    pinned = neighbors(lab[1].namespace, BRIDGE)[one.ip]
    assert (pinned.mac, set(pinned.state)) == (one.mac, {"PERMANENT"})
    assert pinned.protocol == "static"


def test_bridge_rows_made_static_or_sticky_stay_without_our_vxlan_rows(
    make_lab: MakeLab,
) -> None:
    lab, _ = fabric(make_lab, 2)
    _, static, sticky = lab.tenants
    for tenant, words in (static, ["static"]), (sticky, ["static", "sticky"]):
        row = ["fdb", "replace", tenant.mac, "dev", VXLAN, "master", *words]
        run(["bridge", "-n", lab[1].namespace, *row])
        expect(lab[1], tenant, {(BRIDGE, "", "static"), ("", lab[2].vtep, "static")})
    # Taken away, our half of the row comes back, and theirs is left alone.
    row = ["fdb", "del", static.mac, "dev", VXLAN, "self"]
    run(["bridge", "-n", lab[1].namespace, *row])
    expect(lab[1], static, {(BRIDGE, "", "static"), ("", lab[2].vtep, "static")})
    for tenant in static, sticky:
        tenant.unplug()
    for tenant in static, sticky:
        expect(lab[1], tenant, {(BRIDGE, "", "static")})


def test_a_row_with_a_nexthop_group_is_left_alone(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab, 1)
    ip(
        [
            f"nexthop add id 1 via {lab[2].vtep} fdb",
            "nexthop add id 10 group 1 fdb",
        ],
        lab[1].namespace,
    )
    # The row is there before the tenant is: its first frame makes evpnd write one.
    mac = "02:00:00:00:00:1e"
    row = ["fdb", "add", mac, "dev", VXLAN, "nhid", "10", "self", "static"]
    run(["bridge", "-n", lab[1].namespace, *row])
    late = lab[2].tenant("late", VNI, 30)
    assert late.mac == mac

    def is_inactive() -> bool:
        late.speak_as(late.mac)  # A port that does not forward yet loses the frame.
        found = [each for each in one.show("macs") if each["mac"] == late.mac]
        return [each["state"] for each in found] == ["inactive"]

    wait_until(is_inactive, CONVERGENCE, "the route of the MAC", interval=0.3)
    late.unplug()
    wait_until(
        lambda: all(each["mac"] != late.mac for each in one.show("routes")),
        CONVERGENCE,
        "the end of the route",
    )

    assert rows_of(lab[1], late) == {("", "", "static")}
