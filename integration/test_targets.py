"""Route targets as vendors derive them, and what is found about peers' routes."""

import ipaddress
import struct

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import heard
from integration.lab_kernel import flood_list, remote_macs
from integration.lab_monitor import RowMonitor
from integration.lab_netns import wait_until
from integration.peer import END_OF_RIB, UPDATE, BgpPeer, message

pytestmark = pytest.mark.root

VNI = 10100
ASN = 65001
PLAIN = bytes.fromhex("0002fde900002774")
RFC8365 = bytes.fromhex("0002fde910002774")
SITE = bytes.fromhex("0003fde900000007")
VXLAN = bytes.fromhex("030c000000000008")


def start(lab: Lab, **more: object) -> Evpnd:
    """Start evpnd on host 1; host 2 is a Junos peer, host 3 a generic one."""
    one = lab[1]
    one.prepare(VNI)
    daemon = one.evpnd(settings(lab) | more)
    daemon.wait_ready(1)
    return daemon


def settings(lab: Lab, profile: str = "junos") -> dict[str, object]:
    junos: dict[str, object] = {"address": lab[2].session, "profile": profile}
    return lab[1].config(junos, lab[3].session, evis=[evi(VNI)], asn=ASN)


def peer(lab: Lab, number: int) -> BgpPeer:
    """Open a session of another host to host 1."""
    host = lab[number]
    return BgpPeer(
        host.namespace,
        host.session,
        lab[1].session,
        asn=ASN,
        remote_asn=ASN,
        identifier=host.router_id,
    )


def told(far: BgpPeer) -> list[tuple[int, bytes]]:
    """List (route type, extended communities) of what a peer was announced."""
    return [
        (each.announced[0], each.attributes[16])
        for each in far.updates()
        if each.announced
    ]


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def attribute(flags: int, code: int, value: bytes) -> bytes:
    return struct.pack("!BBH", flags | 0x10, code, len(value)) + value


def say(
    nlri: bytes,
    next_hop: str,
    *communities: bytes,
    endpoint: str | None = None,
    label: int = VNI,
) -> bytes:
    """Write an iBGP UPDATE; with an endpoint, it has a PMSI tunnel."""
    hop = packed(next_hop)
    reach = bytes.fromhex("001946") + bytes([len(hop)]) + hop + b"\0" + nlri
    attributes = (
        attribute(0x80, 14, reach)
        + bytes.fromhex("4001010040020040050400000064")
        + attribute(0xC0, 16, b"".join(communities))
    )
    if endpoint:
        tunnel = b"\0\6" + label.to_bytes(3) + packed(endpoint)
        attributes += attribute(0xC0, 22, tunnel)
    return message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes)


def mac_nlri(number: int, vni: int = VNI, esi: bytes = bytes(10)) -> bytes:
    rd = b"\0\1" + packed("10.0.0.2") + b"\0\7"
    mac = bytes((2, 0, 0, 0, 0, number))
    value = rd + esi + bytes(4) + b"\x30" + mac + b"\0" + vni.to_bytes(3)
    return bytes([2, len(value)]) + value


def imet_nlri(originator: str) -> bytes:
    ip = packed(originator)
    value = b"\0\1" + ip + b"\0\7" + bytes(4) + bytes([8 * len(ip)]) + ip
    return bytes([3, len(value)]) + value


def mac_text(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def test_each_peer_gets_the_form_of_its_profile(make_lab: MakeLab) -> None:
    lab = make_lab(3)
    daemon = start(lab)
    heard([lab[1].tenant("t1", VNI, 11)])
    with peer(lab, 2) as junos, peer(lab, 3) as generic:
        for far in (junos, generic):
            far.wait_established()
            far.wait_heard(
                lambda far=far: {kind for kind, _ in told(far)} == {2, 3},  # type: ignore[misc]
                10,
                "a type 2 and a type 3 route",
            )
        assert {each for _, each in told(junos)} == {RFC8365 + VXLAN}
        assert {each for _, each in told(generic)} == {PLAIN + VXLAN}
        daemon.wait_show(
            "peers",
            lambda rows: len({row["routes_advertised"] for row in rows}) == 1,
            "both peers counted",
        )

        # The YAML's change of one peer's profile is heard by nobody else.
        generic.heard.clear()
        junos.heard.clear()
        daemon.write(settings(lab, profile="frr"))
        assert daemon.reload().returncode == 0
        junos.wait_heard(lambda: {kind for kind, _ in told(junos)} == {2, 3})
        assert {each for _, each in told(junos)} == {PLAIN + VXLAN}
        assert not [each for each in junos.updates() if each.withdrawn]
        assert generic.updates() == []


def test_our_site_of_origin_goes_out_and_does_not_come_in(make_lab: MakeLab) -> None:
    lab = make_lab(3)
    daemon = start(lab, **{"site-of-origin": f"{ASN}:7"})
    with peer(lab, 3) as far:
        far.wait_established()
        far.wait_heard(lambda: told(far), 10, "the type 3 route")
        assert told(far)[0] == (3, PLAIN + VXLAN + SITE)
        far.send(say(mac_nlri(1), "10.0.0.3", PLAIN, VXLAN, SITE))
        far.send(say(mac_nlri(2), "10.0.0.3", PLAIN, VXLAN))
        wait_until(
            lambda: remote_macs(lab[1].namespace, f"vx{VNI}"), 10, "the other MAC"
        )

        assert remote_macs(lab[1].namespace, f"vx{VNI}") == {mac_text(2): "10.0.0.3"}
        (route,) = daemon.show("routes", "--mac", mac_text(1))
        assert (route["accepted"], route["reason"]) == (
            False,
            "it carries our site of origin",
        )
        daemon.write(settings(lab))
        assert daemon.reload().returncode == 0
        wait_until(
            lambda: len(remote_macs(lab[1].namespace, f"vx{VNI}")) == 2,
            10,
            "both MACs, without a site of origin",
        )


def test_what_a_peer_does_wrong_is_an_event_a_finding_and_a_note(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(3)
    daemon = start(lab)
    spine = lab[3].session
    with peer(lab, 3) as far:
        far.wait_established()
        # A spine that puts itself in as next hop, of type 2 and of type 3.
        far.send(say(mac_nlri(1), spine, PLAIN, VXLAN))
        far.send(say(imet_nlri("10.0.0.2"), spine, PLAIN, VXLAN, endpoint="10.0.0.2"))
        far.send(say(mac_nlri(2), "10.0.0.2", PLAIN))
        far.send(say(mac_nlri(3, esi=bytes(range(10))), "10.0.0.2", PLAIN, VXLAN))
        wide = bytes.fromhex("0202fa56ea012774")
        far.send(say(mac_nlri(4), "10.0.0.2", wide, VXLAN))
        foreign = bytes.fromhex("0002fde900000009")
        far.send(say(mac_nlri(5, 9), "10.0.0.2", foreign, VXLAN))
        far.send(message(UPDATE, END_OF_RIB))
        expected = {
            "next_hop_rewritten": "warning",
            "pmsi_mismatch": "warning",
            "encapsulation_missing": "warning",
        }
        rows = daemon.wait_show(
            "events",
            lambda rows: expected.keys() <= {row["event"] for row in rows},
            "the findings as events",
        )

        levels = {str(row["event"]): row["level"] for row in rows}
        assert {name: levels[name] for name in expected} == expected
        targets = [row for row in rows if row["event"] == "targets_not_imported"]
        assert [(row["level"], row["targets"]) for row in targets] == [
            ("warning", ["4200000001:10100"]),
            ("info", [f"{ASN}:9"]),
        ]
        shown = {row["address"]: row["findings"] for row in daemon.show("peers")}
        assert shown[lab[2].session] == []
        assert len(shown[spine]) == 4  # type: ignore[arg-type]

        routes = {str(row["mac"]): row for row in daemon.show("routes")}
        assert "session address" in str(routes[mac_text(1)]["notes"])
        assert "carries no encapsulation" in str(routes[mac_text(2)]["notes"])
        assert "Ethernet segment" in str(routes[mac_text(3)]["notes"])
        assert routes[mac_text(4)]["reason"] == targets[0]["reason"]
        assert "four-octet AS form" in str(routes[mac_text(4)]["reason"])
        assert routes[mac_text(5)]["notes"] == []
        assert flood_list(lab[1].namespace, f"vx{VNI}") == {"10.0.0.2"}
        table = daemon.run("show", "peers", "--socket", str(daemon.socket)).stdout
        assert table.splitlines()[0].count("FINDINGS") == 1


def test_equal_routes_of_two_reflectors_leave_the_rows_alone(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(3)
    daemon = start(lab)
    route = say(mac_nlri(1), "10.0.0.9", PLAIN, VXLAN)
    gone = attribute(0x80, 15, bytes.fromhex("001946") + mac_nlri(1))
    withdrawal = message(UPDATE, struct.pack("!HH", 0, len(gone)) + gone)
    with peer(lab, 2) as first, peer(lab, 3) as second:
        for far in (first, second):
            far.wait_established()
            far.send(route)
        daemon.wait_show(
            "routes", lambda rows: len(rows) == 2, "the route of either reflector"
        )
        best = [row["peer"] for row in daemon.show("routes") if row["best"]]
        assert best == [lab[2].session]  # the lower router ID
        with RowMonitor(lab[1]) as monitor:
            for _ in range(3):
                first.send(route)
                second.send(route)
            second.send(withdrawal)
            second.send(route)
            first.send(withdrawal)
            daemon.wait_show(
                "routes",
                lambda rows: (
                    [(row["peer"], row["best"]) for row in rows]
                    == [(lab[3].session, True)]
                ),
                "the other reflector's route",
            )
            assert monitor.changes() == []
        assert remote_macs(lab[1].namespace, f"vx{VNI}") == {mac_text(1): "10.0.0.9"}
