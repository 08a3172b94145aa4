"""Sections with `vnis`: many EVIs, written as one."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evpnd.adapters.config import ConfigErrors
from evpnd.model.ids import parse_route_target
from tests.unit.adapters.config.loading import Load


def test_a_section_with_vnis_is_an_evi_for_each(load: Load) -> None:
    evis = load(
        "evis:\n"
        "  - {vni: 5}\n"
        '  - {vnis: [10200-10202, 10299], name: "tenant-{vni}", bridge: "b{vni}"}\n'
        "  - {vni: 6}\n"
    ).evis

    assert [evi.vni for evi in evis] == [5, 10200, 10201, 10202, 10299, 6]
    assert [evi.name for evi in evis[1:3]] == ["tenant-10200", "tenant-10201"]
    assert [evi.bridge for evi in evis[1:3]] == ["b10200", "b10201"]
    assert [evi.vxlan for evi in evis] == [None] * 6


def test_devices_of_managed_ones_are_named_after_the_vni(load: Load) -> None:
    text = 'evis: [{vnis: 7-8, manage: true, ports: ["tap{vni}"]}]\n'
    one, other = load(text).evis

    assert (one.bridge, one.vxlan, one.ports) == ("br7", "vx7", ("tap7",))
    assert (other.bridge, other.vxlan, other.ports) == ("br8", "vx8", ("tap8",))


def test_vlans_go_with_the_vnis_in_their_order(load: Load) -> None:
    evis = load(
        "evis:\n"
        "  - vnis: [20, 10-11]\n"
        "    vlans: [5-6, 4]\n"
        "    bridge: vmbr0\n"
        '    name: "{vlan}of{vni}"\n'
        '    route-targets: {import: ["65001:{vlan}", "*:1{vni}"], '
        'export: "65{vlan}:{vni}"}\n'
    ).evis

    assert [(evi.vni, evi.vlan) for evi in evis] == [(20, 5), (10, 6), (11, 4)]
    assert [evi.name for evi in evis] == ["5of20", "6of10", "4of11"]
    assert evis[1].export_targets == (parse_route_target("656:10"),)
    assert evis[1].given_targets is None
    assert evis[1].import_targets.texts() == ["65001:6", "*:110"]


def test_placeholders_stand_in_a_single_evi_too(load: Load) -> None:
    (evi,) = load('evis: [{vni: 7, vlan: 3, name: "{vni}-{vlan}"}]\n').evis

    assert evi.name == "7-3"


def test_the_number_of_evis_is_bounded(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigErrors, match="more than 65535 EVIs"):
        load("evis: [{vnis: 1-16777215}]\n")
    monkeypatch.setattr("evpnd.adapters.config.members.RD_INDEXES", 100)
    assert len(load("evis: [{vnis: 1-100}]\n").evis) == 100
    with pytest.raises(ConfigErrors, match="more than 100 EVIs"):
        load("evis: [{vnis: 1-100}, {vni: 70000}]\n")


SECTION = (
    'name: "t-{vni}", bridge: "b{vni}", vxlan: "x{vni}", suppress: false, '
    'route-targets: {import: ["65001:{vni}", "*:{vni}", auto], '
    'export: ["65001:{vni}", auto]}'
)


@given(vnis=st.lists(st.integers(1, 65535), min_size=1, max_size=5, unique=True))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=25,
)
def test_a_template_is_what_it_would_be_written_out(
    load: Load, vnis: list[int]
) -> None:
    numbers = list(enumerate(vnis, 1))
    written = [
        f"  - {{vni: {vni}, vlan: {vlan}, {SECTION}}}".replace("{vni}", str(vni))
        for vlan, vni in numbers
    ]
    long = load("\n".join(["evis:", *written, ""]))
    short = load(f"evis: [{{vnis: {vnis}, vlans: 1-{len(vnis)}, {SECTION}}}]\n")

    assert short == replace(long, path=short.path)
    assert [(evi.vlan, evi.vni) for evi in short.evis] == numbers
