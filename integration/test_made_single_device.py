"""Bridges that evpnd makes with one VXLAN device for all VNIs."""

import json
import time

import pytest

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Host, MakeLab
from integration.lab_fabric import CONVERGENCE, heard
from integration.lab_made import (
    A,
    B,
    C,
    addresses,
    compose,
    devices,
    expect_vlans,
    fabric,
    pings,
    ports,
)
from integration.lab_netns import ip, run, wait_until
from integration.lab_vlans import (
    BRIDGE,
    evis,
    svi_of,
    vlan,
    vni_of,
)
from lab.ping import Ping

pytestmark = [pytest.mark.root, pytest.mark.guest]


def shared(host: Host, *vlans: int, **more: object) -> dict[str, object]:
    """Compose a bridge with one VXLAN device for all VNIs."""
    config = compose(host, vlans)
    bridge = {"name": BRIDGE, "vxlan": "vx0", "ports": ports(host)}
    return config | {"bridges": [bridge], "evis": evis(*vlans, **more)}


def tunnel_map(host: Host) -> dict[int, int]:
    """Return the VLANs that vx0 maps to VNIs."""
    command = ["bridge", "-n", host.namespace, "-j", "vlan", "tunnelshow", "dev", "vx0"]
    told: dict[int, int] = {}
    for each in json.loads(run(command) or "[]"):
        for entry in each["tunnels"]:
            vlans = range(entry["vlan"], entry.get("vlanEnd", entry["vlan"]) + 1)
            told |= {each: entry["tunid"] + each - vlans[0] for each in vlans}
    return told


def vni_filter(host: Host) -> set[int]:
    """Return the VNIs that vx0 takes in."""
    found = json.loads(
        run(["bridge", "-n", host.namespace, "-j", "vni", "show"]) or "[]"
    )
    vnis: set[int] = set()
    for each in found:
        for entry in each["vnis"]:
            vnis |= set(range(entry["vni"], entry.get("vniEnd", entry["vni"]) + 1))
    return vnis


def expect_tunnels(host: Host, *vlans: int) -> None:
    wanted = {each: vni_of(each) for each in vlans}
    wait_until(
        lambda: (tunnel_map(host), vni_filter(host)) == (wanted, set(wanted.values())),
        CONVERGENCE,
        f"map and filter of {wanted}",
        seen=lambda: (tunnel_map(host), vni_filter(host)),
    )


def test_one_vxlan_device_for_all_vnis(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    pings(lab)
    # From a device for each VNI to one for all, without a restart.
    for host, daemon in zip(lab.hosts, daemons, strict=True):
        daemon.write(shared(host, A, B))
        done = daemon.reload()
        assert done.returncode == 0, done.stderr
        daemon.wait_ready(2)
        expect_tunnels(host, A, B)
        expect_vlans(host, "vx0", {A: "tagged", B: "tagged"})
        wanted = {BRIDGE, "vx0", svi_of(A), svi_of(B)}
        wait_until(lambda: devices(host) == wanted, CONVERGENCE, str(wanted))  # noqa: B023
    heard(lab.tenants)
    pings(lab)

    host, one = lab[1], daemons[0]
    vlan(host, f"del dev vx0 vid {A} tunnel_info id {vni_of(A)}")
    expect_tunnels(host, A, B)
    vlan(host, f"del dev vx0 vid {B}")
    run(
        [
            "bridge",
            "-n",
            host.namespace,
            "vni",
            "del",
            "vni",
            str(vni_of(A)),
            "dev",
            "vx0",
        ]
    )
    run(["bridge", "-n", host.namespace, "vni", "add", "vni", "77-99", "dev", "vx0"])
    expect_tunnels(host, A, B)
    ip(["link set vx0 down"], host.namespace)
    one.wait_ready(2)
    ip(["link del vx0"], host.namespace)
    wait_until(lambda: "vx0" in devices(host), CONVERGENCE, "vx0 again")
    expect_tunnels(host, A, B)
    one.wait_ready(2)
    heard(lab.tenants)
    pings(lab)

    a1, a2 = lab.tenants[0], lab.tenants[2]
    with a1.pinging(a2.ip) as watched:
        time.sleep(0.3)
        one.kill_agent()
        one.wait_ready(2)
        time.sleep(0.5)
    assert watched.result().loss == 0
    one.write(shared(host, A, C))
    assert one.reload().returncode == 0
    one.wait_ready(2)
    expect_tunnels(host, A, C)
    one.restart("--flush-on-exit")
    one.wait_ready(2)
    one.stop()
    assert devices(host) == set()


def expect_answers(ping: Ping) -> None:
    """Wait until ten more requests are answered."""
    before = ping.answered
    wait_until(lambda: ping.answered >= before + 10, CONVERGENCE, "answers")


def test_a_running_host_comes_to_one_device(make_lab: MakeLab) -> None:
    """What the reload costs: the kernel takes a VNI on one device at a time."""
    lab, daemons = fabric(make_lab)
    pings(lab)
    a1, t1, a2, t2 = lab.tenants[:4]
    lost = []
    for host, daemon in zip(lab.hosts, daemons, strict=True):
        daemon.write(shared(host, A, B))
        with (
            a1.pinging(a2.ip) as untagged,
            t1.pinging(addresses(t2, B)[0]) as tagged,
        ):
            time.sleep(0.3)
            assert daemon.reload().returncode == 0
            daemon.wait_ready(2)
            expect_tunnels(host, A, B)
            for ping in (untagged, tagged):
                expect_answers(ping)
        lost += [untagged.result(), tagged.result()]
    print("loss of a migration:", *lost, sep="\n")
    assert max(each.gap for each in lost) < 3
    assert all(each.duplicates == 0 for each in lost)


def test_a_thousand_vnis_on_one_device(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    config = compose(host, ())
    bridge = {"name": BRIDGE, "vxlan": "vx0", "ports": []}
    vnis = {"vnis": "10001-11000", "vlans": "1-1000", "bridge": BRIDGE}
    daemon = host.evpnd(config | {"bridges": [bridge], "evis": [vnis]})
    daemon.wait_ready(1000, 120)
    assert len(tunnel_map(host)) == len(vni_filter(host)) == 1000
    assert len(devices(host)) == 1002


def test_vlans_of_one_device_differ_in_suppression(make_lab: MakeLab) -> None:
    lab, daemons = fabric(make_lab)
    for host, daemon in zip(lab.hosts, daemons, strict=True):
        config = shared(host, A, B)
        config["evis"] = evis(A, suppress=False) + evis(B)
        daemon.write(config)
        assert daemon.reload().returncode == 0
        daemon.wait_ready(2)
        expect_tunnels(host, A, B)
        expect_suppressed(host, {B})
    pings(lab)
    for daemon in daemons:
        assert [row["notes"] for row in daemon.show("evis")] == [[], []]
    host, (_, t1, _, t2) = lab[1], lab.tenants
    words = f"set dev vx0 vid {A} neigh_suppress on"
    vlan(host, words)
    expect_suppressed(host, {B})
    ip(["neigh flush dev eth0.10", "neigh flush dev eth0.20"], t1.namespace)
    with FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips())) as counted:
        for number in (A, B):
            t1.expect_ping(addresses(t2, number)[0])
    asked = counted.report.samples.get(Kind.RESOLUTION, [])
    assert {text.partition(" VNI ")[2].partition(":")[0] for text in asked} == {
        str(vni_of(A))
    }


def expect_suppressed(host: Host, vlans: set[int]) -> None:
    """Wait until these are the VLANs of vx0 in which ARP and ND are answered."""
    wait_until(
        lambda: suppressed(host) == vlans,
        CONVERGENCE,
        f"suppression in VLANs {vlans}",
        seen=lambda: suppressed(host),
    )


def suppressed(host: Host) -> set[int]:
    told = run(
        ["bridge", "-n", host.namespace, "-j", "-d", "vlan", "show", "dev", "vx0"]
    )
    found: set[int] = set()
    for each in json.loads(told or "[]"):
        for entry in each["vlans"]:
            if entry.get("neigh_suppress"):
                found |= set(
                    range(entry["vlan"], entry.get("vlanEnd", entry["vlan"]) + 1)
                )
    return found
