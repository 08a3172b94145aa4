"""What `show` tells, and what it leaves out."""

from dataclasses import replace

from evpnd.adapters.reports import Reports
from evpnd.model.actions import Notice
from evpnd.model.rows import PortVlans
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    attributes,
    config,
)
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel

ONE, TWO = PEERS
FAR = "10.0.0.2"


def reports() -> Reports:
    first, second = config().peers
    here = Host(configuration=config(peers=(replace(first, description="a"), second)))
    here.up()
    for number, peer in enumerate(PEERS, 1):
        here.run(announce(peer, attributes(FAR), FAR, bytes((2, 0, 0, 0, 0, number))))
    return Reports(here.engine)


def found_in(answer: dict[str, object]) -> list[dict[str, str]]:
    found = answer["result"]
    assert isinstance(found, list)
    return found


def peers_of(answer: dict[str, object]) -> list[str]:
    return [row["peer"] for row in found_in(answer)]


def test_a_peer_is_named_by_address_or_description() -> None:
    shown = reports().show

    assert peers_of(shown("routes", {"peer": "a"})) == [ONE]
    assert peers_of(shown("routes", {"peer": TWO})) == [TWO]


def test_a_peer_that_is_not_there_is_an_error_and_no_empty_table() -> None:
    answer = reports().show("routes", {"peer": "b"})

    assert answer == {
        "ok": False,
        "error": f"there is no peer b; known peers: {ONE}, {TWO}",
    }
    assert reports().show("events", {"peer": "b"}) == {"ok": True, "result": []}


def test_a_vni_that_no_evi_has_is_noted() -> None:
    shown = reports().show

    noted = shown("macs", {"vni": 999})
    assert noted == {
        "ok": True,
        "note": "no EVI has VNI 999; known VNIs: 100",
        "result": [],
    }
    assert "note" not in shown("macs", {"vni": 100})


def test_a_vlan_is_a_filter_and_one_that_no_evi_has_is_noted() -> None:
    vlans = {index: PortVlans(10, frozenset({10})) for index in (BRIDGE, VXLAN, *PORTS)}
    here = Host(FakeKernel(VTEP, vlans=(10,), port_vlans=vlans))
    here.up()
    here.run(announce(ONE, attributes(FAR), FAR, bytes((2, 0, 0, 0, 0, 1))))
    shown = Reports(here.engine).show

    assert len(found_in(shown("macs", {"vlan": 10}))) == 1
    assert len(found_in(shown("routes", {"vlan": 10, "vni": 100}))) == 1
    assert shown("evis", {"vlan": 20}) == {
        "ok": True,
        "note": "no EVI has VLAN 20; known VLANs: 10",
        "result": [],
    }
    assert reports().show("macs", {"vlan": 10})["note"] == (
        "no EVI has VLAN 10; known VLANs: none"
    )
    assert "note" not in shown("events", {"vni": 999})


def test_a_part_of_a_table_says_how_long_the_whole_is() -> None:
    answer = reports().show("macs", {"limit": 1, "offset": 1})

    assert answer["total"] == 2
    assert [row["mac"] for row in found_in(answer)] == ["02:00:00:00:00:02"]
    assert all(isinstance(row["since"], str) for row in found_in(answer))


def test_a_part_of_the_events_is_the_latest_oldest_first() -> None:
    seen = reports()
    for number in range(5):
        seen.notice(Notice("info", f"event_{number}", {}))

    answer = seen.show("events", {"limit": 2, "offset": 1})

    assert answer["total"] == 5
    assert [row["event"] for row in found_in(answer)] == ["event_2", "event_3"]
