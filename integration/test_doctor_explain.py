"""An `explain` whose packets die on this host does not end well; doctor's facts."""

import json
from functools import partial

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, mesh
from integration.lab_netns import ip, run, wait_until

pytestmark = pytest.mark.root
VNI = 10100


def fabric(make_lab: MakeLab) -> tuple[Lab, Evpnd]:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, _ = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    converge(lab)
    return lab, one


def end(daemon: Evpnd, address: str) -> tuple[bool, str]:
    done = daemon.ask("explain", address, "--json")
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout)[-1]
    assert last["step"] == "end"
    return last["ok"], last["text"]


def notes(daemon: Evpnd) -> str:
    """Return the table of `show evis`, with the notes of the one EVI."""
    done = daemon.ask("show", "evis")
    assert done.returncode == 0, done.stderr
    return done.stdout


def lost(daemon: Evpnd, address: str, why: str) -> bool:
    ok, text = end(daemon, address)
    return not ok and why in text


def test_a_rule_that_drops_vxlan_is_told_and_the_ping_dies(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    here, there = lab.tenants
    addresses = (there.mac, there.ip, lab[2].vtep, here.mac, here.ip)
    assert [end(one, each)[0] for each in addresses] == [True] * 5

    nft = ["ip", "netns", "exec", lab[1].namespace, "nft"]
    chain = "add chain inet t c { type filter hook input priority 0; }"
    rule = "add rule inet t c udp dport 4789 drop"
    run([*nft, f"add table inet t; {chain}; {rule}"])

    assert here.ping(there.ip, 2, patience=0.3).received == 0
    why = "VXLAN packets from 10.0.0.2 are dropped in the input hook"
    for each in addresses:
        assert lost(one, each, why), end(one, each)
    assert why in notes(one)
    run([*nft, "insert rule inet t c udp dport 4789 accept"])
    assert [end(one, each)[0] for each in addresses] == [True] * 5
    assert why not in notes(one)
    here.expect_ping(there.ip)


def test_a_packet_that_is_too_large_is_told(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    _, there = lab.tenants
    ip(["link set eth0 mtu 1500"], lab[1].namespace)

    why = "packets of more than 1450 octets are lost or fragmented"
    for each in (there.mac, there.ip, lab[2].vtep):
        wait_until(partial(lost, one, each, why), 5, why)
    ip(["link set eth0 mtu 1600"], lab[1].namespace)
    wait_until(lambda: end(one, there.mac)[0], 5, "room for the packet")


def test_a_next_hop_that_does_not_answer_is_told(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    _, there = lab.tenants
    ip([f"route add unreachable {lab[2].vtep}/32"], lab[1].namespace)

    why = f"{lab[2].vtep}: remote VTEP: No route to host"
    assert lost(one, there.mac, why)
    assert why in notes(one)


def test_another_udp_port_is_named_in_the_end(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.tenant(f"t{host.number}", VNI, 10 + host.number, attach=False)
    evis = {n: [evi(VNI, manage=True, ports=[f"t{n}"])] for n in (1, 2)}
    vtep = {n: {"address": lab[n].vtep, "udp-port": 8472} for n in (1, 2)}
    daemons = []
    for n in (1, 2):
        peer = lab[3 - n].session
        config = lab[n].config(peer, evis=evis[n], vtep=vtep[n])
        daemons.append(lab[n].evpnd(config))
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(1)
    converge(lab)

    ok, text = end(daemons[0], lab.tenants[1].mac)
    assert ok
    assert f"VTEP {lab[2].vtep} at UDP port 8472, not 4789" in text
    assert "`vtep.udp-port: 8472`" in notes(daemons[0])


def test_a_tenant_port_that_is_down_is_a_note(make_lab: MakeLab) -> None:
    lab, one = fabric(make_lab)
    ip(["link set t1 down"], lab[1].namespace)
    note = "port t1 is down"
    one.wait_show("evis", lambda rows: note in str(rows[0]["notes"]), note)
    ip(["link set t1 up"], lab[1].namespace)
    one.wait_show("evis", lambda rows: rows[0]["notes"] == [], "no note")
