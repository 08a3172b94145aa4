"""Flags of bindings: router, override, immutable; and gateways."""

from dataclasses import replace

import pytest

from evpnd.model.actions import (
    AnnounceMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import (
    Advertise,
    StaticEntry,
)
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    Heard,
    NdFlags,
    NeighborsObserved,
)
from evpnd.model.ids import Ip, Mac, format_ip, parse_ip
from evpnd.model.routes import IMMUTABLE, OVERRIDE, ROUTER
from evpnd.model.rows import NTF_ROUTER, NUD_REACHABLE, NeighborRow
from evpnd.views.routes import routes
from tests.fakes.host import PEERS, Host, announce, attributes, config
from tests.fakes.kernel import BRIDGE
from tests.unit.core.local.binding_host import (
    IP4,
    IP6,
    LOWER,
    ONE,
    TWO,
    A,
    B,
    C,
    advertise,
    events,
    hear,
    made,
    neighbor_of,
    remote,
    shown,
    told,
)


def static(ip: bytes, mac: bytes = A) -> StaticEntry:
    return StaticEntry(Mac(mac), Ip(ip))


def test_flags_that_receivers_assume_are_not_sent() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)

    held = told(host)
    assert held[A + IP4].arp_nd_flags is None
    assert held[A + IP6].arp_nd_flags is None


@pytest.mark.parametrize("flags", [0, OVERRIDE, ROUTER, ROUTER | OVERRIDE])
def test_the_flags_of_an_advertisement_are_announced(flags: int) -> None:
    host = made()
    advertise(host, A, IP6, flags)

    assumed = flags == OVERRIDE
    assert told(host)[A + IP6].arp_nd_flags == (None if assumed else flags)
    assert shown(host, IP6)["router"] is bool(flags & ROUTER)
    assert shown(host, IP6)["override"] is bool(flags & OVERRIDE)


def test_a_tenant_that_becomes_a_router_is_announced_anew_and_back() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    host.bgp.clear()
    advertise(host, A, IP6, ROUTER | OVERRIDE)
    (announced,) = host.bgp
    assert isinstance(announced, AnnounceMacIp)
    assert announced.keys == [A + IP6]
    assert announced.advert.arp_nd_flags == ROUTER | OVERRIDE
    assert host.kernel.neighbors[IP6].flags & NTF_ROUTER

    hear(host, ONE, A, IP6)
    assert told(host)[A + IP6].arp_nd_flags == ROUTER | OVERRIDE
    advertise(host, A, IP6, OVERRIDE)
    assert told(host)[A + IP6].arp_nd_flags is None
    assert host.vrf.bindings.nd_flags == {}


def test_an_answer_that_does_not_say_leaves_the_override_flag_as_it_was() -> None:
    for flags in (0, OVERRIDE):
        host = made()
        advertise(host, A, IP6, flags)
        binding = Heard(ONE, A, IP6)
        host.run(BindingsSnooped([binding], {binding: NdFlags(True, None)}))

        assert told(host)[A + IP6].arp_nd_flags == ROUTER | flags


def test_a_router_is_one_still_after_a_restart() -> None:
    first = made()
    advertise(first, A, IP6, ROUTER | OVERRIDE)
    second = Host(first.kernel)

    assert told(second)[A + IP6].arp_nd_flags == ROUTER | OVERRIDE


def test_the_kernels_router_mark_is_announced() -> None:
    host = made()
    row = NeighborRow(True, BRIDGE, IP6, A, NUD_REACHABLE, NTF_ROUTER, 0)
    host.run(NeighborsObserved([row]))

    assert told(host)[A + IP6].arp_nd_flags == ROUTER | OVERRIDE


def test_what_the_yaml_binds_is_immutable() -> None:
    host = Host(
        configuration=replace(
            config(),
            evis=(replace(config().evis[0], static=(static(IP4), static(IP6))),),
        )
    )

    held = told(host)
    assert held[A].arp_nd_flags is None
    assert held[A + IP4].arp_nd_flags == IMMUTABLE
    assert held[A + IP6].arp_nd_flags == IMMUTABLE | OVERRIDE
    assert shown(host, IP4)["immutable"] is True
    host.run(ConfigChanged(config()))
    assert told(host) == {}


def test_a_tenant_cannot_take_an_ip_that_the_yaml_binds() -> None:
    host = made(static=(static(IP4),))
    for _ in range(3):
        hear(host, TWO, B, IP4)

    assert host.vrf.bindings.holder(IP4) == A
    (notice,) = events(host, "immutable_binding_claimed")
    assert notice["claimed_by"] == "02:00:00:00:00:02"


def test_a_remote_claim_to_an_ip_that_the_yaml_binds_is_refused() -> None:
    host = made(static=(static(IP4),))
    remote(host, C, IP4, 9, vtep=LOWER)

    assert neighbor_of(host, IP4) == (A, False)
    assert len(events(host, "immutable_binding_claimed")) == 1


def immutable(**more: object) -> dict[str, object]:
    return {"arp_nd_flags": IMMUTABLE, **more}


def test_a_tenant_cannot_take_an_ip_that_is_immutable_elsewhere() -> None:
    for heard_first in (True, False):
        host = made()
        host.kernel.answering = {(A, IP4)}
        if heard_first:
            hear(host, ONE, A, IP4)
        remote(host, C, IP4, 0, **immutable())
        hear(host, ONE, A, IP4)

        assert neighbor_of(host, IP4) == (C, True)
        assert told(host).keys() == set()
        assert len(events(host, "immutable_binding_claimed")) == 1
        assert events(host, "duplicate_ip_found") == []
        assert shown(host, IP4)["immutable"] is True


def test_among_remote_bindings_the_immutable_one_counts() -> None:
    host = made()
    remote(host, C, IP4, 0, **immutable())
    other = bytes((2, 0, 0, 0, 0, 4))
    host.run(announce(PEERS[1], attributes(LOWER, 5), LOWER, other, other + IP4))

    assert neighbor_of(host, IP4) == (C, True)


@pytest.mark.parametrize(
    ("ip", "flags", "row_flags"),
    [
        (IP6, ROUTER | OVERRIDE, NTF_ROUTER),
        (IP6, OVERRIDE, 0),
        (IP6, None, 0),
        (IP4, ROUTER | OVERRIDE, 0),
    ],
)
def test_the_router_flag_of_an_ipv6_route_is_the_neighbours(
    ip: bytes, flags: int | None, row_flags: int
) -> None:
    host = made()
    remote(host, C, ip, 0, arp_nd_flags=flags)

    assert host.kernel.neighbors[ip].flags & NTF_ROUTER == row_flags
    assert shown(host, ip)["router"] is bool(row_flags)
    assert shown(host, ip)["override"] is (ip == IP6)
    rows = [row for row in routes(host.query) if row["ip"] == format_ip(ip)]
    assert [row["router"] for row in rows] == [bool(row_flags)]
    alone = [row for row in routes(host.query) if row["ip"] is None]
    assert [(r["router"], r["override"], r["immutable"]) for r in alone] == [
        (False, False, False)
    ]


# What needs no reconciliation


def test_a_refusal_is_told_at_once() -> None:
    host = made(static=(static(IP4),))
    heard = BindingsSnooped([Heard(TWO, B, IP4)])

    assert host.engine.handle(heard, host.now) is True
    host.run()
    assert host.engine.handle(heard, host.now) is False


# The default gateway


def gateway(host: Host) -> dict[bytes, Advert]:
    return {
        key[6:]: found for key, found in told(host).items() if found.default_gateway
    }


def test_the_bridges_addresses_of_both_families_are_gateways() -> None:
    host = made(advertise=Advertise(default_gateway=True))
    link_local = parse_ip("fe80::1")
    for ip in (IP4, IP6, link_local):
        host.run(AddressObserved(BRIDGE, ip, present=True))

    found = gateway(host)
    assert found.keys() == {IP4, IP6}
    assert found[IP4].arp_nd_flags is None
    assert found[IP6].arp_nd_flags == ROUTER | OVERRIDE
    host.run(AddressObserved(BRIDGE, IP4, present=False))
    assert gateway(host).keys() == {IP6}


def test_the_gateway_follows_the_bridges_mac() -> None:
    host = made(advertise=Advertise(default_gateway=True))
    host.run(AddressObserved(BRIDGE, IP4, present=True))
    link = host.engine.inventory.links.by_index[BRIDGE]
    host.engine.inventory.observe(link._replace(mac=C))
    host.run()

    assert told(host).keys() == {C + IP4}
