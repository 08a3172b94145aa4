"""What is counted of peers and EVIs."""

from dataclasses import replace

from evpnd.adapters.metrics import Counting, EviNumbers, PeerNumbers
from evpnd.core.announce import originator
from evpnd.model.actions import Notice
from evpnd.model.config import StaticEntry
from evpnd.model.events import ConfigChanged
from evpnd.model.ids import parse_ip
from evpnd.views import show
from tests.fakes.host import (
    PEERS,
    VNI,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
)
from tests.fakes.kernel import PORTS

ONE, TWO = PEERS
FAR = "10.0.0.2"
MACS = [bytes((2, 0, 0, 0, 0, number)) for number in range(9)]
IPS = [parse_ip(f"192.0.2.{number}") for number in range(9)]


def peers(here: Host) -> dict[str, PeerNumbers]:
    return {each.address: each for each in Counting(here.query).peers()}


def evi(here: Host, counting: Counting | None = None) -> EviNumbers:
    (found,) = (counting or Counting(here.query)).evis()
    return found


def announced(here: Host) -> int:
    return sum(len(keys) for _, keys in originator.announced(here.vrf))


def with_tenants() -> Host:
    here = Host()
    here.up()
    for mac in MACS[:3]:
        here.run(*here.kernel.frame(PORTS[0], mac))
    here.run(*here.kernel.pin(IPS[0], MACS[0]), *here.kernel.pin(IPS[1], MACS[0]))
    return here


def test_routes_are_counted_by_their_types() -> None:
    here = Host()
    here.up()
    here.run(announce(ONE, attributes(FAR), FAR, MACS[1]), announce_imet(ONE, FAR))

    assert peers(here)[ONE].received == {"mac-ip": 1, "imet": 1}
    assert peers(here)[TWO].received == {"mac-ip": 0}


def test_what_peers_are_told_is_counted_by_type_while_they_are_up() -> None:
    here = Host()
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))
    assert peers(here)[ONE].advertised == {}

    here.up()

    assert peers(here)[ONE].advertised == {"mac-ip": 1, "imet": 1}


def test_the_count_of_our_routes_follows_what_is_announced() -> None:
    here = with_tenants()
    assert originator.count([here.vrf]) == announced(here) == 3 + 2 + 1
    assert peers(here)[ONE].advertised == {"mac-ip": 5, "imet": 1}

    here.run(*here.kernel.unpin(IPS[0]))
    assert originator.count([here.vrf]) == announced(here) == 3 + 1 + 1
    here.run(*here.kernel.age(MACS[1]))
    here.run(announce(ONE, attributes(FAR, 1), FAR, MACS[2]))
    assert originator.count([here.vrf]) == announced(here) == 1 + 1 + 1

    fewer = replace(here.engine.config.evis[0].advertise, macs=False)
    changed = replace(here.engine.config.evis[0], advertise=fewer)
    here.run(ConfigChanged(config(evis=(changed,))))
    assert originator.count([here.vrf]) == announced(here) == 1 + 1

    vrf = here.vrf
    here.run(ConfigChanged(config(evis=())))
    assert originator.count([vrf]) == announced(here_of(vrf, here)) == 0


def here_of(vrf: object, here: Host) -> Host:
    """Return the host with an EVI that it has no more."""
    here.engine.inventory.vrfs[VNI] = vrf  # type: ignore[assignment] # it is one
    return here


def test_local_and_remote_are_counted_by_evi() -> None:
    here = with_tenants()
    here.run(announce(ONE, attributes(FAR), FAR, MACS[5], MACS[6] + IPS[6]))
    here.run(announce_imet(ONE, FAR))

    found = evi(here)
    assert (found.name, found.vni, found.ready) == ("tenant", VNI, True)
    assert (found.local_macs, found.local_ips, found.advertised_macs) == (3, 2, 3)
    assert (found.fdb_entries, found.flood_list_size) == (2, 1)
    assert found.neighbor_entries == 1


def test_a_static_mac_that_is_seen_counts_once() -> None:
    entries = tuple(StaticEntry(mac, None) for mac in MACS[:2])
    named = replace(config().evis[0], static=entries)
    here = Host(configuration=config(evis=(named,)))
    here.up()
    here.run(*here.kernel.frame(PORTS[0], MACS[0]))

    assert evi(here).local_macs == 2


def test_findings_are_as_many_as_show_peers_has() -> None:
    external = tuple(replace(peer, asn=65001) for peer in config().peers)
    here = Host(configuration=config(peers=external))
    here.up()
    here.later(60)

    found = {row["address"]: row["findings"] for row in show.peers(here.query, 0.0)}
    assert {peer: len(texts) for peer, texts in found.items()} == {ONE: 1, TWO: 1}
    assert {each.address: each.findings for each in peers(here).values()} == {
        ONE: 1,
        TWO: 1,
    }


def test_moves_are_counted_by_evi_and_forgotten_with_it() -> None:
    here = with_tenants()
    counting = Counting(here.query)
    for vni in (VNI, VNI, 999):
        counting.note(Notice("info", "mac_moved", {"evi": "tenant", "vni": vni}))
    counting.note(Notice("info", "peer_up", {"peer": ONE}))

    assert evi(here, counting).mac_moves == 2
    here.run(ConfigChanged(config(evis=())))
    assert counting.evis() == []
    here.run(ConfigChanged(config()))
    assert evi(here, counting).mac_moves == 0
