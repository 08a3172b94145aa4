import pytest

from evpnd.model.community_text import (
    exact,
    format_community,
    format_large_community,
    parse_community_pattern,
    parse_extended_community_pattern,
    parse_large_community_pattern,
    parse_rd_pattern,
    parse_route_target_pattern,
)
from evpnd.model.ids import parse_rd, parse_route_target


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("rt:65000:7", "0002fde800000007"),
        ("rt:4200000001:7", "0202fa56ea010007"),
        ("rt:10.0.0.1:7", "01020a0000010007"),
        ("soo:65000:7", "0003fde800000007"),
        ("encap:vxlan", "030c000000000008"),
        ("encap:77", "030c00000000004d"),
        ("default-gateway", "030d000000000000"),
        ("router-mac:02:00:00:00:00:01", "0603020000000001"),
        ("0x0602000000000001", "0602000000000001"),
    ],
)
def test_extended_communities_are_read(text: str, octets: str) -> None:
    read = exact(parse_extended_community_pattern(text), 8, text)

    assert read.hex() == octets


@pytest.mark.parametrize(
    ("text", "octets"),
    [("65000:1", "fde80001"), ("no-export", "ffffff01"), ("0:0", "00000000")],
)
def test_communities_are_written_as_they_are_read(text: str, octets: str) -> None:
    read = exact(parse_community_pattern(text), 4, text)

    assert read.hex() == octets
    assert format_community(read) == text


def test_large_communities_are_written_as_they_are_read() -> None:
    text = "65000:1:4294967295"
    read = exact(parse_large_community_pattern(text), 12, text)

    assert read.hex() == "0000fde800000001ffffffff"
    assert format_large_community(read) == text


def any_matches(pattern: str, rd: str) -> bool:
    return any(each.matches(parse_rd(rd)) for each in parse_rd_pattern(pattern))


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("65000:7", ["65000:7"], ["65000:8", "65001:7"]),
        ("65000:*", ["65000:70000", "65000:0"], ["65001:7", "10.0.0.1:7"]),
        ("*:7", ["1:7", "70000:7", "10.0.0.1:7"], ["1:8", "10.0.0.1:8"]),
        ("*:70000", ["1:70000"], ["70000:7"]),
        ("70000:*", ["70000:7"], ["7000:7"]),
        ("1.4464:*", ["70000:7"], ["7000:7", "1.0.17.80:7"]),
        ("1.*:7", ["70000:7", "65536:7"], ["131072:7", "70000:8"]),
        ("10.0.*.1:*", ["10.0.9.1:7"], ["10.1.9.1:7", "10:7"]),
        ("*:*", ["1:7", "70000:7", "10.0.0.1:7"], []),
        ("*", ["1:7", "70000:7", "10.0.0.1:7"], []),
    ],
)
def test_rds_match_patterns(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    assert all(any_matches(pattern, rd) for rd in matching)
    assert not any(any_matches(pattern, rd) for rd in other)


def test_an_as_number_stands_for_both_its_forms() -> None:
    two_octets = parse_route_target("65000:7")
    four_octets = bytes.fromhex("02020000fde80007")

    patterns = parse_route_target_pattern("65000:7")

    assert all(
        any(each.matches(target) for each in patterns)
        for target in (two_octets, four_octets)
    )


@pytest.mark.parametrize(
    "text", ["", ":", "1", "1:2:3", "a:1", "1:a", "-1:1", "1:4294967296", "1.2.3:4"]
)
def test_what_is_no_rd_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a route distinguisher"):
        parse_rd_pattern(text)


@pytest.mark.parametrize("text", ["*", "65000:*", "rt:*:7"])
def test_a_pattern_is_no_community(text: str) -> None:
    with pytest.raises(ValueError, match="matches several"):
        exact(parse_extended_community_pattern("*"), 8, text)
