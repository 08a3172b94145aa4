"""What is said of route targets that lead to no EVI."""

import pytest

from evpnd.core.bgp.route_target_hints import REMEMBERED, Nearness
from evpnd.model.config import EviConfig
from evpnd.model.ids import parse_route_target, parse_vni
from evpnd.model.targets import (
    ImportTargets,
    Profile,
    auto_import_targets,
    wildcard_numbers,
)


def evi(
    vni: int, *targets: str, auto: bool = False, srlinux: bool = False
) -> EviConfig:
    imports = ImportTargets(frozenset(map(parse_route_target, targets)))
    if auto:
        imports = auto_import_targets(vni, {Profile.SRLINUX} if srlinux else ())
    return EviConfig(parse_vni(vni), f"evi{vni}", (), imports)


def said(evis: list[EviConfig], *targets: str, label: int = 0) -> tuple[str, bool]:
    nearness = Nearness()
    nearness.learn(evis)
    found = nearness.nearest(tuple(map(parse_route_target, targets)), label)
    assert nearness.nearest(tuple(map(parse_route_target, targets)), label) is found
    return found


HEAD = "no EVI imports its route targets"
RFC8365 = 0x10000000


@pytest.mark.parametrize(
    ("imports", "target", "text"),
    [
        ("65000:100", "64999:100", "has that number with another AS"),
        ("65000:100", f"65000:{RFC8365 | 100}", "has that number in RFC 8365's form"),
        (f"65000:{RFC8365 | 100}", "65000:100", "plain, not in RFC 8365's form"),
        (
            f"65000:{RFC8365 | 100}",
            f"65000:{RFC8365 | 3 << 24 | 100}",
            "has that number in RFC 8365's domain 3",
        ),
        (
            "65000:100",
            f"64999:{RFC8365 | 3 << 24 | 100}",
            "with another AS and in RFC 8365's form, domain 3",
        ),
        ("65000:100", "4200000001:100", "in the four-octet AS form"),
        ("4200000001:100", "65000:100", "in the two-octet AS form"),
        ("4200000001:100", "4200000002:100", "with another AS"),
        ("65000:100", "10.0.0.1:100", "in the IPv4 form"),
        ("10.0.0.1:100", "10.0.0.2:100", "with another IP"),
    ],
)
def test_the_evi_that_imports_the_same_number_is_named(
    imports: str, target: str, text: str
) -> None:
    found, near = said([evi(7, "65000:7"), evi(500, imports)], target)

    assert near
    assert found.startswith(f"{HEAD} ({target}): EVI evi500 imports {imports}; ")
    assert found.endswith(text)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (f"65000:{RFC8365 | 5 << 24 | 100}", "in RFC 8365's form, domain 5"),
        ("4200000001:100", "in the four-octet AS form"),
        ("10.0.0.1:100", "in the IPv4 form"),
    ],
)
def test_auto_is_near_too(target: str, text: str) -> None:
    found, near = said([evi(100, auto=True)], target)

    assert near
    assert found == (
        f"{HEAD} ({target}): EVI evi100 imports *:100; {target} has that number {text}"
    )


def test_the_one_with_fewest_differences_is_the_nearest() -> None:
    found, _ = said(
        [evi(1, f"64999:{RFC8365 | 100}"), evi(2, "64999:100")], "65000:100"
    )

    assert "EVI evi2 imports" in found


def test_without_a_like_number_the_label_tells() -> None:
    assert said([evi(100, "65000:7")], "65000:8", label=100) == (
        f"{HEAD} (65000:8): EVI evi100 imports 65000:7 for VNI 100",
        True,
    )
    assert said([evi(100)], label=100) == (
        f"{HEAD} (it has none): EVI evi100 imports nothing for VNI 100",
        True,
    )


def test_what_is_near_nothing_is_said_without_guesses() -> None:
    assert said([evi(100, "65000:7")], "65000:8", "1:2", label=101) == (
        f"{HEAD} (65000:8 1:2)",
        False,
    )


def test_a_long_list_of_imports_is_cut() -> None:
    found, _ = said([evi(9, *(f"65000:{n}" for n in range(1, 8)))], "1:1")

    assert "imports 65000:1 65000:2 65000:3 65000:4 and 3 more; 1:1 has" in found


def test_a_peer_cannot_fill_the_memory() -> None:
    nearness = Nearness()
    for number in range(REMEMBERED * 2):
        nearness.nearest((parse_route_target(f"1:{number}"),), 0)

    assert len(nearness._known) <= REMEMBERED


def test_wildcards_are_written_once_for_all_their_forms() -> None:
    assert evi(100, auto=True, srlinux=True).import_targets.texts() == ["*:100"]
    targets = ImportTargets(
        frozenset({parse_route_target("65000:1")}), wildcard_numbers(5) | {RFC8365 | 9}
    )
    assert targets.texts() == ["65000:1", "*:5", f"*:{RFC8365 | 9}"]
