"""EVIs on one VXLAN device for many VNIs: where they stand, and what they lack."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evpnd.adapters.netlink.dump import dump_vlans
from evpnd.model.events import VlansObserved
from integration import lab_single
from integration.lab import Host, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_netns import inside, ip, run, wait_until
from integration.lab_single import DEVICE, bridge
from integration.lab_vlans import BRIDGE, vlan, vni_of
from integration.lab_vlans import prepare as make_bridge
from integration.netlink_bench import Bench, Driver, bench

__all__ = ["bench"]
pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B, C = 10, 20, 30
"""VLANs."""
AT_ONCE = 5.0
"""Seconds within which a change of a device is followed on a busy machine."""


def prepare(host: Host, *vlans: int) -> None:
    """Make the device, with a port that evpnd is to configure."""
    lab_single.prepare(host, *vlans, port="vlan_tunnel on")


def started(
    make_lab: MakeLab,
    make: Callable[[Host], None],
    *evis: dict[str, object],
    **settings: object,
) -> tuple[Host, Evpnd]:
    """Run evpnd on a host whose peer never comes; its EVIs may not be ready."""
    host = make_lab(1)[1]
    make(host)
    daemon = host.evpnd(host.config("192.0.2.254", evis=list(evis)) | settings)
    daemon.wait_show("evis", lambda _: True, "an answer")
    return host, daemon


def of(number: int, **more: object) -> dict[str, object]:
    return {"vni": vni_of(number), **more}


def states(daemon: Evpnd) -> dict[object, tuple[object, object]]:
    """Return VLAN and reason of each EVI by its VNI; no reason: it is ready."""
    return {r["vni"]: (r["vlan"], r["reason"]) for r in daemon.show("evis")}


def expect(
    daemon: Evpnd, number: int, holds: Callable[[object, str], bool], what: str
) -> str:
    """Wait until the EVI of a VLAN is as it should be; return why it is not ready."""

    def look() -> bool:
        place, reason = states(daemon).get(vni_of(number), (None, "not there"))
        return holds(place, str(reason or ""))

    wait_until(look, AT_ONCE, what, seen=lambda: states(daemon))
    return str(states(daemon).get(vni_of(number), (None, "not there"))[1])


def ready(daemon: Evpnd, number: int, place: int | None = None) -> None:
    """Wait until the EVI of a VLAN is ready, in that VLAN or in another one."""
    expect(
        daemon,
        number,
        lambda vlan, reason: (vlan, reason) == (place or number, ""),
        f"VNI {vni_of(number)} ready in VLAN {place or number}",
    )


def _news(daemon: Evpnd, number: int, before: str) -> str:
    """Return why an EVI is not ready, once that is another reason and stays; or none.

    Of two commands evpnd may see the first alone.
    """
    reason = ""
    for _ in range(10):
        told = expect(daemon, number, lambda _, reason: reason != before, "news")
        if told == reason:
            break
        reason = told
        time.sleep(0.5)
    return "" if reason == "None" else reason


def follow_advice(daemon: Evpnd, host: Host, number: int, most: int = 8) -> list[str]:
    """Run the command that each reason ends with, until the EVI is ready."""
    done: list[str] = []
    before = ""
    for _ in range(most):
        before = _news(daemon, number, before)
        if not before:
            return done
        (command,) = re.findall(r"`(.*)`", before)
        command = re.sub(r"\bVLAN\b", str(number), command)
        command = re.sub(r"\bBRIDGE\b", BRIDGE, command)
        done.append(command)
        run(["ip", "netns", "exec", host.namespace, "sh", "-ec", command])
    raise AssertionError(f"not ready after {done}: {states(daemon)}")


@pytest.mark.parametrize("named", [{"vxlan": DEVICE}, {"vxlan": DEVICE, "vlan": A}])
def test_from_a_bare_device_the_advice_leads_to_an_evi_that_is_ready(
    make_lab: MakeLab, named: dict[str, object]
) -> None:
    def make(host: Host) -> None:
        ip(
            [
                f"link add {BRIDGE} type bridge vlan_default_pvid 0",
                (
                    f"link add {DEVICE} type vxlan external vnifilter dstport 4789 "
                    "nolearning"
                ),
            ],
            host.namespace,
        )

    host, daemon = started(make_lab, make, of(A, **named))
    done = follow_advice(daemon, host, A, 12)

    assert done == [
        f"ip link set {DEVICE} master {BRIDGE}",
        f"ip link set {DEVICE} up",
        f"ip link set {BRIDGE} up",
        f"ip link set {DEVICE} type vxlan local {host.vtep}",
        f"ip link set {BRIDGE} type bridge vlan_filtering 1",
        f"bridge link set dev {DEVICE} vlan_tunnel on",
        (
            f"bridge vlan add dev {DEVICE} vid {A} && "
            f"bridge vlan add dev {DEVICE} vid {A} tunnel_info id {vni_of(A)}"
        ),
        f"bridge vni add vni {vni_of(A)} dev {DEVICE}",
    ]
    ready(daemon, A)
    # The only thing left is the VLAN device, and evpnd set the port itself.
    (row,) = daemon.show("evis")
    (command,) = re.findall(r"`(ip link add .*)`", str(row["notes"]))
    run(["ip", "netns", "exec", host.namespace, *str(command).split()])
    wait_until(lambda: daemon.show("evis")[0]["notes"] == [], AT_ONCE, "no note")
    (port,) = [
        line
        for line in run(["bridge", "-n", host.namespace, "-d", "link"]).splitlines()
        if "neigh_suppress" in line
    ]
    assert "learning off" in port
    assert "neigh_suppress on" in port


BREAKS = {
    "the VNI leaves the filter": f"bridge vni del vni {vni_of(A)} dev {DEVICE}",
    "the map loses the VLAN": (
        f"bridge vlan del dev {DEVICE} vid {A} tunnel_info id {vni_of(A)}"
    ),
    "the port leaves the VLAN": f"bridge vlan del dev {DEVICE} vid {A}",
    "the VLAN is untagged": f"bridge vlan add dev {DEVICE} vid {A} untagged",
    "the port maps nothing": f"bridge link set dev {DEVICE} vlan_tunnel off",
    "the device is down": f"ip link set {DEVICE} down",
    "the device has another address": (
        f"ip link set {DEVICE} type vxlan local 192.0.2.9"
    ),
    "the device leaves the bridge": f"ip link set {DEVICE} nomaster",
    "the VLAN has another VNI": (
        f"bridge vlan del dev {DEVICE} vid {A} tunnel_info id {vni_of(A)} && "
        f"bridge vlan add dev {DEVICE} vid {A} tunnel_info id 77"
    ),
    "the device has another port": (
        f"ip link del {DEVICE} && ip link add {DEVICE} type vxlan external vnifilter "
        "local 192.0.2.9 dstport 8472 nolearning"
    ),
}


def test_whatever_breaks_is_told_and_mended_by_what_is_told(make_lab: MakeLab) -> None:
    named = {"bridge": BRIDGE, "vxlan": DEVICE, "vlan": A}
    host, daemon = started(make_lab, lambda host: prepare(host, A), of(A, **named))
    ready(daemon, A)
    for what, command in BREAKS.items():
        run(["ip", "netns", "exec", host.namespace, "sh", "-ec", command])
        expect(daemon, A, lambda _, reason: reason != "", what)
        assert follow_advice(daemon, host, A, 12), what
        ready(daemon, A)


def test_evis_follow_the_map_and_the_filter(make_lab: MakeLab) -> None:
    host, daemon = started(
        make_lab, lambda host: prepare(host, A, B), of(A), of(B, bridge=BRIDGE)
    )
    ready(daemon, A)
    ready(daemon, B)
    # From VLAN 10 to 30, which has no VLAN device: a note says so.
    vlan(host, f"del dev {DEVICE} vid {A} tunnel_info id {vni_of(A)}")
    vlan(host, f"add dev {DEVICE} vid {C}")
    vlan(host, f"add dev {DEVICE} vid {C} tunnel_info id {vni_of(A)}")
    ready(daemon, A, C)
    first, second = daemon.show("evis")
    assert f"ip link add link {BRIDGE} name {BRIDGE}.{C}" in str(first["notes"])
    assert (second["vlan"], second["notes"], second["vxlan"]) == (B, [], DEVICE)
    bridge(host, f"vni del vni {vni_of(B)} dev {DEVICE}")
    told = expect(daemon, B, lambda _, reason: reason != "", "not ready")
    assert "is not in the VNI filter of vx0" in told
    assert states(daemon)[vni_of(A)] == (C, None)
    bridge(host, f"vni add vni {vni_of(B)} dev {DEVICE}")
    ready(daemon, B)


def test_each_vni_that_is_mapped_and_taken_in_is_discovered(make_lab: MakeLab) -> None:
    host, daemon = started(make_lab, lambda host: prepare(host, A, B), discover=True)

    def expect_vnis(*vlans: int) -> None:
        wanted = {vni_of(each): (each, None) for each in vlans}
        wait_until(
            lambda: states(daemon) == wanted,
            AT_ONCE,
            f"EVIs of {vlans}",
            seen=lambda: states(daemon),
        )

    expect_vnis(A, B)
    vlan(host, f"add dev {DEVICE} vid {C}")
    vlan(host, f"add dev {DEVICE} vid {C} tunnel_info id {vni_of(C)}")
    expect_passed = f"VNI {vni_of(C)} is not in the VNI filter of {DEVICE}"
    wait_until(
        lambda: expect_passed in daemon.log.read_text(), AT_ONCE, "why it is none"
    )
    bridge(host, f"vni add vni {vni_of(C)} dev {DEVICE}")
    expect_vnis(A, B, C)
    vlan(host, f"del dev {DEVICE} vid {B}")
    bridge(host, f"vni del vni {vni_of(A)} dev {DEVICE}")
    expect_vnis(C)
    # All that a bridge has room for, at once.
    for each in (A, C):
        vlan(host, f"del dev {DEVICE} vid {each}")
    vlan(host, f"add dev {DEVICE} vid 1-1000")
    vlan(host, f"add dev {DEVICE} vid 1-1000 tunnel_info id 10001-11000")
    bridge(host, f"vni add vni 10001-11000 dev {DEVICE}")
    wait_until(
        lambda: len(daemon.show("evis")) == 1000, 20, "a thousand EVIs", interval=0.5
    )
    daemon.wait_ready(1000)


def test_a_device_without_a_vni_filter_serves(make_lab: MakeLab) -> None:
    def make(host: Host) -> None:
        make_bridge(host)
        ip(
            [
                (
                    f"link add {DEVICE} type vxlan external dstport 4789 "
                    f"local {host.vtep} nolearning"
                ),
                f"link set {DEVICE} master {BRIDGE} up",
            ],
            host.namespace,
        )
        bridge(host, f"link set dev {DEVICE} vlan_tunnel on")
        vlan(host, f"add dev {DEVICE} vid {A}")
        vlan(host, f"add dev {DEVICE} vid {A} tunnel_info id {vni_of(A)}")

    _, daemon = started(make_lab, make, of(A))
    ready(daemon, A)


def test_the_commands_of_the_documentation_lead_to_an_evi(make_lab: MakeLab) -> None:
    text = (Path(__file__).parents[1] / "docs" / "vlans.md").read_text()
    section = text.split("## One VXLAN device for all VNIs")[1]
    commands = section.split("```")[1]

    def make(host: Host) -> None:
        lines = commands.replace("local 10.0.0.1", f"local {host.vtep}")
        run(["ip", "netns", "exec", host.namespace, "sh", "-e"], lines)

    _, daemon = started(make_lab, make, {"vni": 10100, "vxlan": DEVICE})
    daemon.wait_ready(1)
    (row,) = daemon.show("evis")
    assert (row["vlan"], row["notes"]) == (100, [])


def test_a_thousand_changes_are_few_readings(bench: Bench) -> None:
    bench.ip(
        "link add br9 type bridge vlan_filtering 1 vlan_default_pvid 0",
        "link add vx9 type vxlan external vnifilter local 10.0.0.1 dstport 4790 "
        "nolearning",
        "link set vx9 master br9",
    )
    run(
        [
            "bridge",
            "-n",
            bench.namespace,
            "link",
            "set",
            "dev",
            "vx9",
            "vlan_tunnel",
            "on",
        ]
    )

    def change() -> None:
        for first in range(1, 1001, 10):
            lines = []
            for each in range(first, first + 10):
                lines += [
                    f"vlan add vid {each} dev vx9",
                    f"vlan add vid {each} dev vx9 tunnel_info id {3 * each}",
                    f"vni add vni {3 * each} dev vx9",
                ]
            run(["bridge", "-n", bench.namespace, "-batch", "-"], "\n".join(lines))
            time.sleep(0.01)

    async def scenario(driver: Driver) -> None:
        begun = time.monotonic()
        await asyncio.to_thread(change)
        took = time.monotonic() - begun
        await asyncio.sleep(1.0)
        found = driver.all(VlansObserved)
        device = bench.index("vx9")
        wanted = {each: 3 * each for each in range(1, 1001)}
        assert found[-1].vlans[device].tunnels == wanted
        assert len(found[-1].vni_filters[device]) == 1000
        assert len(found) <= 8 + took / 0.3, (len(found), took)

    bench.run(scenario)
    # More than fits into one attribute, which is how links have their VLANs.
    many = [
        f"vlan add vid {each} dev vx9\nvlan add vid {each} dev vx9 "
        f"tunnel_info id {3 * each}"
        for each in range(1001, 4001)
    ]
    run(["bridge", "-n", bench.namespace, "-batch", "-"], "\n".join(many))
    with inside(bench.namespace):
        tunnels = dump_vlans().vlans[bench.index("vx9")].tunnels
    assert tunnels == {each: 3 * each for each in range(1, 4001)}
