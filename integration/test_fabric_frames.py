"""The judge of underlay frames, on frames made by hand; needs no root."""

import struct
from ipaddress import ip_address

import pytest

from integration.frames import Kind, Known, classify

VNI = 10100
LOCAL, REMOTE, STRANGER = "02:00:00:00:00:0b", "02:00:00:00:00:0c", "02:00:00:00:00:63"
KNOWN = Known(
    {(VNI, LOCAL): "10.0.0.1", (VNI, REMOTE): "10.0.0.2"},
    {(VNI, "192.168.100.12"), (VNI, "2001:db8:100::c")},
)


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def underlay(payload: bytes, to: str = "10.0.0.2", protocol: int = 17) -> bytes:
    address = ip_address(to)
    if address.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, protocol, 0)
        head += ip_address("10.0.0.1").packed + address.packed
        return bytes(12) + b"\x08\x00" + head + payload
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    head += ip_address("fd00:ff::1").packed + address.packed
    return bytes(12) + b"\x86\xdd" + head + payload


def vxlan(inner: bytes, vni: int = VNI) -> bytes:
    udp = struct.pack("!HHHH", 50000, 4789, 16 + len(inner), 0)
    return udp + struct.pack("!II", 0x08000000, vni << 8) + inner


def unicast(mac: str) -> bytes:
    return octets(mac) + octets(LOCAL) + b"\x08\x00" + bytes(46)


def arp_request(target: str) -> bytes:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + octets(LOCAL) + bytes(4)
    head = b"\xff" * 6 + octets(LOCAL) + b"\x08\x06"
    return head + body + bytes(6) + ip_address(target).packed


def solicitation(target: str) -> bytes:
    head = b"\x33\x33\xff\0\0\x0c" + octets(LOCAL) + b"\x86\xdd"
    ip6 = struct.pack("!IHBB", 6 << 28, 24, 58, 255) + bytes(32)
    return head + ip6 + b"\x87\0\0\0\0\0\0\0" + ip_address(target).packed


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (underlay(vxlan(unicast(REMOTE))), Kind.KNOWN),
        (underlay(vxlan(unicast(REMOTE)), to="10.0.0.3"), Kind.FLOODED),
        (underlay(vxlan(unicast(LOCAL))), Kind.FLOODED),
        (underlay(vxlan(unicast(REMOTE), vni=10200)), Kind.UNKNOWN),
        (underlay(vxlan(unicast(STRANGER))), Kind.UNKNOWN),
        (underlay(vxlan(arp_request("192.168.100.12"))), Kind.ANSWERABLE),
        (underlay(vxlan(arp_request("192.168.100.99"))), Kind.RESOLUTION),
        (underlay(vxlan(arp_request("192.168.100.12"), vni=1)), Kind.RESOLUTION),
        (underlay(vxlan(solicitation("2001:db8:100::c"))), Kind.ANSWERABLE),
        (underlay(vxlan(solicitation("2001:db8:100::63"))), Kind.RESOLUTION),
        (underlay(vxlan(b"\xff" * 6 + unicast(LOCAL)[6:])), Kind.BUM),
        (underlay(vxlan(unicast(REMOTE)), to="239.1.1.1"), Kind.MULTICAST),
        (underlay(bytes(8), to="224.0.0.22", protocol=2), Kind.MULTICAST),
        (underlay(vxlan(unicast(REMOTE)), to="ff02::1:1"), Kind.MULTICAST),
        (underlay(bytes(24), to="ff02::1:ff00:1", protocol=58), Kind.LINK),
        (underlay(bytes(20), protocol=6), Kind.OTHER),
        (underlay(struct.pack("!HHHH", 1, 53, 8, 0)), Kind.OTHER),
        (bytes(12) + b"\x08\x06" + bytes(28), Kind.LINK),
    ],
)
def test_a_frame_is_judged_by_what_all_hosts_know(frame: bytes, kind: Kind) -> None:
    assert classify(frame, KNOWN).kind is kind


def test_an_ipv6_underlay_is_judged_alike() -> None:
    known = Known({(VNI, REMOTE): "fd00:ff::2"}, set())
    right = classify(underlay(vxlan(unicast(REMOTE)), to="fd00:ff::2"), known)
    wrong = classify(underlay(vxlan(unicast(REMOTE)), to="fd00:ff::3"), known)

    assert (right.kind, wrong.kind) == (Kind.KNOWN, Kind.FLOODED)


def test_a_unicast_probe_of_a_neighbour_is_no_flooded_question() -> None:
    probe = octets(REMOTE) + arp_request("192.168.100.12")[6:]

    assert classify(underlay(vxlan(probe)), KNOWN).kind is Kind.KNOWN
