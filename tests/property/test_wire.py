"""What holds for all octets and all routes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.model.actions import ExportAttributes
from evpnd.model.routes import MacIpBatch, OtherRoute, Treatment, Update
from evpnd.wire.attributes import build_updates, build_withdraws, encode_attributes
from evpnd.wire.communities import VXLAN, mac_mobility
from evpnd.wire.nlri import (
    decode_nlris,
    decode_uniform,
    encode_imet,
    encode_mac_ip,
    nlri_key,
    split_nlris,
)
from evpnd.wire.update import UpdateDecoder

runs = settings(max_examples=150, deadline=None)

rds = st.binary(min_size=8, max_size=8)
vnis = st.integers(0, (1 << 24) - 1)
keys = st.sampled_from([6, 10, 22]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)
vteps = st.sampled_from([4, 16]).flatmap(
    lambda size: st.binary(min_size=size - 1, max_size=size - 1).map(b"\x0a".__add__)
)
octets_of = {n: st.binary(min_size=n, max_size=n) for n in (4, 6, 12)}
target = octets_of[6].map(b"\x00\x02".__add__)


@st.composite
def exports(draw: st.DrawFn) -> ExportAttributes:
    mobility = draw(st.none() | st.integers(0, (1 << 32) - 1))
    extra = () if mobility is None else (mac_mobility(mobility),)
    return ExportAttributes(
        next_hop=draw(vteps),
        extended_communities=(*draw(st.lists(target, max_size=40)), VXLAN, *extra),
        pmsi_vni=draw(st.none() | vnis),
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
nlri_lists = st.lists(
    st.builds(lambda rd, vni, key: encode_mac_ip(rd, vni, [key])[0], rds, vnis, keys)
    | st.builds(encode_imet, rds, vteps),
    max_size=60,
)


def is_consistent(update: Update) -> bool:
    """Say whether a result keeps what its type promises."""
    announces = bool(update.mac_ip or update.routes)
    reset = any(m.treatment is Treatment.SESSION_RESET for m in update.malformed)
    batches = update.mac_ip + update.withdrawn_mac_ip
    return (
        (update.attributes is not None) == announces
        and not (reset and (announces or update.withdrawn_mac_ip or update.withdrawn))
        and not (update.end_of_rib and (announces or update.malformed))
        and all(
            batch.keys
            and (len(batch.rd), len(batch.ethernet_tag), len(batch.esi)) == (8, 4, 10)
            and len(batch.labels) in (3, 6)
            and all(len(key) in (6, 10, 22) for key in batch.keys)
            for batch in batches
        )
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


def patch_lengths(body: bytes) -> bytes:
    """Make the total length of the attributes fit, so that more is looked at."""
    if len(body) < 4:
        return body
    return bytes(2) + (len(body) - 4).to_bytes(2, "big") + body[4:]


@runs
@given(body=st.binary(max_size=200), asn4=st.booleans(), ibgp=st.booleans())
def test_no_octets_raise(body: bytes, asn4: bool, ibgp: bool) -> None:
    decoder = UpdateDecoder(asn4=asn4, ibgp=ibgp)

    assert is_consistent(decoder.decode(body))
    assert is_consistent(decoder.decode(patch_lengths(body)))


@runs
@given(export=exports(), nlris=nlri_lists, changes=edits, patched=st.booleans())
def test_no_mutation_raises_and_none_depends_on_what_was_decoded_before(
    export: ExportAttributes,
    nlris: list[bytes],
    changes: list[tuple[int, int, bytes]],
    patched: bool,
) -> None:
    used = UpdateDecoder()
    for message in build_updates(
        encode_attributes(export),
        export.next_hop,
        nlris,
        ibgp=True,
        local_asn=1,
        asn4=True,
    ):
        used.decode(message[19:])
        body = mutate(message[19:], changes)
        if patched:
            body = patch_lengths(body)

        fresh, first, second = (
            repr(decoder.decode(body)) for decoder in (UpdateDecoder(), used, used)
        )

        assert fresh == first == second
        assert is_consistent(used.decode(body))


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
    export: ExportAttributes,
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
        assert attributes.extended_communities == export.extended_communities
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
