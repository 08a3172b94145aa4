"""What is left of a history of UPDATEs leaves the same routes standing."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.speaker.rib.condensing import Condensed, NotCondensableError, condense
from evpnd.wire.attributes import END_OF_RIB, build_updates, build_withdraws
from evpnd.wire.nlri import encode_imet, encode_mac_ip, nlri_key
from evpnd.wire.update import UpdateDecoder

RDS = (bytes.fromhex("00010a0000010064"), bytes.fromhex("00010a0000020064"))
ORIGIN, PREFERENCE = bytes.fromhex("40010100"), bytes.fromhex("40050400000064")
ALTERNATIVES = (ORIGIN + PREFERENCE, ORIGIN + PREFERENCE + b"\xc0\x10\x08" + bytes(8))
BROKEN = b"\x40\x01\x01\x09" + PREFERENCE
"""An ORIGIN that there is not: the routes are treated as withdrawn."""
KEYS = [bytes((2, 0, 0, 0, 0, n)) for n in range(4)]
KEYS += [KEYS[0] + bytes((192, 0, 2, 1)), KEYS[1] + bytes(15) + b"\1"]


def announcement(attributes: bytes, next_hop: bytes, nlris: list[bytes]) -> bytes:
    made = build_updates(
        attributes, next_hop, nlris, ibgp=True, local_asn=65000, asn4=True
    )
    return b"".join(made)


def result(pieces: Iterable[bytes]) -> Condensed:
    *nothing, condensed = condense(pieces, 1000)
    assert nothing == [None] * len(nothing)
    assert condensed is not None
    return condensed


def standing(pieces: Iterable[bytes]) -> dict[object, object]:
    """Read UPDATEs as the agent does; gives its routes and their attributes."""
    decoder = UpdateDecoder(asn4=True, ibgp=True)
    found: dict[object, object] = {}
    stream = b"".join(pieces)
    start = 0
    while start < len(stream):
        stop = start + int.from_bytes(stream[start + 16 : start + 18], "big")
        update = decoder.decode(stream[start + 19 : stop])
        start = stop
        for batch in update.withdrawn_mac_ip:
            for key in batch.keys:
                found.pop((batch.rd, batch.ethernet_tag, key), None)
        for route in update.withdrawn:
            found.pop(route, None)
        for batch in update.mac_ip:
            for key in batch.keys:
                said = (repr(update.attributes), batch.labels, batch.esi)
                found[(batch.rd, batch.ethernet_tag, key)] = said
        for route in update.routes:
            found[route] = repr(update.attributes)
        if update.end_of_rib:
            found["end of rib"] = True
    return found


nlris = st.lists(
    st.one_of(
        st.builds(
            lambda rd, vni, key: encode_mac_ip(rd, vni, [key])[0],
            st.sampled_from(RDS),
            st.sampled_from([100, 200]),
            st.sampled_from(KEYS),
        ),
        st.builds(encode_imet, st.sampled_from(RDS), st.just(bytes((10, 0, 0, 1)))),
    ),
    min_size=1,
    max_size=5,
    unique_by=nlri_key,
)
updates = st.one_of(
    st.builds(
        announcement,
        st.sampled_from([*ALTERNATIVES, BROKEN]),
        st.sampled_from([bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))]),
        nlris,
    ),
    st.builds(lambda gone: b"".join(build_withdraws(gone)), nlris),
    st.just(END_OF_RIB),
)


@given(st.lists(updates, max_size=30))
def test_the_same_routes_stand_after_it(history: list[bytes]) -> None:
    condensed = result(history)

    assert standing(condensed.updates) == standing(history)
    assert sum(map(len, condensed.updates)) <= sum(map(len, history))


def test_routes_that_came_and_went_leave_nothing() -> None:
    route = encode_mac_ip(RDS[0], 100, KEYS[:1])
    come = announcement(ALTERNATIVES[0], bytes((10, 0, 0, 1)), route)
    go = b"".join(build_withdraws(route))
    condensed = result([come + go] * 500)

    assert condensed == ([], 0)


def test_routes_of_equal_attributes_are_packed_again() -> None:
    macs = [bytes((2, 0, 0, 0, n >> 8, n & 255)) for n in range(1000)]
    single = [
        announcement(ALTERNATIVES[0], bytes((10, 0, 0, 1)), [nlri])
        for nlri in encode_mac_ip(RDS[0], 100, macs)
    ]
    condensed = result(single)

    assert condensed.routes == 1000
    assert sum(map(len, condensed.updates)) < 40 * 1000
    assert standing(condensed.updates) == standing(single)


@pytest.mark.parametrize(
    "body",
    [
        "0004 18c00002 0000",
        "0000 0000 18c00002",
        "0000 0003 400102",
        "0000 0007 900e0003 001946",
        "0000 000b 800f04 00194602 800f 0300",
        "0000 0006 800f03 000101",
        "0000 0008 800f05 001946 0221",
        "0000 0006 c00f03 001946",
    ],
)
def test_what_hides_its_routes_is_left_as_it_is(body: str) -> None:
    octets = bytes.fromhex(body)
    message = b"\xff" * 16 + (19 + len(octets)).to_bytes(2, "big") + b"\2" + octets

    with pytest.raises(NotCondensableError):
        list(condense([message], 1000))
