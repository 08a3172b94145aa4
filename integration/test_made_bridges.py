"""Bridges that evpnd makes: devices, ports and VLANs, from `bridges` alone."""

import json
import time
from collections.abc import Iterable

import pytest

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Host, Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, heard
from integration.lab_kernel import bindings, link
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant
from integration.lab_vlans import (
    BRIDGE,
    evis,
    expect_vlan_bindings,
    expect_vlan_macs,
    svi_of,
    tag_interfaces,
    vlan,
    vni_of,
    vxlan_of,
)

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B, C = 10, 20, 30
"""VLANs."""
NOBODY = "10.1.0.99"
"""A peer that is not there."""
Vlans = dict[int, str]
"""VLANs of a port, each tagged, untagged or pvid (untagged, and of untagged frames)."""


def ports(host: Host, *more: dict[str, object]) -> list[dict[str, object]]:
    """Compose the ports of a host: an untagged one, and a trunk."""
    number = host.number
    return [
        {"name": f"a{number}", "untagged": A},
        {"name": f"t{number}", "tagged": [A, B]},
        {"name": "later*", "untagged": B},
        *more,
    ]


def compose(
    host: Host, vlans: Iterable[int] = (A, B), *more: dict[str, object]
) -> dict[str, object]:
    """Compose the configuration of a host that is a peer of the others."""
    others = [each.session for each in host.lab.hosts if each is not host]
    others = others or [NOBODY]
    bridge = {"name": BRIDGE, "ports": ports(host, *more)}
    return host.config(*others, evis=evis(*vlans), bridges=[bridge])


def plugged(host: Host, name: str, number: int, in_vlan: int = A) -> Tenant:
    """Make a tenant whose port is in no bridge."""
    return host.tenant(name, vni_of(in_vlan), number, attach=False)


def fabric(make_lab: MakeLab, *more: dict[str, object]) -> tuple[Lab, list[Evpnd]]:
    """Have an untagged tenant aN in VLAN A, and tN tagged in A and B, on each host."""
    lab = make_lab(2)
    for host in lab.hosts:
        plugged(host, f"a{host.number}", 10 + host.number)
        trunk = plugged(host, f"t{host.number}", 20 + host.number)
        tag_interfaces(trunk, 20 + host.number, A, B)
    daemons = [host.evpnd(compose(host, (A, B), *more)) for host in lab.hosts]
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(2)
    return lab, daemons


def port_vlans(host: Host, port: str) -> Vlans:
    found = run(["bridge", "-n", host.namespace, "-j", "vlan", "show", "dev", port])
    told: Vlans = {}
    for each in json.loads(found or "[]"):
        for entry in each["vlans"]:
            flags = entry.get("flags", [])
            word = "pvid" if "PVID" in flags else "tagged"
            if word == "tagged" and "Egress Untagged" in flags:
                word = "untagged"
            last = entry.get("vlanEnd", entry["vlan"])
            told |= dict.fromkeys(range(entry["vlan"], last + 1), word)
    return told


def expect_vlans(host: Host, port: str, wanted: Vlans) -> None:
    wait_until(
        lambda: port_vlans(host, port) == wanted,
        CONVERGENCE,
        f"VLANs {wanted} of {port}",
        seen=lambda: port_vlans(host, port),
    )


def master(host: Host, port: str) -> object:
    found = link(host.namespace, port)
    return None if found is None else found.get("master")


def devices(host: Host) -> set[str]:
    """Return the devices with evpnd's alias."""
    return set(indexes(host))


def indexes(host: Host) -> dict[str, int]:
    """Return the ifindexes of the devices with evpnd's alias."""
    found = json.loads(run(["ip", "-n", host.namespace, "-j", "-d", "link", "show"]))
    return {e["ifname"]: e["ifindex"] for e in found if e.get("ifalias") == "evpnd"}


def pings(lab: Lab) -> None:
    a1, t1, a2, t2 = lab.tenants[:4]
    for address in (a2.ip, a2.ip6):
        a1.expect_ping(address, within=CONVERGENCE)
    for number in (A, B):
        for address in addresses(t2, number):
            t1.expect_ping(address, within=CONVERGENCE)


def addresses(trunk: Tenant, number: int) -> list[str]:
    """Return the addresses of a tenant in a VLAN that it has a tag of."""
    last = trunk.number
    return [f"192.168.{number}.{last}", f"2001:db8:{number}::{last:x}"]


def expect_devices(host: Host, vlans: Iterable[int]) -> None:
    wanted = {BRIDGE}
    for each in vlans:
        wanted |= {vxlan_of(each), svi_of(each)}
    wait_until(
        lambda: devices(host) == wanted,
        CONVERGENCE,
        f"devices {wanted}",
        seen=lambda: devices(host),
    )


def test_hosts_reach_each_other_by_bridges_alone(make_lab: MakeLab) -> None:
    lab, (one, _two) = fabric(make_lab)
    _a1, _t1, _a2, t2 = lab.tenants
    pings(lab)

    for host in lab.hosts:
        expect_devices(host, (A, B))
        expect_vlans(host, f"a{host.number}", {A: "pvid"})
        expect_vlans(host, f"t{host.number}", {A: "tagged", B: "tagged"})
        expect_vlans(host, vxlan_of(A), {A: "pvid"})
        assert port_vlans(host, BRIDGE) == {}
        made = link(host.namespace, BRIDGE)
        assert made is not None
        data = made["linkinfo"]["info_data"]  # type: ignore[index]
        assert (data["vlan_filtering"], data["vlan_default_pvid"]) == (1, 0)
        for number in (A, B):
            svi = link(host.namespace, svi_of(number))
            assert svi is not None
            assert svi["operstate"] == "DOWN"
    bound = dict.fromkeys(addresses(t2, B), t2.mac)
    expect_vlan_bindings(lab[1], B, bound)
    rows = one.show("evis")
    assert [(row["vlan"], row["notes"], row["managed"]) for row in rows] == [
        (A, [], True),
        (B, [], True),
    ]


def test_vlans_that_others_change_are_given_back(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    pings(lab)
    host = lab[1]
    vlan(host, f"del dev a1 vid {A}")
    expect_vlans(host, "a1", {A: "pvid"})
    vlan(host, f"add dev a1 vid {A}")
    expect_vlans(host, "a1", {A: "pvid"})
    vlan(host, f"add dev t1 vid {C} pvid untagged")
    vlan(host, f"del dev t1 vid {A}")
    expect_vlans(host, "t1", {A: "tagged", B: "tagged"})
    vlan(host, f"del dev {vxlan_of(A)} vid {A}")
    expect_vlans(host, vxlan_of(A), {A: "pvid"})
    one.wait_ready(2)
    ip(
        [
            f"link set {BRIDGE} type bridge vlan_default_pvid 1 vlan_filtering 0",
            f"link set {vxlan_of(B)} nomaster",
            f"link set {svi_of(A)} up",
            f"link del {svi_of(B)}",
            "link set a1 nomaster",
        ],
        host.namespace,
    )
    expect_vlans(host, vxlan_of(B), {B: "pvid"})
    expect_vlans(host, "a1", {A: "pvid"})
    expect_devices(host, (A, B))
    one.wait_ready(2)
    heard(lab.tenants[:1])
    pings(lab)
    wait_until(
        lambda: "UP" not in str((link(host.namespace, svi_of(A)) or {})["flags"]),
        CONVERGENCE,
        "a VLAN device that is down",
    )


def test_ports_that_come_later_get_the_vlans_of_their_pattern(
    make_lab: MakeLab,
) -> None:
    lab, _ = fabric(make_lab, {"name": "n1", "untagged": A})
    late, far = plugged(lab[1], "later1", 31, B), plugged(lab[2], "later2", 32, B)
    assert master(lab[1], "later1") is None
    for host, name in ((lab[1], "later1"), (lab[2], "later2")):
        ip([f"link set {name} master {BRIDGE}"], host.namespace)
        expect_vlans(host, name, {B: "pvid"})
    heard([late, far])
    expect_vlan_macs(lab[1], B, {far.mac: lab[2].vtep})
    late.expect_ping(far.ip)
    # A port that nobody names is left alone.
    plugged(lab[1], "other", 33, B)
    ip([f"link set other master {BRIDGE}"], lab[1].namespace)
    vlan(lab[1], f"add dev other vid {C} untagged")
    time.sleep(1)
    assert port_vlans(lab[1], "other") == {C: "untagged"}
    # A named one that comes later is put into the bridge.
    new = plugged(lab[1], "n1", 41)
    wait_until(lambda: master(lab[1], "n1") == BRIDGE, CONVERGENCE, "n1 in the bridge")
    expect_vlans(lab[1], "n1", {A: "pvid"})
    heard([new])
    new.expect_ping(lab[2].tenants[0].ip)


def test_a_reload_adds_and_removes_evis_and_ports(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    for number, daemon in enumerate((one, two), 1):
        plugged(lab[number], f"c{number}", 50 + number, C)
        more = {"name": f"c{number}", "untagged": C}
        daemon.write(compose(lab[number], (A, B, C), more))
        done = daemon.reload()
        assert done.returncode == 0, done.stderr
        daemon.wait_ready(3)
    expect_devices(lab[1], (A, B, C))
    c1, c2 = lab[1].tenants[-1], lab[2].tenants[-1]
    heard([c1, c2])
    c1.expect_ping(c2.ip)

    one.write(compose(lab[1], (A, C), {"name": "a1", "untagged": C}))
    refused = one.reload()
    assert refused.returncode == 1
    config = compose(lab[1], (A,))
    config["bridges"] = [{"name": BRIDGE, "ports": [{"name": "t1", "tagged": A}]}]
    one.write(config)
    done = one.reload()
    assert done.returncode == 0, done.stderr
    expect_devices(lab[1], (A,))
    expect_vlans(lab[1], "t1", {A: "tagged"})
    wait_until(lambda: master(lab[1], "a1") is None, CONVERGENCE, "a1 out of br0")
    assert master(lab[1], "c1") is None
    one.write(lab[1].config(lab[2].session, discover=True))
    assert one.reload().returncode == 0
    wait_until(lambda: devices(lab[1]) == set(), CONVERGENCE, "no device of evpnd")
    assert master(lab[1], "t1") is None


def test_a_new_agent_and_a_new_daemon_adopt_what_is_there(make_lab: MakeLab) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    a1, _, a2, _ = lab.tenants
    before = {
        name: (link(lab[1].namespace, name) or {})["ifindex"]
        for name in devices(lab[1])
    }
    with a1.pinging(a2.ip) as watched:
        time.sleep(0.3)
        one.kill_agent()
        one.wait_ready(2)
        two.kill_agent()
        two.wait_ready(2)
        one.restart()
        one.wait_established(1)
        one.wait_ready(2)
        time.sleep(0.5)
    assert watched.result().loss == 0
    after = {
        name: (link(lab[1].namespace, name) or {})["ifindex"]
        for name in devices(lab[1])
    }
    assert after == before


def test_a_flush_removes_all_and_a_start_removes_what_is_left(
    make_lab: MakeLab,
) -> None:
    lab, (one, two) = fabric(make_lab)
    pings(lab)
    one.restart("--flush-on-exit")
    one.wait_ready(2)
    one.stop()
    assert devices(lab[1]) == set()
    assert master(lab[1], "a1") is None
    # What a daemon left behind, and nobody asks for any more, goes with the next start.
    two.stop()
    expect_devices(lab[2], (A, B))
    two.write(compose(lab[2], (B,)))
    two.start()
    two.wait_ready(1)
    expect_devices(lab[2], (B,))


def test_devices_of_others_are_left_alone_and_told(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    plugged(host, "a1", 11)
    ip(
        [
            "link add br9 type bridge",
            "link set a1 master br9",
            f"link add {BRIDGE} type bridge",
        ],
        host.namespace,
    )
    daemon = host.evpnd(compose(host, (A,)))
    rows = daemon.wait_show(
        "evis", lambda rows: BRIDGE in str(rows[0]["reason"]), "a refusal of the bridge"
    )
    assert rows[0]["reason"] == (
        f"{BRIDGE} exists, but evpnd did not create it; remove it, or take it out of "
        "`bridges`"
    )
    assert devices(host) == set()
    ip([f"link del {BRIDGE}"], host.namespace)
    daemon.wait_ready(1)
    notes = {
        "port a1 is a port of br9; remove it from there before it can be a port of br0",
        "port t1 does not exist",
    }
    daemon.wait_show("evis", lambda rows: set(rows[0]["notes"]) == notes, str(notes))  # type: ignore[call-overload]
    ip(["link set a1 nomaster"], host.namespace)
    expect_vlans(host, "a1", {A: "pvid"})


def test_a_gateway_on_the_bridge_is_used_and_let_in(make_lab: MakeLab) -> None:
    lab, (one, _) = fabric(make_lab)
    host, gateway = lab[1], f"192.168.{C}.1"
    tenant = plugged(host, "later1", 31, B)
    ip([f"link set later1 master {BRIDGE}"], host.namespace)
    ip(
        [f"link add link {BRIDGE} name gw type vlan id {C}", "link set gw up"],
        host.namespace,
    )
    ip([f"addr add {gateway}/24 dev gw"], host.namespace)
    one.write(compose(host, (A, B, C)))
    assert one.reload().returncode == 0
    one.wait_ready(3)
    expect_vlans(host, BRIDGE, {C: "tagged"})
    assert devices(host) >= {vxlan_of(C)}
    assert svi_of(C) not in devices(host)
    assert bindings(host.namespace, "gw") == {}
    assert tenant.name == "later1"


def test_the_ports_of_a_bridge_come_to_an_end(make_lab: MakeLab) -> None:
    """At 1,023 ports the kernel says EXFULL; who is refused is told what to do."""
    lab = make_lab(1)
    host = lab[1]
    daemon = host.evpnd(compose(host, (A,)))
    daemon.wait_ready(1)
    more = [
        f"link add p{n} type dummy\nlink set p{n} master {BRIDGE}" for n in range(1022)
    ]
    run(["ip", "-n", host.namespace, "-batch", "-"], "\n".join(more))
    daemon.write(compose(host, (A, B)))
    assert daemon.reload().returncode == 0
    rows = daemon.wait_show(
        "evis",
        lambda rows: any("1,023" in str(row["reason"]) for row in rows),
        "EXFULL",
    )
    (told,) = [row["reason"] for row in rows if row["state"] != "ready"]
    assert told == (
        f"{vxlan_of(B)} finds no place in {BRIDGE}, which has as many ports as Linux "
        "allows (1,023): add `vxlan: vx0` to the bridge in `bridges`, one VXLAN device "
        "for all VNIs"
    )


def test_a_vxlan_device_with_other_settings_is_told(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    ip(
        [
            f"link add vx7 type vxlan id 7 local {host.vtep} dstport 4789 gbp",
            "link set vx7 up",
        ],
        host.namespace,
    )
    daemon = host.evpnd(compose(host, (A,)))
    rows = daemon.wait_show(
        "evis", lambda rows: "share" in str(rows[0]["reason"]), "a refusal"
    )
    assert str(rows[0]["reason"]).startswith(
        f"{vxlan_of(A)} cannot share UDP port 4789: another VXLAN device has it"
    )


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
