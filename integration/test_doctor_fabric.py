"""`evpnd doctor` with a daemon: peers that keep everything, and those that are gone."""

import json
import subprocess

import pytest

from integration import frr
from integration.lab import ROUTER_SESSION, MakeLab, evi
from integration.lab_doctor import Patient, program
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import heard, mesh
from integration.lab_netns import wait_until
from integration.test_interop_acceptance import configuration
from integration.test_interop_spines import SPINE, VNI, devices

pytestmark = [pytest.mark.root, pytest.mark.frr]
ASN = 65001
Row = dict[str, str]


def peers(daemon: Evpnd) -> list[Row]:
    """Return the findings of the check of peers."""
    done = daemon.run("doctor", "-c", str(daemon.path), "--json")
    assert done.returncode in (0, 1), done.stderr
    rows: list[Row] = json.loads(done.stdout)
    return [row for row in rows if row["check"] == "peer" and row["level"] != "ok"]


def test_an_frr_that_keeps_everything_without_a_policy(make_lab: MakeLab) -> None:
    lab = devices(make_lab, 2)
    spine = frr.spine(lab, {1: ASN, 2: ASN + 1}, asn=SPINE)
    requires = ("configure terminal", f"router bgp {SPINE}")
    spine.vtysh(*requires, "bgp ebgp-requires-policy")
    one = lab[1].evpnd(configuration(lab[1]))
    two = lab[2].evpnd(configuration(lab[2]) | {"asn": ASN + 1})
    one.wait_established(1)
    two.wait_established(1)
    one.wait_show("peers", lambda rows: bool(rows[0]["findings"]), "a finding")

    (row,) = peers(one)

    assert (row["level"], row["subject"]) == ("warning", ROUTER_SESSION[4])
    assert (
        "the session is up and End-of-RIB arrived, but the peer sent no route"
        in row["text"]
    )
    assert "`no bgp ebgp-requires-policy` in `router bgp`" in row["fix"]
    spine.vtysh(*requires, "no bgp ebgp-requires-policy")
    spine.vtysh("clear bgp l2vpn evpn * soft")
    wait_until(lambda: peers(one) == [], 20, "no finding", seen=lambda: peers(one))


def test_a_peer_that_is_not_there(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    lab[1].prepare(VNI)
    daemon = lab[1].evpnd(lab[1].config("10.255.1.1", evis=[evi(VNI)]))
    daemon.wait_ready(1)
    daemon.wait_show("peers", lambda rows: bool(rows[0]["last_error"]), "an error")

    (row,) = peers(daemon)

    assert (row["level"], row["subject"]) == ("fault", "10.255.1.1")
    assert "no session" in row["text"]
    assert "refused" in row["text"]


def test_capabilities_that_are_missing(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    less = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    argv = ["ip", "netns", "exec", patient.namespace, *less, program("evpnd")]
    done = subprocess.run(
        [*argv, "doctor", "-c", str(patient.path), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    (row,) = (each for each in json.loads(done.stdout) if each["check"] == "start")
    assert row["level"] == "fault"
    assert "CAP_NET_RAW missing" in row["text"]
    assert done.returncode == 1


def vteps(daemon: Evpnd) -> list[Row]:
    done = daemon.run("doctor", "-c", str(daemon.path), "--json")
    rows: list[Row] = json.loads(done.stdout)
    return [row for row in rows if row["check"] == "vtep" and row["level"] != "ok"]


def test_vteps_that_announce_one_type_of_routes(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
    lab[1].tenant("t1", VNI, 11)
    one, two = mesh(lab, {1: [evi(VNI)], 2: [evi(VNI)]})
    one.wait_show("vteps", lambda rows: len(rows) == 1, "the other VTEP")

    (row,) = vteps(one)

    assert (row["level"], row["subject"]) == ("note", lab[2].vtep)
    assert "type 3 routes and no type 2" in row["text"]

    tenant = lab[2].tenant("t2", VNI, 12)
    heard([tenant])
    one.wait_show("vteps", lambda rows: rows[0]["macs"] != 0, "a MAC")
    assert vteps(one) == []
    silent = [evi(VNI, advertise={"imet": False})]
    two.write(lab[2].config(lab[1].session, evis=silent))
    assert two.reload().returncode == 0
    one.wait_show("vteps", lambda rows: not rows[0]["flood"], "no type 3 route")

    (row,) = vteps(one)

    assert (row["level"], row["subject"]) == ("warning", lab[2].vtep)
    assert "announces no type 3 route" in row["text"]
