import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.snoop import read_binding, read_tag
from evpnd.model.events import NdFlags

MAC = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("020000000002")
IP = bytes([192, 0, 2, 1])
IP_6 = bytes.fromhex("20010db8000000000000000000000001")
ZERO_6 = bytes(16)


def arp(
    *,
    source: bytes = MAC,
    sender: bytes = MAC,
    ip: bytes = IP,
    kind: tuple[int, int, int, int] = (1, 0x0800, 6, 4),
    operation: int = 1,
) -> bytes:
    head = b"\xff" * 6 + source + b"\x08\x06"
    return head + struct.pack("!HHBBH", *kind, operation) + sender + ip + bytes(10)


def nd(
    kind: int,
    *,
    source_ip: bytes = IP_6,
    target: bytes = IP_6,
    options: bytes = b"",
    hops: int = 255,
) -> bytes:
    icmp = struct.pack("!BBHI", kind, 0, 0, 0) + target + options
    header = struct.pack("!IHBB", 6 << 28, len(icmp), 58, hops)
    addresses = source_ip + bytes.fromhex("ff020000000000000000000000000001")
    return b"\x33\x33\0\0\0\1" + MAC + b"\x86\xdd" + header + addresses + icmp


def address(kind: int, mac: bytes) -> bytes:
    return bytes([kind, 1]) + mac


NONCE = bytes([14, 1]) + bytes(6)


@pytest.mark.parametrize(
    ("frame", "binding"),
    [
        (arp(), (MAC, IP)),
        (arp(operation=2), (MAC, IP)),
        (nd(135, options=address(1, MAC)), (MAC, IP_6)),
        (nd(135), (MAC, IP_6)),
        (nd(136, options=address(2, MAC)), (MAC, IP_6)),
        (nd(136, options=NONCE + address(2, MAC)), (MAC, IP_6)),
        (nd(136), (MAC, IP_6)),
        (nd(136, source_ip=ZERO_6), (MAC, IP_6)),
    ],
)
def test_a_sender_is_bound_to_its_address(
    frame: bytes, binding: tuple[bytes, bytes]
) -> None:
    said = read_binding(frame)

    assert said is not None
    assert (said.mac, said.ip) == binding


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(arp(sender=OTHER), id="it speaks for another station"),
        pytest.param(arp(ip=bytes(4)), id="ARP probe"),
        pytest.param(arp(ip=bytes([224, 0, 0, 1])), id="multicast"),
        pytest.param(arp(ip=b"\xff" * 4), id="broadcast"),
        pytest.param(arp(source=b"\x01" + MAC[1:]), id="group MAC"),
        pytest.param(arp(source=bytes(6), sender=bytes(6)), id="zero MAC"),
        pytest.param(arp(kind=(6, 0x0800, 6, 4)), id="not Ethernet"),
        pytest.param(arp(kind=(1, 0x0800, 6, 16)), id="not IPv4"),
        pytest.param(arp(operation=3), id="reverse ARP"),
        pytest.param(nd(135, source_ip=ZERO_6), id="duplicate address detection"),
        pytest.param(nd(135, options=address(1, OTHER)), id="NS for another station"),
        pytest.param(nd(136, options=address(2, OTHER)), id="NA for another station"),
        pytest.param(nd(136, hops=64), id="forwarded, so forged"),
        pytest.param(nd(134), id="router advertisement"),
        pytest.param(nd(136, target=ZERO_6), id="no target"),
    ],
)
def test_a_frame_that_binds_nothing_is_passed_over(frame: bytes) -> None:
    assert read_binding(frame) is None


def test_an_option_of_no_length_ends_the_options() -> None:
    frame = nd(136, options=bytes(8) + address(2, OTHER))

    assert read_binding(frame) == (MAC, IP_6, NdFlags(router=False, override=None))


@pytest.mark.parametrize(
    "frame", [arp()[:42], nd(135, options=address(1, MAC)), nd(136, options=NONCE)]
)
def test_a_cut_frame_does_not_raise(frame: bytes) -> None:
    for size in range(len(frame)):
        said = read_binding(frame[:size])
        assert said is None or said[:2] in ((MAC, IP), (MAC, IP_6))


@pytest.mark.parametrize(
    ("octet", "router", "override"),
    [
        (0x00, False, False),
        (0x20, False, True),
        (0x60, False, True),
        (0x80, True, False),
        (0xA0, True, True),
    ],
)
def test_an_advertisement_says_what_its_address_is(
    octet: int, router: bool, override: bool
) -> None:
    frame = bytearray(nd(136, options=address(2, MAC)))
    frame[58] = octet

    assert read_binding(bytes(frame)) == (MAC, IP_6, NdFlags(router, override))


def test_an_answer_that_names_no_mac_says_nothing_of_anycast() -> None:
    frame = bytearray(nd(136))
    frame[58] = 0xC0

    assert read_binding(bytes(frame)) == (MAC, IP_6, NdFlags(True, None))


def test_a_solicitation_and_arp_say_nothing_of_routers() -> None:
    for frame in (nd(135, options=address(1, MAC)), arp()):
        said = read_binding(frame)
        assert said is not None
        assert said.flags is None


@given(st.binary(max_size=120), st.sampled_from([b"\x08\x06", b"\x86\xdd", b"\x08\0"]))
def test_no_frame_raises(octets: bytes, ethertype: bytes) -> None:
    read_binding(octets)
    read_binding(b"\xff" * 6 + MAC + ethertype + octets)


AUXDATA = struct.Struct("=IIIHHHH")


@pytest.mark.parametrize(
    ("status", "tci", "kind", "expected"),
    [
        (0, 0, 0, 0),
        (0x50, 10, 0x8100, 10),
        (0x50, 0xE00A, 0x8100, 10),
        (0x50, 0xE000, 0x8100, 0),
        (0x10, 10, 0, 10),
        (0x50, 10, 0x88A8, None),
    ],
)
def test_the_tag_of_a_frame_is_read(
    status: int, tci: int, kind: int, expected: int | None
) -> None:
    octets = AUXDATA.pack(status, 42, 42, 0, 14, tci, kind)

    assert read_tag([(1, 8, b""), (263, 8, octets)]) == expected


@pytest.mark.parametrize("ancillary", [[], [(263, 8, b"short")], [(263, 9, bytes(20))]])
def test_a_frame_of_which_no_tag_is_told_is_left_out(
    ancillary: list[tuple[int, int, bytes]],
) -> None:
    assert read_tag(ancillary) is None
