"""The octets of a probe."""

import pytest

from evpnd.adapters.oam.frame import (
    DESTINATION,
    ETHERTYPE,
    Probe,
    compose,
    headers,
    parse,
)

FOUR, SIX = bytes((10, 0, 0, 1)), bytes(15) + b"\1"
VXLAN, ETHERNET = 8, 14


@pytest.mark.parametrize(("vtep", "outer"), [(FOUR, 28), (SIX, 48)])
@pytest.mark.parametrize("size", [128, 1550, 9000])
def test_the_packet_has_the_size_and_says_what_it_said(
    vtep: bytes, outer: int, size: int
) -> None:
    probe = Probe(answer=False, nonce=b"12345678", vni=10100, vtep=vtep)

    octets = compose(probe, size)

    assert outer + len(octets) == size
    assert octets[:8] == bytes.fromhex("08000000") + (10100 << 8).to_bytes(4)
    assert octets[8:14] == DESTINATION
    assert octets[20:22] == ETHERTYPE.to_bytes(2)
    body = octets[VXLAN + ETHERNET :]
    assert parse(body) == probe
    assert len(body) + headers(vtep) == size


def test_an_answer_is_told_from_a_question() -> None:
    answer = Probe(answer=True, nonce=bytes(8), vni=1, vtep=FOUR)

    assert parse(compose(answer, 0)[VXLAN + ETHERNET :]) == answer


def test_other_frames_are_no_probes() -> None:
    probe = Probe(answer=False, nonce=bytes(8), vni=1, vtep=FOUR)
    body = compose(probe, 0)[VXLAN + ETHERNET :]

    assert parse(b"") is None
    assert parse(body[:-1]) is None
    assert parse(b"lldpd!" + body[6:]) is None
    broken = bytearray(body)
    broken[19] = 5  # no address has five octets
    assert parse(bytes(broken)) is None
