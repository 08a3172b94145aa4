"""The checks as pure functions; integration/test_doctor.py has what a kernel shows."""

import pytest

from evpnd.doctor.checks import CHECKS, Told, beside_notes, examine_all
from evpnd.doctor.daemon import Row
from evpnd.doctor.facts import Buffer, Feature, Host, Probed, Tunnel
from evpnd.doctor.finding import Level
from evpnd.doctor.probes import wanted
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NTF_EXT_LEARNED, NUD_REACHABLE, NeighborRow
from tests.unit.doctor.hosts import (
    BRIDGE,
    PORT_STATE,
    UPLINK,
    VNI,
    VXLAN,
    config,
    daemon,
    healthy,
    link,
    links,
    seen,
)


def findings(host: Host, **told: Row) -> list[Told]:
    found = examine_all(seen(host, told=daemon(**told)))
    return [each for each in found if each.finding.level > Level.OK]


def only(host: Host, **told: Row) -> Told:
    (found,) = findings(host, **told)
    return found


def test_nothing_is_found_on_a_healthy_host() -> None:
    found = list(examine_all(seen(told=daemon())))

    asked = [check.name for check in CHECKS if not check.probed]
    assert [each.check for each in found] == asked
    assert {each.finding.level for each in found} == {Level.OK}


def test_without_a_daemon_that_is_told_and_its_checks_are_left_out() -> None:
    first, *others = examine_all(seen())

    assert (first.check, first.finding.level) == ("daemon", Level.NOTE)
    asked = {check.name for check in CHECKS if check.asks or check.probed}
    assert {each.check for each in others} == {c.name for c in CHECKS} - asked


def test_without_a_configuration_every_vxlan_device_is_examined() -> None:
    from evpnd.doctor.examined import examine  # noqa: PLC0415

    host = healthy()._replace(links=links(eth0=link(UPLINK, "eth0", mtu=1500)))
    found = [
        each
        for each in examine_all(examine(host, None, None))
        if each.finding.level > Level.NOTE
    ]

    assert [(each.check, each.finding.subject) for each in found] == []
    route = host.routes[parse_ip("10.0.0.2")]._replace(mtu=1500)
    host = host._replace(routes=dict.fromkeys(host.routes, route))
    (mtu,) = (
        each
        for each in examine_all(examine(host, None, None))
        if each.finding.level > Level.NOTE
    )
    assert (mtu.check, mtu.finding.subject) == ("mtu", "vx100")


def test_the_names_of_checks_are_unique() -> None:
    names = [check.name for check in CHECKS]

    assert len(set(names)) == len(names)


# What no test can break in a namespace


def test_a_neighbour_table_that_is_nearly_full() -> None:
    key = "net/ipv4/neigh/default/gc_thresh3"
    ips = [bytes((192, 0, 2, last)) for last in range(9)]
    rows = [NeighborRow(True, BRIDGE, ip, bytes(6), NUD_REACHABLE, 0, 0) for ip in ips]
    ours = [row._replace(flags=NTF_EXT_LEARNED) for row in rows]
    host = healthy()._replace(neighbors=rows, sysctls={key: 10})
    row = only(host)

    assert (row.check, row.finding.level) == ("neighbor-table", Level.WARNING)
    assert "9 entries of at most 10" in row.finding.text
    assert row.finding.fix is not None
    assert row.finding.fix.commands == (
        (
            "sysctl",
            "-w",
            "net/ipv4/neigh/default/gc_thresh2=40",
            "net/ipv4/neigh/default/gc_thresh3=80",
        ),
    )
    # What evpnd wrote does not count against the limit.
    assert findings(host._replace(neighbors=ours)) == []


def test_a_netlink_buffer_that_is_too_small() -> None:
    row = only(healthy()._replace(buffer=Buffer(8 << 20, 212_992)))

    assert row.check == "buffers"
    assert "208 KiB of 8192" in row.finding.text


def test_a_clock_that_nothing_keeps_right() -> None:
    row = only(healthy()._replace(synchronised=False))

    assert (row.check, row.finding.level) == ("clock", Level.NOTE)
    assert findings(healthy()._replace(synchronised=None)) == []


def test_udp_that_is_spread_by_addresses_alone() -> None:
    row = only(healthy()._replace(hashed={"eth0": "sd"}))

    assert row.check == "rx-hash"
    assert row.finding.fix is not None
    assert row.finding.fix.text == "ethtool -N eth0 rx-flow-hash udp4 sdfn"
    assert findings(healthy()._replace(hashed={})) == []


def test_an_offload_that_the_driver_lacks_is_a_note() -> None:
    off = {"tx-udp_tnl-segmentation": Feature(on=False, changeable=False)}
    row = only(healthy()._replace(features={"eth0": off}))

    assert (row.check, row.finding.level) == ("offloads", Level.NOTE)
    assert row.finding.fix is None


def test_the_members_of_a_bond_are_uplinks() -> None:
    bond = link(UPLINK, "bond0", "bond", 1600)
    member = link(9, "eth9", mtu=1600)._replace(master=UPLINK)
    off = {"tx-udp_tnl-segmentation": Feature(on=False, changeable=True)}
    found = links(eth0=bond, eth9=member)
    row = only(healthy()._replace(links=found, features={"eth9": off}))

    assert (row.check, row.finding.subject) == ("offloads", "eth9")


def test_dropped_frames_of_a_device_that_is_too_large() -> None:
    vxlan = links().by_name["vx100"]._replace(mtu=1560)
    host = healthy()._replace(links=links(vx100=vxlan), dropped={"vx100": 7})
    found = {each.check: each.finding for each in findings(host)}

    assert set(found) == {"mtu", "drops"}
    assert found["drops"].level is Level.NOTE
    assert "7 frames" in found["drops"].text
    assert "larger than the route carries" in found["drops"].text


def test_a_device_with_too_many_rows_is_told() -> None:
    row = only(healthy()._replace(rows={}))

    assert (row.check, row.finding.subject) == ("rows", "vx100")


def test_ports_of_a_range_are_counted() -> None:
    host = healthy()._replace(tunnels={VXLAN: Tunnel(0, (40000, 50000), b"")})

    assert findings(host) == []


def test_a_port_that_spanning_tree_blocks() -> None:
    port = links().by_name["t1"]
    blocked = port._replace(port=PORT_STATE._replace(forwarding=False))
    row = only(healthy()._replace(links=links(t1=blocked)))

    assert (row.check, row.finding.subject) == ("tenant-port", "t1")
    assert "spanning tree" in row.finding.text


# What only a daemon knows


@pytest.mark.parametrize(
    ("changes", "check", "level", "text"),
    [
        (
            {"peer": {"state": "active", "last_error": "connection refused"}},
            "peer",
            Level.FAULT,
            "peer: no session (active), connection refused",
        ),
        (
            {"peer": {"findings": ["it sends nothing: `no bgp ebgp-requires-policy`"]}},
            "peer",
            Level.WARNING,
            "peer: it sends nothing",
        ),
        (
            {"evi": {"state": "not-ready", "reason": "br100 is down"}},
            "evi",
            Level.FAULT,
            "br100 is down",
        ),
        (
            {"evi": {"notes": ["its flood list is full"]}},
            "evi-note",
            Level.WARNING,
            "its flood list is full",
        ),
        (
            {"vtep": {"flood": False}},
            "vtep",
            Level.WARNING,
            "3 MACs are behind it, but it announces no type 3 route",
        ),
        (
            {"vtep": {"macs": 0}},
            "vtep",
            Level.NOTE,
            "type 3 routes and no type 2",
        ),
    ],
)
def test_what_the_daemon_tells(
    changes: dict[str, Row], check: str, level: Level, text: str
) -> None:
    row = only(healthy(), **changes)

    assert (row.check, row.finding.level) == (check, level)
    assert text in row.finding.text


def test_a_managed_evi_without_devices_is_no_fault() -> None:
    from dataclasses import replace  # noqa: PLC0415

    (evi,) = config().evis
    managed = replace(evi, manage=True, vxlan="vx9", bridge="br9", ports=("t1",))
    found = examine_all(seen(configuration=config(evis=(managed,))))

    assert "evi" not in {each.check for each in found if each.finding.level > Level.OK}


# What --probe brought back


@pytest.mark.parametrize(
    ("probed", "level", "text"),
    [
        (Probed(1550, 0, 1550, refused=False), None, ""),
        (Probed(1550, 1550, 1500, refused=False), Level.FAULT, "those of 1500 do"),
        (Probed(1550, 1280, 0, refused=False), Level.FAULT, "those of 1280 do"),
        (Probed(1550, 1550, 0, refused=False), Level.NOTE, "no probe within VXLAN"),
        (Probed(1550, 0, 0, refused=False), Level.WARNING, "neither ping nor"),
        (Probed(1550, 1550, 0, refused=True), Level.FAULT, "nothing has UDP port 4789"),
    ],
)
def test_what_came_back_of_probes(
    probed: Probed, level: Level | None, text: str
) -> None:
    host = healthy()._replace(probed={parse_ip("10.0.0.2"): probed})
    found = findings(host)

    assert [each.finding.level for each in found] == ([] if level is None else [level])
    assert all(each.check == "probe" and text in each.finding.text for each in found)


def test_a_vtep_is_probed_for_the_largest_packet_of_its_tenants() -> None:
    (asked,) = wanted(seen())

    assert asked == (parse_ip("10.0.0.2"), 100, 1550)


def test_without_a_vtep_the_way_to_the_peers_is_that_of_the_underlay() -> None:
    other = link(7, "mgmt0", mtu=1500)
    found = links(mgmt0=other)
    for ifindex, ip in ((7, "192.0.2.7"), (5, "fe80::5")):
        found.observe_address(ifindex, bytes(parse_ip(ip)), present=True)
    host = healthy()._replace(links=found, rows={VXLAN: []})

    assert findings(host) == []
    assert [each.name for each in seen(host).uplinks] == ["eth0"]
    # Where no route leads to a peer, each of them may be.
    assert [each.name for each in seen(host._replace(routes={})).uplinks] == [
        "eth0",
        "mgmt0",
    ]


def test_of_evis_is_told_what_loses_their_packets_beside_their_notes() -> None:
    assert beside_notes(seen()) == {VNI: []}
    tight = healthy()._replace(
        links=links(vx100=links().by_name["vx100"]._replace(mtu=1400))
    )
    assert beside_notes(seen(tight)) == {VNI: []}
    no_route = healthy()._replace(routes={})
    (told,) = beside_notes(seen(no_route))[VNI]
    assert told.startswith("10.0.0.2: remote VTEP: no route leads to it")
