"""`evpnd doctor` on VLAN-aware bridges, and limits of a whole kernel: in the guest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from integration.lab import Lab, MakeLab
from integration.lab_doctor import Doctor
from integration.lab_netns import ip, wait_until
from integration.lab_vlans import BRIDGE, access, evis, prepare, svi_of, vlan, vxlan_of

pytestmark = [pytest.mark.root, pytest.mark.guest]
A, B = 10, 20


def patient(make_lab: MakeLab) -> tuple[Lab, Doctor]:
    lab = make_lab(1)
    host = lab[1]
    prepare(host, A, B)
    for name, number in (("a", A), ("b", B)):
        access(host, f"{name}1", 11, number)
    made = Doctor(host, host.config("10.1.0.2", evis=evis(A, B)))
    wait_until(lambda: made.worse() == [], 10, "a healthy host", seen=made.worse)
    return lab, made


def test_a_vxlan_device_in_vlan_1_besides_its_own(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    vlan(made.host, f"add dev {vxlan_of(A)} vid 1")
    vlan(made.host, f"add dev {vxlan_of(A)} vid 7")

    row = made.only("vlan-membership", "fault", vxlan_of(A))

    assert f"it is in VLAN 1, 7 of {BRIDGE} besides its own, 10" in str(row["text"])
    made.mend(row)


def test_a_vlan_without_a_device(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    ip([f"link del {svi_of(B)}"], made.namespace)

    row = made.only("vlan-device", "warning", BRIDGE)

    assert "VLAN 20 has no VLAN device" in str(row["text"])
    made.mend(row)


def test_only_ports_of_the_vlan_are_those_of_the_evi(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    ip(["link set eth0 mtu 1500"], made.namespace)
    vlan(made.host, "del dev b1 vid 20")

    levels = {row["subject"]: row["level"] for row in made.findings("mtu")}

    # Nobody sends in the other VLAN, but its device is too large all the same.
    assert levels == {vxlan_of(A): "fault", vxlan_of(B): "warning"}


def test_a_vlan_device_of_the_overlay_leads_in_a_circle(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    far = "10.0.0.2"
    ip([f"link set {svi_of(A)} up"], made.namespace)
    row = ["00:00:00:00:00:00", "dev", vxlan_of(A), "dst", far, "self", "permanent"]
    made.shell(f"bridge fdb append {' '.join(row)} extern_learn")
    ip([f"route add {far}/32 dev {svi_of(A)}"], made.namespace)

    (found,) = made.findings("vtep-route")

    assert f"leads into the overlay, by {svi_of(A)}" in str(found["text"])


def test_a_member_of_a_bond_without_segmentation(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    far = "10.0.0.2"
    ip(
        [
            "link add bond0 mtu 1600 type bond",
            "link add m1 mtu 1600 type veth peer name x1 mtu 1600",
            "link set m1 master bond0",
            "link set bond0 up",
            "addr add 10.77.0.1/24 dev bond0",
            f"route add {far}/32 via 10.77.0.2",
            "neigh add 10.77.0.2 lladdr 02:00:00:00:77:02 dev bond0",
        ],
        made.namespace,
    )
    row = ["00:00:00:00:00:00", "dev", vxlan_of(A), "dst", far, "self", "permanent"]
    made.shell(f"bridge fdb append {' '.join(row)} extern_learn")
    assert made.worse() == []
    made.shell("ethtool -K m1 tx-udp_tnl-segmentation off")

    found = {r["subject"]: r for r in made.findings("offloads") if r["fix"]}

    assert "m1" in found
    made.shell(str(found["m1"]["fix"]))
    assert not [r for r in made.findings("offloads") if r["subject"] == "m1"]


# Limits of the whole kernel, which the first namespace alone shows.


def _alone(*words: str) -> list[dict[str, str]]:
    """Run the command in the guest's first namespace, as another user of it."""
    done = subprocess.run(
        [*words, sys.executable, "-m", "evpnd.cli.main", "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode <= 1, done.stderr
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return [row for row in rows if row["level"] in ("warning", "fault")]


def _mend(row: dict[str, str]) -> None:
    subprocess.run(["sh", "-c", row["fix"]], check=True, capture_output=True)


def test_a_neighbour_table_that_is_full() -> None:
    key = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
    before = key.read_text()
    ip(["link add full type dummy", "link set full up"])
    ip(["addr add 198.51.100.1/24 dev full"])
    try:
        rows = [
            f"198.51.100.{n} lladdr 02:00:00:00:00:01 dev full" for n in range(2, 12)
        ]
        ip(f"neigh add {row} nud reachable" for row in rows)
        key.write_text("11")
        (found,) = _alone()
        assert (found["check"], found["level"]) == ("neighbor-table", "warning")
        assert "10 entries of at most 11" in found["text"]
        _mend(found)
        assert _alone() == []
    finally:
        key.write_text(before)
        ip(["link del full"])


def test_a_netlink_buffer_without_the_right_to_more() -> None:
    key = Path("/proc/sys/net/core/rmem_max")
    before = key.read_text()
    bounded = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
    try:
        (found,) = _alone(*bounded)
        assert (found["check"], found["subject"]) == ("buffers", "net.core.rmem_max")
        assert "notifications are lost" in found["text"]
        _mend(found)
        assert _alone(*bounded) == []
    finally:
        key.write_text(before)


def test_a_vxlan_device_without_its_vlan(make_lab: MakeLab) -> None:
    _, made = patient(make_lab)
    vlan(made.host, f"del dev {vxlan_of(A)} vid {A}")

    (row,) = made.findings("evi")

    assert f"{vxlan_of(A)} has no untagged VLAN in {BRIDGE}" in str(row["text"])
    fix = f"bridge vlan add dev {vxlan_of(A)} vid {A} pvid untagged"
    assert (row["level"], row["fix"]) == ("fault", fix)
    made.mend(row)
