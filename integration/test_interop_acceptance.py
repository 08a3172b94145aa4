"""FRR spines over which nothing passes although the sessions look well."""

import pytest

from integration import frr
from integration.lab import ROUTER_SESSION, Host, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs, heard
from integration.test_interop_spines import SPINE, VNI, devices, ready

pytestmark = [pytest.mark.root, pytest.mark.frr]

ASN = 65001
"""Of all leaves."""


def configuration(host: Host, **settings: object) -> dict[str, object]:
    spine = {"address": ROUTER_SESSION[4], "asn": SPINE, **settings}
    return dict(host.config(spine, evis=[evi(VNI)], asn=ASN))


def finding(daemon: Evpnd, part: str) -> None:
    daemon.wait_show("peers", lambda rows: part in str(rows[0]["findings"]), part)


def test_leaves_of_one_as_behind_a_spine_find_the_setting_and_meet_with_it(
    make_lab: MakeLab,
) -> None:
    lab = devices(make_lab, 2)
    frr.spine(lab, {1: ASN, 2: ASN}, asn=SPINE)
    daemons = [host.evpnd(configuration(host)) for host in lab.hosts]
    ready(daemons)
    heard(lab.tenants)
    for daemon in daemons:
        finding(daemon, "`allow-own-as: 1`")

    for host, daemon in zip(lab.hosts, daemons, strict=True):
        expect_macs(host, VNI, {})
        daemon.write(configuration(host, **{"allow-own-as": 1}))
        assert daemon.reload().returncode == 0
    one, two = lab.tenants
    for host, other in ((lab[1], two), (lab[2], one)):
        expect_macs(host, VNI, {other.mac: other.host.vtep})
    one.expect_ping(two.ip)
    for daemon in daemons:
        (row,) = daemon.show("peers")
        assert (row["state"], row["findings"]) == ("established", [])
        # The reload asked for no new session.
        assert daemon.log.read_text().count('"peer_up"') == 1


def test_a_spine_without_a_policy_is_found_by_the_name_of_its_setting(
    make_lab: MakeLab,
) -> None:
    lab = devices(make_lab, 2)
    spine = frr.spine(lab, {1: ASN, 2: ASN + 1}, asn=SPINE)
    spine.vtysh(
        *("configure terminal", f"router bgp {SPINE}", "bgp ebgp-requires-policy"),
    )
    daemon = lab[1].evpnd(configuration(lab[1]))
    ready([daemon])
    heard(lab.tenants)
    finding(daemon, "`no bgp ebgp-requires-policy`")
