from evpnd.wire.framing import encode_attribute, split_attributes


def test_a_long_value_gets_the_extended_length() -> None:
    assert encode_attribute(0xC0, 8, bytes(255))[:3].hex() == "c008ff"
    assert encode_attribute(0xC0, 8, bytes(256))[:4].hex() == "d0080100"


def test_both_forms_of_length_are_found() -> None:
    block = bytes.fromhex("40010100 50020000 c00804aabbccdd")

    attributes, end = split_attributes(block)

    assert attributes == [
        (0x40, 1, 0, 3, 4),
        (0x50, 2, 4, 8, 8),
        (0xC0, 8, 8, 11, 15),
    ]
    assert end == len(block)


def test_what_runs_past_the_block_is_left_over() -> None:
    for broken in ("40", "4001", "400101", "500200", "50020001"):
        block = bytes.fromhex("40010100" + broken)

        attributes, end = split_attributes(block)

        assert len(attributes) == 1
        assert end == 4
