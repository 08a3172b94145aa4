"""Many EVIs by one section of the YAML, and the EVIs of a VLAN-aware bundle."""

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, expect_rows, mesh
from integration.lab_kernel import link
from integration.lab_netns import wait_until

pytestmark = pytest.mark.root
VNIS = (10100, 10101, 10102)
SIDES = {1: "a", 2: "b"}
"""What the names of the tenants' ports begin with, host by host."""


def template(side: str, vnis: str) -> dict[str, object]:
    return {
        "vnis": vnis,
        "name": "tenant-{vni}",
        "manage": True,
        "ports": [f"{side}{{vni}}"],
        "route-targets": {"import": "65001:{vni}", "export": "65001:{vni}"},
    }


def with_tenants(lab: Lab, *, attach: bool) -> None:
    """Put a tenant into each VNI of each host; in all VNIs they have the same MACs."""
    for number, side in SIDES.items():
        for vni in VNIS:
            lab[number].tenant(f"{side}{vni}", vni, 10 + number, attach=attach)


def expect_pings(lab: Lab, vnis: tuple[int, ...] = VNIS) -> None:
    for vni in vnis:
        one, other = (tenant for tenant in lab.tenants if tenant.vni == vni)
        one.expect_ping(other.ip)


def write(lab: Lab, daemon: Evpnd, *evis: dict[str, object]) -> None:
    host = lab[1]
    daemon.write(host.config(lab[2].session, evis=list(evis)))


def test_one_section_makes_devices_for_each_vni_and_removes_them(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    with_tenants(lab, attach=False)
    sections = {
        number: [template(side, "10100-10102")] for number, side in SIDES.items()
    }
    one, other = mesh(lab, sections, ready=False)
    one.wait_ready(3)
    other.wait_ready(3)
    converge(lab)

    expect_pings(lab)
    write(lab, one, template("a", "10100-10101"))
    done = one.reload()
    assert done.returncode == 0, done.stderr
    assert "EVI tenant-10102 (VNI 10102) removed" in done.stdout
    wait_until(
        lambda: link(lab[1].namespace, "br10102") is None, 5, "br10102 to be removed"
    )
    expect_pings(lab, VNIS[:2])

    write(lab, one, template("a", "10100-10101"), evi(10101))
    refused = one.reload()
    assert refused.returncode == 1
    assert "VNI" in refused.stderr + refused.stdout
    assert "evis[0].vnis" in refused.stderr + refused.stdout
    expect_pings(lab, VNIS[:2])


def test_evis_of_a_bundle_share_their_target_and_not_their_macs(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        for vni in VNIS:
            host.prepare(vni)
    with_tenants(lab, attach=True)
    target = {"import": "65001:1", "export": "65001:1"}
    bundle = [
        evi(vni, **{"ethernet-tag": vni - 10000, "route-targets": target})
        for vni in VNIS
    ]
    mesh(lab, {1: bundle, 2: bundle})
    converge(lab)

    expect_rows(lab[1], [tenant for tenant in lab.tenants if tenant.host is lab[2]])
    expect_pings(lab)
    shown = lab.daemons[0].show("routes")
    assert {(row["vni"], row["ethernet_tag"]) for row in shown} == {
        (10100, 100),
        (10101, 101),
        (10102, 102),
    }
