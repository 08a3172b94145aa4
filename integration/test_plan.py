"""`evpnd plan`: what would change, without changing it; and then it does change so."""

import json

import pytest
import yaml

from integration.lab import Host, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_macs, mesh
from integration.lab_kernel import link
from integration.lab_netns import ip, run

pytestmark = pytest.mark.root
VNI, OTHER = 10100, 10200

Row = dict[str, object]


def tables(host: Host) -> str:
    """Rows of VXLAN devices, neighbours and devices: not what tenants cause."""
    rows = run(["bridge", "-n", host.namespace, "fdb", "show"])
    remote = [row for row in rows.splitlines() if " dev vx" in row]
    bound = run(["ip", "-n", host.namespace, "neigh", "show", "nud", "noarp"])
    links = run(["ip", "-n", host.namespace, "-br", "link", "show"])
    return "\n".join(sorted([*remote, *bound.splitlines(), *links.splitlines()]))


def ifindex(host: Host) -> object:
    found = link(host.namespace, f"vx{VNI}")
    assert found is not None
    return found["ifindex"]


def plan(daemon: Evpnd) -> list[Row]:
    done = daemon.run("plan", "-c", str(daemon.path), "--json")
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)
    assert isinstance(changes, list)
    return changes


def only(changes: list[Row], **values: object) -> list[Row]:
    return [
        change
        for change in changes
        if all(change.get(name) == value for name, value in values.items())
    ]


def edit(daemon: Evpnd, **keys: object) -> None:
    daemon.path.write_text(
        yaml.safe_dump(yaml.safe_load(daemon.path.read_text()) | keys)
    )


def test_a_plan_of_a_reload_is_what_the_reload_does(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI), evi(OTHER, manage=True)]})
    converge(lab)
    remote = lab.tenants[1]
    before = tables(lab[1])
    assert plan(one) == []

    edit(one, evis=[evi(OTHER, manage=True)])
    changes = plan(one)

    assert tables(lab[1]) == before
    assert [row["vni"] for row in one.show("evis")] == [VNI]
    (gone,) = only(changes, what="fdb", action="remove")
    assert (gone["vni"], gone["mac"], gone["vtep"]) == (VNI, remote.mac, lab[2].vtep)
    removed = {row["ip"] for row in only(changes, what="neighbor", action="remove")}
    assert {remote.ip, remote.ip6} <= removed
    made = only(changes, what="device", action="add")
    assert {row["name"] for row in made} == {f"br{OTHER}", f"vx{OTHER}"}
    assert only(changes, what="flood", action="add", vni=OTHER, vtep=lab[2].vtep)
    assert only(changes, what="route", action="remove", vni=VNI, type="imet")
    assert only(changes, what="route", action="add", vni=OTHER, type="imet")

    assert one.reload().returncode == 0
    one.wait_ready(1)
    assert plan(one) == []


def test_a_managed_evi_that_gets_another_vni_is_planned_with_its_rows(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    targets = {"import": ["65001:7"], "export": ["65001:7"]}
    for host in lab.hosts:
        host.tenant(f"t{host.number}", VNI, 10 + host.number, attach=False)
    evis = {
        n: [evi(VNI, manage=True, ports=[f"t{n}"], **{"route-targets": targets})]
        for n in (1, 2)
    }
    one, _ = mesh(lab, evis)
    converge(lab)
    remote = lab.tenants[1]

    other = evi(OTHER, manage=True, ports=["t1"], **{"route-targets": targets})
    edit(one, evis=[other])
    changes = plan(one)
    rows = {
        (row["action"], row["vni"])
        for row in only(changes, what="fdb", mac=remote.mac, vtep=lab[2].vtep)
    }

    assert rows == {("remove", VNI), ("add", OTHER)}
    assert only(changes, what="flood", action="add", vni=OTHER, vtep=lab[2].vtep)
    assert one.reload().returncode == 0
    one.wait_ready(1)
    expect_macs(lab[1], OTHER, {remote.mac: lab[2].vtep})


def test_another_vtep_address_is_taken_by_the_device_there_is(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.tenant(f"t{host.number}", VNI, 10 + host.number, attach=False)
    evis = {n: [evi(VNI, manage=True, ports=[f"t{n}"])] for n in (1, 2)}
    one, two = mesh(lab, evis)
    converge(lab)
    local, remote = lab.tenants
    new = "10.0.0.101"
    ip([f"addr add {new}/32 dev lo"], lab[1].namespace)
    ip([f"route add {new}/32 via 10.255.1.2"], lab.router)
    before = ifindex(lab[1])
    edit(one, vtep={"address": new})

    (device,) = only(plan(one), what="device")
    assert (device["action"], device["local"]) == ("change", new)
    assert one.reload().returncode == 0
    expect_macs(lab[2], VNI, {local.mac: new})
    expect_macs(lab[1], VNI, {remote.mac: lab[2].vtep})
    assert ifindex(lab[1]) == before
    flooded = {row["vtep"] for row in two.show("vteps") if row["flood"]}
    assert flooded == {new}
    local.expect_ping(remote.ip)
    assert plan(one) == []


def test_without_a_daemon_the_kernel_alone_is_compared(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    host.prepare(VNI)
    host.tenant("t1", VNI, 11)
    ip([f"link set dev vx{VNI} type bridge_slave neigh_suppress off"], host.namespace)
    daemon = Evpnd(
        host.namespace,
        lab.directory,
        "planned",
        host.config("10.0.0.9", evis=[evi(VNI), evi(OTHER, manage=True)]),
    )
    before = tables(host)

    changes = plan(daemon)
    people = daemon.run("plan", "-c", str(daemon.path))

    assert tables(host) == before
    (session,) = only(changes, what="session")
    assert (session["action"], session["address"]) == ("add", "10.0.0.9")
    (port,) = only(changes, what="device", action="change", name=f"vx{VNI}")
    assert port["neigh_suppress"] is True
    assert port["was"] == {"neigh_suppress": False}
    assert {row["name"] for row in only(changes, what="device", action="add")} == {
        f"br{OTHER}",
        f"vx{OTHER}",
    }
    assert {row["vni"] for row in only(changes, what="route", type="imet")} == {
        VNI,
        OTHER,
    }
    assert people.returncode == 0
    assert "the kernel only" in people.stdout
    assert f"  ~ vx{VNI} neigh_suppress=yes [no]" in people.stdout
    assert "nothing is changed" in people.stdout


def test_a_file_with_errors_is_refused_with_its_line(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    daemon = Evpnd(lab[1].namespace, lab.directory, "bad", "asn: 65001\nvtpe: {}\n")

    done = daemon.run("plan", "-c", str(daemon.path))

    assert done.returncode == 2
    assert f"{daemon.path}:2:" in done.stderr
