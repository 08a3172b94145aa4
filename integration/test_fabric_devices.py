"""Devices that come late, go, go down, and what is restored and said."""

from functools import partial

import pytest

from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_flood, expect_rows, heard, mesh
from integration.lab_kernel import fdb, half_rows, link, port_setting
from integration.lab_netns import ip, run, wait_until

pytestmark = pytest.mark.root
VNI = 10100


def two_hosts(make_lab: MakeLab) -> Lab:
    """Make two hosts, each with its devices and a tenant."""
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    return lab


def state(daemon: Evpnd) -> tuple[object, object]:
    rows = daemon.show("evis")
    return (rows[0]["state"], rows[0]["reason"]) if rows else (None, None)


def wait_not_ready(daemon: Evpnd, naming: str) -> None:
    daemon.wait_show(
        "evis",
        lambda rows: (
            bool(rows)
            and rows[0]["state"] == "not-ready"
            and naming in str(rows[0]["reason"])
        ),
        f"not-ready, for a reason that names {naming}",
    )


def test_devices_that_come_late_make_the_evi_ready(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    lab[2].prepare(VNI)
    lab[2].tenant("t2", VNI, 12)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]}, ready=False)
    wait_not_ready(one, f"vx{VNI}")
    expect_flood(lab[2], VNI, [])
    lab[1].prepare(VNI)
    lab[1].tenant("t1", VNI, 11)
    one.wait_ready(1)
    converge(lab)

    expect_flood(lab[1], VNI, [lab[2]])
    expect_flood(lab[2], VNI, [lab[1]])
    lab.tenants[0].expect_ping(lab.tenants[1].ip)


def test_a_device_deleted_and_made_anew_gets_its_rows_again(make_lab: MakeLab) -> None:
    lab = two_hosts(make_lab)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    ip([f"link del vx{VNI}", f"link del br{VNI}"], lab[1].namespace)
    wait_not_ready(one, f"vx{VNI}")
    expect_flood(lab[2], VNI, [])
    lab[1].prepare(VNI)
    lab.tenants[0].attach()
    one.wait_ready(1)
    converge(lab)

    expect_flood(lab[1], VNI, [lab[2]])
    lab.tenants[0].expect_ping(lab.tenants[1].ip)


@pytest.mark.parametrize("device", [f"vx{VNI}", f"br{VNI}"])
def test_a_device_that_was_down_gets_back_what_the_kernel_forgot(
    make_lab: MakeLab, device: str
) -> None:
    lab = two_hosts(make_lab)
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    ip([f"link set {device} down", f"link set {device} up"], lab[1].namespace)
    heard([lab.tenants[0]])

    expect_rows(lab[1], [lab.tenants[1]])
    expect_flood(lab[1], VNI, [lab[2]])
    lab.tenants[0].expect_ping(lab.tenants[1].ip)
    assert half_rows(lab[1].namespace, f"vx{VNI}") == set()


def test_a_vxlan_device_that_goes_down_keeps_its_rows(make_lab: MakeLab) -> None:
    lab = two_hosts(make_lab)
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    namespace, remote = lab[1].namespace, lab.tenants[1].mac

    def own_rows() -> list[str]:
        rows = fdb(namespace, f"vx{VNI}")
        return [row.dst for row in rows if row.mac == remote and not row.master]

    ip([f"link set vx{VNI} down"], namespace)
    kept = own_rows()
    ip([f"link set vx{VNI} up"], namespace)

    assert kept == [lab[2].vtep]
    lab.tenants[0].expect_ping(lab.tenants[1].ip)


def test_rows_of_an_earlier_version_are_adopted_as_they_are(make_lab: MakeLab) -> None:
    lab = two_hosts(make_lab)
    namespace, remote = lab[1].namespace, lab.tenants[1]
    add = ["bridge", "-n", namespace, "fdb", "add", remote.mac, "dev", f"vx{VNI}"]
    run([*add, "dst", lab[2].vtep, "self", "dynamic", "extern_learn"])
    run([*add, "master", "dynamic", "extern_learn"])
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)

    expect_rows(lab[1], [remote])
    rows = fdb(namespace, f"vx{VNI}")
    (own,) = [row for row in rows if row.mac == remote.mac and not row.master]
    assert own.state == ""
    (shown,) = lab.daemons[0].show("macs", "--mac", remote.mac)
    assert shown["state"] == "installed"


def test_rows_that_someone_removes_are_back_within_a_second(make_lab: MakeLab) -> None:
    lab = two_hosts(make_lab)
    mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    expect_flood(lab[1], VNI, [lab[2]])
    namespace, remote = lab[1].namespace, lab.tenants[1]
    removing = ["bridge", "-n", namespace, "fdb", "del"]
    run([*removing, remote.mac, "dev", f"vx{VNI}", "self"])
    expect_rows(lab[1], [remote], within=1.5)
    run([*removing, remote.mac, "dev", f"vx{VNI}", "master"])
    expect_rows(lab[1], [remote], within=1.5)
    run([*removing, "00:00:00:00:00:00", "dev", f"vx{VNI}", "dst", lab[2].vtep])
    expect_flood(lab[1], VNI, [lab[2]], within=1.5)
    # `ip neigh flush` would fail where it finds them there again.
    for address in (remote.ip, remote.ip6):
        run(["ip", "-n", namespace, "neigh", "del", address, "dev", f"br{VNI}"])

    expect_rows(lab[1], [remote], within=1.5)


def test_port_settings_that_someone_changes_are_set_again(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    lab[1].prepare(VNI)
    lab[2].prepare(VNI)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    one.wait_ready(1)
    namespace = lab[1].namespace
    setting = "type bridge_slave learning on neigh_suppress off"
    ip([f"link set dev vx{VNI} {setting}"], namespace)

    wait_until(
        lambda: (
            port_setting(namespace, f"vx{VNI}", "learning") is False
            and port_setting(namespace, f"vx{VNI}", "neigh_suppress") is True
        ),
        5,
        "learning off and neigh_suppress on again",
    )


def managed(name: str) -> dict[str, object]:
    return evi(VNI, manage=True, ports=[name])


def test_a_port_that_comes_late_is_put_into_a_managed_bridge(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    mesh(lab, {1: [managed("t1")], 2: [managed("t2")]})
    for host in lab.hosts:
        host.tenant(f"t{host.number}", VNI, 10 + host.number, attach=False)
    converge(lab)

    lab.tenants[0].expect_ping(lab.tenants[1].ip)

    for underlay in (1400, 9000):
        ip([f"link set eth0 mtu {underlay}"], lab[1].namespace)
        wait_until(partial(has_mtu, lab[1], underlay - 50), 10, f"{underlay} less 50")


def has_mtu(host: Host, mtu: int) -> bool:
    """Return whether a managed VXLAN device has an MTU."""
    found = link(host.namespace, f"vx{VNI}")
    return found is not None and found["mtu"] == mtu


def test_managed_devices_go_with_their_evi(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    lab[1].tenant("t1", VNI, 11, attach=False)
    one, _ = mesh(lab, {1: [managed("t1")], 2: [managed("t2")]})
    assert link(lab[1].namespace, f"vx{VNI}") is not None
    one.write(lab[1].config(lab[2].session, evis=[evi(10200)]))
    done = one.reload()

    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(
        lambda: (
            link(lab[1].namespace, f"vx{VNI}") is None
            and link(lab[1].namespace, f"br{VNI}") is None
        ),
        5,
        "the managed devices gone",
    )
    assert link(lab[1].namespace, "t1") is not None


def test_discover_takes_vxlan_devices_with_an_address_and_without_learning(
    make_lab: MakeLab,
) -> None:
    lab = two_hosts(make_lab)
    for name, vni, more in (
        ("vxlearning", 20001, f"local {lab[1].vtep} learning"),
        ("vxnowhere", 20002, "nolearning"),
    ):
        ip(
            [
                f"link add br{vni} type bridge",
                f"link add {name} type vxlan id {vni} dstport 4789 {more}",
                f"link set {name} master br{vni} up",
                f"link set br{vni} up",
            ],
            lab[1].namespace,
        )
    one, _ = mesh(lab, {1: [], 2: []}, settings={"discover": True})
    converge(lab)
    assert [row["vni"] for row in one.show("evis")] == [VNI]
    lab[1].prepare(10200)

    one.wait_show(
        "evis",
        lambda rows: {row["vni"] for row in rows} == {VNI, 10200},
        "a device made later is discovered",
    )
    ip(["link del vx10200"], lab[1].namespace)
    one.wait_show("evis", lambda rows: len(rows) == 1, "the EVI goes with its device")
    told = [(row["event"], row.get("device")) for row in one.show("events")]
    assert ("device_passed_over", "vxlearning") in told
    assert ("device_passed_over", "vxnowhere") in told
    assert ("evi_removed", "vx10200") in told

    # What the file names no more, goes on as it was found.
    for evis, told_now in (
        ([evi(VNI)], f"EVI vni-{VNI} (VNI {VNI}) was discovered; it stays up, as"),
        ([], f"EVI vni-{VNI} (VNI {VNI}) is now a discovered one; it stays up"),
    ):
        one.write(lab[1].config(lab[2].session, evis=evis, discover=True))
        assert told_now in one.reload().stdout


def test_a_vtep_address_that_comes_late_to_its_interface_is_waited_for(
    make_lab: MakeLab,
) -> None:
    lab = two_hosts(make_lab)
    namespace, address = lab[1].namespace, f"{lab[1].vtep}/32"
    ip([f"addr del {address} dev lo", "link add vtep0 type bridge"], namespace)
    ip(["link set vtep0 up"], namespace)
    config = lab[1].config(lab[2].session, evis=[evi(VNI)])
    one = lab[1].evpnd(config | {"vtep": {"interface": "vtep0"}})
    two = lab[2].evpnd(lab[2].config(lab[1].session, evis=[evi(VNI)]))
    two.wait_established(1)
    wait_not_ready(one, "VTEP address")
    ip([f"addr add {address} dev vtep0"], namespace)
    one.wait_ready(1)
    converge(lab)

    expect_flood(lab[2], VNI, [lab[1]])
