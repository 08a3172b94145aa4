"""Many routes for one place: the best is the one that looking through all finds."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.bgp import evi_routes, slots
from evpnd.core.bgp.crowds import FEW, SLACK, Crowd, order
from evpnd.core.bgp.path import Path, rank
from evpnd.core.bgp.select import (
    best_for_ip,
    best_for_mac,
    candidates,
    mac_candidates,
)
from evpnd.core.bgp.slots import best, binding_order
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.remote_claims import rival_of
from evpnd.model.ids import parse_ip
from evpnd.model.routes import IMMUTABLE
from tests.fakes.host import LABEL, NO_ESI, NO_TAG, PEERS, attributes, config, rd_of

MACS = [bytes([2, 0, 0, 0, 0, n]) for n in range(4)] + [b"\x01\0\0\0\0\1"]
IPS = [parse_ip(f"192.0.2.{n}") for n in range(1, 5)]


def path(source: int, sequence: int, flags: int | None = None) -> Path:
    known = attributes(f"10.0.0.{source % 3 + 2}", sequence, arp_nd_flags=flags)
    nlri = (rd_of(f"10.9.0.{source}"), NO_TAG, NO_ESI, LABEL)
    known_rank = rank(known, ebgp=False, router_id=bytes(4), peer_address=bytes(4))
    return Path(PEERS[0], known, nlri, known_rank, 0.0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(evi_routes, "FEW", 2)
        patched.setattr(slots, "FEW", 2)
        yield


acts = st.lists(
    st.tuples(
        st.sampled_from(MACS),
        st.sampled_from([b"", *IPS]),
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from([None, IMMUTABLE]),
        st.booleans(),
    ),
    max_size=120,
)


@pytest.mark.usefixtures("few")
@given(acts)
def test_the_best_is_that_of_all_whatever_came_and_went(
    acts: list[tuple[bytes, bytes, int, int, int | None, bool]],
) -> None:
    vrf = MacVrf(config().evis[0], bytes(8), discovered=False)
    held: dict[tuple[bytes, int], Path] = {}
    for mac, ip, source, sequence, flags, coming in acts:
        name = (mac + ip, source)
        old = held.pop(name, None)
        if coming:
            held[name] = new = path(source, sequence, flags)
            vrf.routes.add(mac + ip, new, old)
        elif old is not None:
            vrf.routes.remove(mac + ip, old)

    for mac in MACS:
        ours = [each for (key, _), each in held.items() if key[:6] == mac]
        found, wanted = best_for_mac(vrf.routes, mac), best(ours)
        assert (found and order(found)) == (wanted and order(wanted))
        assert set(mac_candidates(vrf.routes, mac)) == set(ours)
    for ip in IPS:
        bound = [(key[:6], p) for (key, _), p in held.items() if key[6:] == ip]
        orders = sorted(binding_order(*each) for each in bound)  # type: ignore[type-var]
        one = best_for_ip(vrf.routes, ip)
        assert (one and binding_order(*one)) == (orders[0] if orders else None)
        others = sorted(
            binding_order(mac, each)  # type: ignore[type-var]
            for mac, each in bound
            if mac != MACS[0] and mac != MACS[4]
        )
        rival = rival_of(vrf, ip, MACS[0])
        assert (rival and binding_order(*rival)) == (others[0] if others else None)
    if not held:
        evi = vrf.routes
        assert not any((evi.slots, evi.ips_of, evi.macs_of, evi.crowds, evi.immutables))


def test_a_route_in_place_of_another_of_its_source_is_one_route() -> None:
    vrf = MacVrf(config().evis[0], bytes(8), discovered=False)
    known = [path(source, 0) for source in range(FEW + 4)]
    for each in known:
        vrf.routes.add(MACS[0], each, None)
    again = path(3, 7)
    vrf.routes.add(MACS[0], again, known[3])

    assert best_for_mac(vrf.routes, MACS[0]) is again
    assert len(candidates(vrf.routes, MACS[0])) == FEW + 4


def test_a_heap_holds_no_more_than_twice_what_is_there() -> None:
    crowd: Crowd[int] = Crowd()
    for n in range(1000):
        one = path(1, n % 7)
        crowd.put(n % 10, order(one), one)

        assert len(crowd._heap) <= 2 * len(crowd) + SLACK
    for n in range(10):
        crowd.drop(n)
    assert not crowd
    assert len(crowd._heap) <= SLACK


def test_what_does_not_fit_is_passed_over_and_stays() -> None:
    crowd: Crowd[int] = Crowd()
    for n in range(20):
        one = path(1, 20 - n)
        crowd.put(n, order(one), one)
    names = []
    for least in range(20):
        found = crowd.best_of(lambda name, least=least: name >= least)  # type: ignore[misc]
        assert found is not None
        names.append(found.name)

    assert names == list(range(20))
    assert crowd.best_of(lambda _: False) is None
    assert crowd.best().name == 0
    assert all(one < two for one, two in pairwise(names))
