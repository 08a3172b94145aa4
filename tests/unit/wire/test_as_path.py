import pytest

from evpnd.wire.as_path import (
    Segment,
    decode_path,
    encode_path,
    flatten,
    has_confederation,
    merge_paths,
    path_length,
)

SET, SEQUENCE, CONFED_SEQUENCE = 1, 2, 3


def test_segments_of_either_width_are_read() -> None:
    four = bytes.fromhex("0202 0000fde8 fa56ea01 0101 00000007")
    two = bytes.fromhex("0202 fde8 5ba0")

    assert decode_path(four, asn4=True) == ((2, (65000, 4200000001)), (1, (7,)))
    assert decode_path(two, asn4=False) == ((2, (65000, 23456)),)
    assert decode_path(b"", asn4=True) == ()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("0201 0000fde8 02", "one octet"),
        ("0501 0000fde8", "type 5"),
        ("0001 0000fde8", "type 0"),
        ("0200", "empty"),
        ("0202 0000fde8", "runs past"),
        ("0201 00000000", "AS 0"),
    ],
)
def test_a_malformed_path_is_refused(octets: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_path(bytes.fromhex(octets), asn4=True)


def test_a_set_counts_one_hop_and_a_confederation_none() -> None:
    path = (
        Segment(CONFED_SEQUENCE, (64512, 64513)),
        Segment(SEQUENCE, (1, 2)),
        Segment(SET, (3, 4, 5)),
    )

    assert path_length(path) == 3
    assert flatten(path) == (1, 2, 3, 4, 5)
    assert has_confederation(path)
    assert not has_confederation(path[1:])


def test_a_large_asn_is_as_trans_where_two_octets_fit() -> None:
    assert encode_path((4200000001,), asn4=False).hex() == "02015ba0"
    assert encode_path((4200000001,), asn4=True).hex() == "0201fa56ea01"
    assert encode_path((), asn4=True) == b""


def test_as4_path_replaces_the_end_of_as_path() -> None:
    path = (Segment(SEQUENCE, (10, 23456, 23456)),)

    merged = merge_paths(path, (Segment(SEQUENCE, (70000, 70001)),))

    assert flatten(merged) == (10, 70000, 70001)
    assert path_length(merged) == 3


def test_a_set_in_front_of_the_merged_part_is_kept_whole() -> None:
    path = (Segment(SET, (10, 11)), Segment(SEQUENCE, (12, 23456)))

    merged = merge_paths(path, (Segment(SEQUENCE, (70000,)),))

    assert merged == ((SET, (10, 11)), (SEQUENCE, (12,)), (SEQUENCE, (70000,)))


def test_a_longer_as4_path_is_ignored() -> None:
    path = (Segment(SEQUENCE, (23456,)),)

    assert merge_paths(path, (Segment(SEQUENCE, (70000, 70001)),)) == path


def test_confederation_segments_of_as4_path_are_dropped() -> None:
    path = (Segment(SEQUENCE, (10, 23456)),)
    as4_path = (Segment(CONFED_SEQUENCE, (64512,)), Segment(SEQUENCE, (70000,)))

    assert flatten(merge_paths(path, as4_path)) == (10, 70000)
    assert merge_paths(path, as4_path[:1]) == path
