"""`evpnd doctor --probe`: packets to each VTEP, and back from the evpnd there."""

import json

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_doctor import FAR, Patient
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, mesh
from integration.lab_netns import ip, run

pytestmark = pytest.mark.root
VNI = 10100
Row = dict[str, str]


def fabric(make_lab: MakeLab, underlay: int = 4) -> tuple[Lab, Evpnd]:
    lab = make_lab(2, underlay)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    return lab, one


def probed(daemon: Evpnd) -> Row:
    """Return what the check says of the only VTEP."""
    done = daemon.run("doctor", "-c", str(daemon.path), "--probe", "--json")
    assert done.returncode in (0, 1), done.stderr
    rows: list[Row] = json.loads(done.stdout)
    (found,) = (row for row in rows if row["check"] == "probe")
    return found


def nft(namespace: str, *words: str) -> None:
    run(["ip", "netns", "exec", namespace, "nft", *words])


@pytest.mark.parametrize("underlay", [4, 6])
def test_large_packets_come_back_through_vxlan(
    make_lab: MakeLab, underlay: int
) -> None:
    lab, one = fabric(make_lab, underlay)
    here, there = lab.tenants
    with here.pinging(there.ip) as pings:
        assert probed(one)["level"] == "ok"
    assert pings.result().loss == 0
    # A link on the way that neither host sees.
    ip([f"link set host2 mtu {1500}"], lab.router)
    ip([f"link set eth0 mtu {1500}"], lab[2].namespace)

    row = probed(one)

    added = 50 if underlay == 4 else 70
    assert (row["level"], row["subject"]) == ("fault", lab[2].vtep)
    assert (
        f"packets of {1500 + added} octets do not come back, those of 1500 do"
        in row["text"]
    )
    assert f"raise the MTU to {1500 + added} on all links" in row["fix"]
    ip(["link set host2 mtu 1600"], lab.router)
    ip(["link set eth0 mtu 1600"], lab[2].namespace)
    ip(["route flush cache"], lab[1].namespace)
    assert probed(one)["level"] == "ok"


def test_a_firewall_at_the_other_host_is_suspected(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    chain = "add chain inet t c { type filter hook input priority 0; }"
    rule = "add rule inet t c udp dport 4789 drop"
    nft(lab[2].namespace, f"add table inet t; {chain}; {rule}")

    row = probed(one)

    assert (row["level"], row["subject"]) == ("note", lab[2].vtep)
    assert "answers ping, and no probe within VXLAN" in row["text"]
    nft(lab[2].namespace, "flush", "ruleset")
    assert probed(one)["level"] == "ok"


def test_a_vtep_without_a_vxlan_device(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    ip([f"addr add {FAR}/32 dev lo"], patient.host.lab.router)

    (row,) = (r for r in patient.examine("--probe") if r["check"] == "probe")

    assert (row["level"], row["subject"]) == ("fault", FAR)
    assert "nothing has UDP port 4789 there" in str(row["text"])


def test_a_vtep_that_is_not_there(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    ip([f"route add blackhole {FAR}/32"], patient.host.lab.router)

    (row,) = (r for r in patient.examine("--probe") if r["check"] == "probe")

    assert (row["level"], row["subject"]) == ("warning", FAR)
    assert "neither ping nor a probe" in str(row["text"])


def test_a_vtep_that_the_other_does_not_know_gets_no_answer(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    silent = [evi(VNI, advertise={"imet": False})]
    one.write(lab[1].config(lab[2].session, evis=silent))
    assert one.reload().returncode == 0
    two = lab.daemons[1]
    two.wait_show("vteps", lambda rows: not any(r["flood"] for r in rows), "no VTEP")

    row = probed(one)

    assert (row["level"], row["subject"]) == ("note", lab[2].vtep)
    assert "it does not have us in its flood list" in row["text"]
