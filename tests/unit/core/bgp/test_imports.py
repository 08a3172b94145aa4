"""Which routes are imported, and why others are not (docs/wire.md)."""

from dataclasses import replace

import pytest

from evpnd.core.bgp import imports as imports_of_a_peer
from evpnd.core.bgp.imports import PATH_CACHE
from evpnd.model.config import VtepConfig
from evpnd.model.events import AddressObserved, ConfigChanged
from evpnd.model.ids import (
    format_ip,
    parse_ip,
    parse_route_target,
    parse_site_of_origin,
    parse_vni,
)
from evpnd.model.routes import PathAttributes
from evpnd.model.targets import ImportTargets, Profile, auto_import_targets
from evpnd.views import routes
from tests.fakes.host import (
    PEERS,
    VNI,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    withdraw,
)
from tests.fakes.kernel import BRIDGE

MAC = b"\2\0\0\0\0\1"
VTEP = "10.0.0.2"
PEER = PEERS[0]


def host() -> Host:
    made = Host()
    made.up()
    return made


def path(*targets: str, next_hop: str = VTEP, **more: object) -> PathAttributes:
    return PathAttributes(
        next_hop=parse_ip(next_hop),
        route_targets=tuple(map(parse_route_target, targets)),
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("target", "imported"),
    [
        ("65000:100", True),
        ("64999:100", True),
        ("65000:268435556", True),  # RFC 8365: 0x10000000 or VNI
        ("65000:101", False),
        ("10.0.0.1:100", False),
        ("4200000001:100", False),
    ],
)
def test_auto_imports_the_number_whatever_the_two_octet_as(
    target: str, imported: bool
) -> None:
    here = host()
    here.run(announce(PEER, path(target), VTEP, MAC))

    assert (MAC in here.remote_macs()) is imported


def test_with_an_sr_linux_peer_auto_imports_the_number_of_any_four_octet_as() -> None:
    settings = config()
    (evi,) = settings.evis
    wide = auto_import_targets(VNI, {Profile.SRLINUX})
    here = Host(
        configuration=config(
            evis=(replace(evi, import_targets=wide),),
        )
    )
    here.up()
    here.run(announce(PEER, path("4200000009:100"), VTEP, MAC))

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_a_route_of_several_targets_goes_to_every_evi_that_one_leads_to() -> None:
    (evi,) = config().evis
    other = replace(
        evi,
        vni=parse_vni(200),
        name="other",
        import_targets=ImportTargets(
            frozenset(map(parse_route_target, ("10.0.0.9:7", "4200000001:7")))
        ),
    )
    here = Host(configuration=config(evis=(evi, other)))
    here.up()
    here.run(announce(PEER, path("10.0.0.9:7", "1:100", "1:1"), VTEP, MAC))

    vrfs = here.engine.inventory.vrfs.values()
    assert [MAC in vrf.routes.slots for vrf in vrfs] == [True, True]


@pytest.mark.parametrize(
    ("attributes_", "reason"),
    [
        (path("65000:100", next_hop="10.0.0.1"), "own VTEP"),
        (path("65000:100", next_hop="2001:db8::1"), "address family"),
        (path("65000:100", encapsulations=(10,)), "not VXLAN"),
        (path("65000:100", originator_id=parse_ip("10.0.0.1")), "originator"),
        (path(), "route targets (it has none)"),
    ],
)
def test_a_route_that_is_not_used_says_why(
    attributes_: PathAttributes, reason: str
) -> None:
    here = host()
    here.run(announce(PEER, attributes_, VTEP, MAC))

    assert here.remote_macs() == {}
    (shown,) = routes.routes(here.query)
    assert not shown["accepted"]
    assert reason in shown["reason"]


SITE = parse_site_of_origin("65001:7")


@pytest.mark.parametrize("text", ["65001:7", "10.0.0.1:7", "4200000001:7"])
def test_a_route_of_our_own_site_is_not_used_until_the_site_is_another(
    text: str,
) -> None:
    site = parse_site_of_origin(text)
    here = Host(configuration=config(site_of_origin=site))
    here.up()
    theirs = path("65000:100", extended_communities=(bytes(8), site))
    here.run(announce(PEER, theirs, VTEP, MAC))

    assert here.remote_macs() == {}
    (shown,) = routes.routes(here.query)
    assert (shown["accepted"], shown["reason"]) == (
        False,
        "it carries our site of origin",
    )
    here.run(ConfigChanged(config(site_of_origin=parse_site_of_origin("65001:8"))))
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    here.run(ConfigChanged(config(site_of_origin=site)))
    assert here.remote_macs() == {}


def test_another_site_or_a_target_of_that_number_is_used() -> None:
    here = Host(configuration=config(site_of_origin=SITE))
    here.up()
    others = (parse_route_target("65001:7"), parse_site_of_origin("65001:8"))
    theirs = path("65000:100", extended_communities=others)
    here.run(announce(PEER, theirs, VTEP, MAC))

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_encapsulation_that_is_not_said_is_accepted() -> None:
    here = host()
    here.run(announce(PEER, path("65000:100", encapsulations=()), VTEP, MAC))

    assert MAC in here.remote_macs()


def test_routes_with_our_own_next_hop_are_looked_at_again_when_it_changes() -> None:
    here = Host(configuration=config(vtep=VtepConfig(None, "br100")))
    here.run(AddressObserved(BRIDGE, parse_ip("10.0.0.1"), present=True))
    here.up()
    here.run(announce(PEER, path("65000:100", next_hop="10.0.0.1"), VTEP, MAC))
    assert here.remote_macs() == {}

    changed = config(vtep=VtepConfig(parse_ip("10.0.0.7")))
    here.run(ConfigChanged(changed))
    (shown,) = routes.routes(here.query)
    assert shown["accepted"]


def test_the_flood_list_prefers_the_pmsi_endpoint() -> None:
    here = host()
    here.run(announce_imet(PEER, VTEP))

    assert here.kernel.flood.keys() == {parse_ip(VTEP)}


@pytest.mark.parametrize("mac", [bytes(6), b"\1\0\x5e\0\0\1", b"\xff" * 6])
def test_a_mac_that_is_no_stations_makes_no_row(mac: bytes) -> None:
    here = host()
    here.run(announce(PEER, attributes(VTEP), VTEP, mac, mac + parse_ip("192.0.2.1")))

    assert here.kernel.vxlan == here.kernel.flood == here.kernel.neighbors == {}


def test_a_mac_with_an_ip_alone_gives_the_mac_row_and_the_neighbour() -> None:
    here = host()
    ip = parse_ip("192.0.2.10")
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC + ip))

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert here.kernel.neighbors[ip].mac == MAC


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "ff02::1", "::"])
def test_a_binding_that_is_no_hosts_makes_no_neighbour(text: str) -> None:
    here = host()
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC + parse_ip(text)))

    assert here.kernel.neighbors == {}


def test_a_link_local_binding_of_a_peer_is_accepted() -> None:
    here = host()
    ip = parse_ip("fe80::1")
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC + ip))

    assert here.kernel.neighbors.keys() == {ip}


def test_a_next_hop_that_is_no_hosts_is_not_used() -> None:
    here = host()
    here.run(announce(PEER, attributes("127.0.0.1"), VTEP, MAC))

    assert here.remote_macs() == {}


def test_our_own_as_in_the_path_is_a_loop_over_ebgp_alone() -> None:
    peers = (replace(config().peers[0], asn=64999), config().peers[1])
    here = Host(configuration=config(peers=peers))
    here.up()
    looped = path("65000:100", as_path=(64999, 65000), as_path_length=2)
    here.run(announce(PEER, looped, VTEP, MAC))
    (shown,) = routes.routes(here.query)
    assert shown["reason"].startswith(
        "our AS 65000 is in its AS_PATH (`allow-own-as: 1`"
    )

    here.run(announce(PEERS[1], looped, VTEP, MAC))
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_many_distinct_attributes_cost_no_more_than_their_routes() -> None:
    here = host()
    for number in range(PATH_CACHE + 10):
        here.tell(announce(PEER, attributes(VTEP), VTEP, number.to_bytes(6)))

    session = here.engine.peering.sessions[PEER]
    assert len(session.rib) == PATH_CACHE + 10
    assert len(session.imports.by_parts) <= PATH_CACHE
    assert len(session.imports.ranks) <= PATH_CACHE


@pytest.mark.parametrize("again", [True, False])
def test_paths_that_no_route_has_any_more_are_forgotten(
    again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports_of_a_peer, "PATH_CACHE", 16)
    here = host()
    keys = [mac(number) for number in range(250)]
    for number, key in enumerate(keys):
        here.tell(announce(PEER, attributes(VTEP, number), VTEP, key))
    imports = here.engine.peering.sessions[PEER].imports
    assert len(keys) <= len(imports) <= len(keys) + 2 * 16

    if again:
        one = attributes(VTEP, 999)
        for key in keys:
            here.tell(announce(PEER, one, VTEP, key))
    else:
        here.tell(withdraw(PEER, VTEP, *keys[:-1]))

    # A quarter as many paths as routes may be left, beside those that are cached.
    assert len(imports) <= 250 // 4 + 16 + 1


def test_paths_about_which_the_same_is_decided_share_it() -> None:
    here = host()
    for number in range(4):
        targets = {"route_targets": ()} if number % 2 else {}
        told = replace(attributes(VTEP, number), **targets)  # type: ignore[arg-type]
        here.tell(announce(PEER, told, VTEP, mac(number)))

    imports = here.engine.peering.sessions[PEER].imports
    assert len(imports) == 4
    assert len(set(map(id, imports.values()))) == 2


def test_a_next_hop_that_is_no_hosts_in_the_underlay_is_none() -> None:
    """The network and the broadcast address of a subnet of ours (RFC 919)."""
    here = Host()
    here.up()
    keys = {vtep: mac(number) for number, vtep in enumerate(NO_HOSTS + HOSTS)}
    for vtep, key in keys.items():
        here.run(announce(PEERS[0], attributes(vtep), vtep, key))
        here.run(announce_imet(PEERS[0], vtep))

    def reached() -> set[str]:
        assert {format_ip(ip) for ip in here.kernel.flood} == {
            format_ip(ip) for ip in here.vrf.fdb.actual.values()
        }
        return {vtep for vtep, key in keys.items() if key in here.vrf.fdb.actual}

    assert reached() == {*NO_HOSTS, *HOSTS}
    here.run(AddressObserved(9, parse_ip("10.8.4.1"), present=True, length=22))
    here.run(AddressObserved(9, parse_ip("10.9.0.0"), present=True, length=31))
    assert reached() == set(HOSTS)
    reasons = {
        str(each["next_hop"]): each["reason"]
        for each in routes.routes(here.query)
        if each["type"] == 2
    }
    assert reasons[NO_HOSTS[0]] == (
        "its next hop is the network or broadcast address of a local subnet"
    )

    # Tenants' subnets are not the underlay's.
    here.run(AddressObserved(9, parse_ip("10.8.4.1"), present=False))
    here.run(AddressObserved(BRIDGE, parse_ip("10.8.4.1"), present=True, length=22))
    assert reached() == {*NO_HOSTS, *HOSTS}


NO_HOSTS = ("10.8.4.0", "10.8.7.255")
HOSTS = ("10.8.5.0", "10.8.5.255", "10.9.0.1", "10.8.8.0")


def mac(number: int) -> bytes:
    return b"\2\0\0\0\1" + bytes([number])
