"""What holds for all octets and all routes."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.model.advert import Advert, source_of
from evpnd.model.numbers import SEQUENCE_MAX
from evpnd.model.routes import MacIpBatch, OtherRoute
from evpnd.wire.attributes import build_updates, build_withdraws, encode_attributes
from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import (
    decode_nlris,
    decode_uniform,
    encode_imet,
    encode_mac_ip,
    encode_prefixes,
    nlri_key,
    split_nlris,
)
from evpnd.wire.update import UpdateDecoder
from tests.fuzz.mutate import Mutator
from tests.fuzz.oracle import SESSIONS, Oracle
from tests.fuzz.seeds import NLRIS, body, reach, seeds, unreach

SEEDS = seeds()

runs = settings(max_examples=150, deadline=None)

rds = st.binary(min_size=8, max_size=8)
vnis = st.integers(0, (1 << 24) - 1)
keys = st.sampled_from([6, 10, 22]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)
vteps = st.sampled_from([4, 16]).flatmap(
    lambda size: st.binary(min_size=size - 1, max_size=size - 1).map(b"\x0a".__add__)
)
prefixes = st.sampled_from([4, 16]).flatmap(
    lambda size: st.builds(
        lambda address, length: address + bytes([length]),
        st.binary(min_size=size, max_size=size),
        st.integers(0, 8 * size),
    )
)
octets_of = {n: st.binary(min_size=n, max_size=n) for n in (4, 6, 12)}
target = octets_of[6].map(b"\x00\x02".__add__)


@st.composite
def exports(draw: st.DrawFn) -> Advert:
    return Advert(
        next_hop=draw(vteps),
        route_targets=tuple(draw(st.lists(target, max_size=40))),
        sequence=draw(st.just(0) | st.integers(0, SEQUENCE_MAX)),
        sticky=draw(st.booleans()),
        default_gateway=draw(st.booleans()),
        arp_nd_flags=draw(st.none() | st.integers(0, 255)),
        pmsi_vni=draw(st.none() | vnis),
        router_mac=draw(st.just(b"") | octets_of[6]),
        site_of_origin=draw(st.none() | octets_of[6].map(b"\x01\x03".__add__)),
        local_preference=draw(st.none() | st.integers(0, (1 << 32) - 1)),
        med=draw(st.none() | st.integers(0, (1 << 32) - 1)),
        communities=tuple(draw(st.lists(octets_of[4], max_size=70))),
        large_communities=tuple(draw(st.lists(octets_of[12], max_size=5))),
    )


sessions = st.fixed_dictionaries(
    {
        "ibgp": st.booleans(),
        "local_asn": st.integers(1, (1 << 32) - 1),
        "asn4": st.booleans(),
    }
)
sources = st.builds(source_of, rds, st.none() | st.integers(0, 0xFFFFFFFF))
nlri_lists = st.lists(
    st.builds(
        lambda source, vni, key, l3: encode_mac_ip(source, vni, [key], l3)[0],
        *(sources, vnis, keys, st.none() | vnis),
    )
    | st.builds(
        lambda source, vni, prefix: encode_prefixes(source, vni, [prefix])[0],
        *(sources, vnis, prefixes),
    )
    | st.builds(encode_imet, sources, vteps),
    max_size=60,
)


def mutate(octets: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    changed = bytearray(octets)
    for at, removed, inserted in edits:
        start = at % (len(changed) + 1)
        changed[start : start + removed] = inserted
    return bytes(changed)


edits = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 3), st.binary(max_size=3)),
    min_size=1,
    max_size=4,
)


def patch_lengths(octets: bytes) -> bytes:
    """Make the total length of the attributes fit, so that more is looked at."""
    if len(octets) < 4:
        return octets
    return bytes(2) + (len(octets) - 4).to_bytes(2, "big") + octets[4:]


def alternating(count: int) -> list[bytes]:
    """List routes of which no two neighbours have the same label."""
    keys = [n.to_bytes(6, "big") for n in range(count)]
    return [encode_mac_ip(bytes(8), n, [key])[0] for n, key in enumerate(keys)]


sessions_of_both_kinds = st.sampled_from(SESSIONS)


@runs
@given(octets=st.binary(max_size=200), session=sessions_of_both_kinds)
def test_any_octets_do_what_a_second_reading_says(
    octets: bytes, session: tuple[bool, bool]
) -> None:
    oracle = Oracle()
    for each in (octets, patch_lengths(octets)):
        oracle.check(each, session, oracle.decode(each, session))


@runs
@given(number=st.integers(0, (1 << 32) - 1), session=sessions_of_both_kinds)
def test_changed_updates_do_what_a_second_reading_says_whatever_came_before(
    number: int, session: tuple[bool, bool]
) -> None:
    mutator, oracle = Mutator(SEEDS, number), Oracle()
    for _ in range(20):
        octets = mutator.body()
        update = oracle.decode(octets, session)

        oracle.check(octets, session, update)
        oracle.check_afresh(octets, session, update)


LONG = 60_000
"""Octets; no session of ours has messages as long."""


@pytest.mark.parametrize(
    "octets",
    [
        body(b"\xc0\xc8\x00" * (LONG // 3)),
        body(b"\x40\x05\x00" * (LONG // 3)),
        body(reach(b"\x02\x00" * (LONG // 2))),
        body(reach(b"\x07\x00" * (LONG // 2))),
        body(unreach(b"".join(NLRIS) * (LONG // sum(map(len, NLRIS))))),
        body(reach(b"".join(alternating(LONG // 35)))),
        body(encode_attribute(0x40, 2, b"\x01\x01\0\0\0\x01" * (LONG // 6))),
        body(
            reach(NLRIS[1]),
            encode_attribute(0x40, 2, b"\x02\x01\x5b\xa0" * (LONG // 8)),
            encode_attribute(0xC0, 17, b"\x02\x01\0\0\0\x01" * (LONG // 14)),
        ),
        body(withdrawn=b"\x00" * LONG),
    ],
    ids=range(9),
)
@pytest.mark.no_cover  # it is the time without tracing that counts
def test_no_body_takes_long(octets: bytes) -> None:
    assert len(octets) > LONG * 0.9
    decoder = UpdateDecoder(asn4=False)
    begin = time.thread_time()

    decoder.decode(octets)

    assert time.thread_time() - begin < 0.5


@runs
@given(export=exports(), nlris=nlri_lists, changes=edits, patched=st.booleans())
def test_no_mutation_raises_and_none_depends_on_what_was_decoded_before(
    export: Advert,
    nlris: list[bytes],
    changes: list[tuple[int, int, bytes]],
    patched: bool,
) -> None:
    used, oracle = UpdateDecoder(), Oracle()
    for message in build_updates(
        encode_attributes(export),
        export.next_hop,
        nlris,
        ibgp=True,
        local_asn=1,
        asn4=True,
    ):
        used.decode(message[19:])
        octets = mutate(message[19:], changes)
        if patched:
            octets = patch_lengths(octets)

        fresh, first, second = (
            repr(decoder.decode(octets)) for decoder in (UpdateDecoder(), used, used)
        )

        assert fresh == first == second
        oracle.check(octets, (True, True), used.decode(octets))


def routes_of(
    batches: list[MacIpBatch], others: list[OtherRoute]
) -> set[tuple[object, ...]]:
    return {
        (b.rd, b.ethernet_tag, b.labels, key) for b in batches for key in b.keys
    } | {tuple(route) for route in others}


@runs
@given(
    export=exports(),
    nlris=nlri_lists,
    session=sessions,
    max_size=st.integers(1700, 9000),
)
def test_what_is_built_fits_and_decodes_to_what_was_asked(
    export: Advert,
    nlris: list[bytes],
    session: dict[str, bool | int],
    max_size: int,
) -> None:
    ibgp, asn4 = bool(session["ibgp"]), bool(session["asn4"])
    decoder = UpdateDecoder(asn4=asn4, ibgp=ibgp)
    expected = decode_nlris(b"".join(nlris))
    found: set[tuple[object, ...]] = set()
    seen = set()
    for message in build_updates(
        encode_attributes(export),
        export.next_hop,
        nlris,
        ibgp=ibgp,
        local_asn=int(session["local_asn"]),
        asn4=asn4,
        max_size=max_size,
    ):
        assert len(message) <= max_size
        assert message[:16] == b"\xff" * 16
        assert int.from_bytes(message[16:18]) == len(message)
        update = decoder.decode(message[19:])
        assert not update.malformed
        assert update.attributes
        found |= routes_of(update.mac_ip, update.routes)
        seen.add(update.attributes)

    assert found == routes_of(expected.mac_ip, expected.routes)
    assert len(seen) <= 1
    for attributes in seen:
        assert attributes.next_hop == export.next_hop
        assert attributes.route_targets == export.route_targets
        assert attributes.encapsulations == (8,)
        assert attributes.sequence == export.sequence
        assert attributes.sticky == export.sticky
        assert attributes.default_gateway == export.default_gateway
        assert attributes.arp_nd_flags == export.arp_nd_flags
        site = export.site_of_origin
        assert site is None or site in attributes.extended_communities
        assert attributes.communities == export.communities
        assert attributes.large_communities == export.large_communities
        assert attributes.med == export.med
        if ibgp:
            assert attributes.as_path == ()
            preference = export.local_preference
            assert attributes.local_preference == (
                100 if preference is None else preference
            )
        else:
            assert attributes.as_path == (session["local_asn"],)
            assert attributes.local_preference is None
        if export.pmsi_vni is None:
            assert attributes.pmsi is None
        else:
            assert attributes.pmsi == (6, export.pmsi_vni, export.next_hop, 0)


@runs
@given(nlris=nlri_lists, max_size=st.integers(100, 5000))
def test_no_withdrawal_is_lost(nlris: list[bytes], max_size: int) -> None:
    expected = decode_nlris(b"".join(nlris))
    sent = []
    found: set[tuple[object, ...]] = set()
    for message in build_withdraws(nlris, max_size=max_size):
        assert len(message) <= max_size
        update = UpdateDecoder().decode(message[19:])
        assert not update.malformed
        found |= routes_of(update.withdrawn_mac_ip, update.withdrawn)
        sent += split_nlris(message[23 + (7 if message[23] & 0x10 else 6) :])

    assert sent == nlris
    assert found == routes_of(expected.mac_ip, expected.routes)


alphabets = st.sampled_from([b"\x00", b"\x00\x30", b"\x20\x30\x02", bytes(range(256))])


@st.composite
def equal_sized_keys(draw: st.DrawFn) -> list[bytes]:
    """Draw keys of few different octets: they look like what stands between them."""
    octet = st.sampled_from(list(draw(alphabets)))
    size = draw(st.sampled_from([6, 10, 22]))
    key = st.lists(octet, min_size=size, max_size=size).map(bytes)
    return draw(st.lists(key, min_size=1, max_size=20))


@runs
@given(rd=rds | st.just(bytes(8)), vni=vnis | st.just(0), wanted=equal_sized_keys())
def test_the_uniform_path_finds_what_the_general_one_finds(
    rd: bytes, vni: int, wanted: list[bytes]
) -> None:
    block = b"".join(encode_mac_ip(rd, vni, wanted))

    uniform = decode_uniform(block)
    (batch,) = decode_nlris(block + encode_imet(rd, bytes(4))).mac_ip

    assert batch.keys == wanted
    assert uniform in (None, batch)


@runs
@given(rd=rds, first=keys, second=keys, vni=vnis)
def test_the_identity_of_a_mac_ip_route_is_its_key(
    rd: bytes, first: bytes, second: bytes, vni: int
) -> None:
    one, other = encode_mac_ip(rd, vni, [first]), encode_mac_ip(rd, 0, [second])

    assert (nlri_key(one[0]) == nlri_key(other[0])) == (first == second)
