"""Whose row it is, by its marks; and what is in a VNI filter."""

import pytest

from evpnd.model.domain import Vtep
from evpnd.model.ids import FLOOD_MAC, Ip
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_REACHABLE,
    NUD_STATIC,
    FdbRow,
    has_vni,
)

MAC = bytes.fromhex("020000000001")
VTEP, NONE = Vtep(Ip(bytes([10, 0, 0, 2]))), Vtep(Ip(b""))


@pytest.mark.parametrize(
    ("state", "flags", "dst", "ours"),
    [
        (NUD_STATIC, NTF_EXT_LEARNED, VTEP, True),
        (NUD_REACHABLE, NTF_EXT_LEARNED, VTEP, True),  # of an earlier evpnd
        (NUD_STATIC, 0, VTEP, False),
        (NUD_STATIC, NTF_EXT_LEARNED | NTF_STICKY, VTEP, False),
        (NUD_NOARP, NTF_EXT_LEARNED, VTEP, False),
        (NUD_PERMANENT, NTF_EXT_LEARNED, VTEP, False),
        (NUD_STATIC | NUD_PERMANENT, NTF_EXT_LEARNED, VTEP, False),
        (NUD_STATIC, NTF_EXT_LEARNED, NONE, False),  # to a nexthop group
    ],
)
def test_a_row_of_a_vxlan_device(state: int, flags: int, dst: Vtep, ours: bool) -> None:
    row = FdbRow(True, 3, MAC, 0, state, flags | NTF_SELF, dst)

    assert row.is_ours is ours


@pytest.mark.parametrize(
    ("state", "flags", "ours"),
    [
        (NUD_REACHABLE, NTF_EXT_LEARNED, True),
        (NUD_STATIC, NTF_EXT_LEARNED, False),
        (NUD_NOARP, NTF_EXT_LEARNED, False),
        (NUD_REACHABLE, NTF_EXT_LEARNED | NTF_STICKY, False),
        (NUD_REACHABLE, 0, False),
    ],
)
def test_a_bridge_row(state: int, flags: int, ours: bool) -> None:
    assert FdbRow(True, 3, MAC, 0, state, flags, NONE).is_ours is ours


def test_a_flood_row_is_ours_by_its_mark_alone() -> None:
    row = FdbRow(True, 3, FLOOD_MAC, 0, NUD_PERMANENT, NTF_SELF | NTF_EXT_LEARNED, VTEP)

    assert row.is_ours
    assert not row._replace(flags=NTF_SELF).is_ours


@pytest.mark.parametrize(
    ("vni", "inside"),
    [(9, False), (10, True), (11, False), (20, True), (24, True), (25, False)],
)
def test_a_vni_filter_has_the_vnis_of_its_ranges(vni: int, inside: bool) -> None:
    assert has_vni((range(10, 11), range(20, 25)), vni) is inside
    assert not has_vni((), vni)


@pytest.mark.parametrize("mac", [MAC, FLOOD_MAC])
def test_a_row_that_leads_to_another_vni_is_not_ours(mac: bytes) -> None:
    marks = NTF_SELF | NTF_EXT_LEARNED
    row = FdbRow(True, 3, mac, 0, NUD_STATIC, marks, VTEP, vni=10_010)

    assert row.is_ours
    assert not row._replace(wire_vni=10_010).is_ours
