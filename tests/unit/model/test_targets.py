"""Route targets that `auto` stands for, and which targets import."""

import pytest

from evpnd.model.ids import format_route_target, parse_route_target
from evpnd.model.targets import (
    ImportTargets,
    Profile,
    auto_export_target,
    auto_form,
    auto_import_targets,
)

WIDE = 4200000001
LOW = WIDE % 65536
RFC8365 = 0x10000000


@pytest.mark.parametrize(
    ("profile", "asn", "vni", "target"),
    [
        (Profile.GENERIC, 65000, 10100, "65000:10100"),
        (Profile.GENERIC, WIDE, 10100, f"{LOW}:10100"),
        (Profile.FRR, WIDE, 10100, f"{LOW}:10100"),
        (Profile.EOS, 65000, 16777215, "65000:16777215"),
        (Profile.EOS, WIDE, 65535, f"{WIDE}:65535"),
        (Profile.EOS, WIDE, 65536, f"{LOW}:65536"),
        (Profile.NXOS, 65000, 10100, "65000:10100"),
        (Profile.NXOS, WIDE, 70000, "23456:70000"),
        (Profile.JUNOS, 65000, 10100, f"65000:{RFC8365 | 10100}"),
        (Profile.JUNOS, 65000, 16777215, f"65000:{RFC8365 | 16777215}"),
        (Profile.JUNOS, WIDE, 1, f"{LOW}:{RFC8365 | 1}"),
        (Profile.SRLINUX, 65000, 70000, "65000:70000"),
        (Profile.SRLINUX, WIDE, 65535, f"{WIDE}:65535"),
        (Profile.SRLINUX, WIDE, 65536, f"{LOW}:65536"),
    ],
)
def test_auto_is_what_the_vendor_derives_in_our_as(
    profile: Profile, asn: int, vni: int, target: str
) -> None:
    assert format_route_target(auto_export_target(asn, vni, profile)) == target


def test_the_vector_of_rfc_8365() -> None:
    derived = auto_export_target(65000, 10100, Profile.JUNOS)

    assert derived == bytes.fromhex("0002fde810002774")


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("asn", [1, 65535, 65536, WIDE])
@pytest.mark.parametrize("vni", [1, 65535, 65536, 16777215])
def test_auto_imports_what_auto_exports(profile: Profile, asn: int, vni: int) -> None:
    exported = auto_export_target(asn, vni, profile)

    assert auto_import_targets(vni, {profile}).matches(exported)
    assert not auto_import_targets(vni + 1, {profile}).matches(exported)
    assert auto_export_target(asn, vni, auto_form(asn, profile)) == exported


@pytest.mark.parametrize(
    ("target", "imports"),
    [
        ("65000:7", True),
        ("1:7", True),
        (f"1:{RFC8365 | 7}", True),
        (f"1:{RFC8365 | 1 << 24 | 7}", False),
        ("65000:8", False),
        (f"{WIDE}:7", True),
        (f"{WIDE}:9", True),
        (f"{WIDE}:8", False),
        ("10.0.0.1:5", True),
        ("10.0.0.1:7", False),
    ],
)
def test_exact_targets_and_wildcards_stand_beside_each_other(
    target: str, imports: bool
) -> None:
    auto = auto_import_targets(7, {Profile.SRLINUX})
    given = frozenset(map(parse_route_target, ("10.0.0.1:5", f"{WIDE}:9")))

    assert auto._replace(exact=given).matches(parse_route_target(target)) is imports


def test_another_community_of_the_same_octets_imports_nothing() -> None:
    target = bytearray(parse_route_target("65000:7"))
    target[1] = 3

    assert not auto_import_targets(7).matches(bytes(target))
    assert not ImportTargets().matches(parse_route_target("65000:7"))
