"""Probes on the wire, and what the snooper would make of them."""

import struct

import pytest

from evpnd.adapters.netlink.probe import compose, tag
from evpnd.adapters.netlink.snoop import read_binding
from evpnd.model.ids import parse_ip, parse_mac

BRIDGE = parse_mac("02:00:00:00:ff:01")
TENANT = parse_mac("02:00:00:00:00:01")


def test_an_arp_request_asks_one_station() -> None:
    ip, own = parse_ip("192.0.2.10"), parse_ip("192.0.2.1")

    assert compose(BRIDGE, TENANT, ip, own) == bytes.fromhex(
        "02000000000102000000ff010806"
        "0001080006040001"
        "02000000ff01c0000201000000000000c000020a"
    )  # fmt: skip


def test_a_solicitation_asks_one_station() -> None:
    ip, own = parse_ip("2001:db8::10"), parse_ip("fe80::1")
    frame = compose(BRIDGE, TENANT, ip, own)
    message = frame[54:]

    assert frame[:14] == TENANT + BRIDGE + bytes.fromhex("86dd")
    assert frame[14:54] == bytes.fromhex("6000000000203aff") + own + ip  # fmt: skip
    assert message[:2] == bytes([135, 0])
    assert message[4:] == bytes(4) + ip + bytes([1, 1]) + BRIDGE


@pytest.mark.parametrize("last", range(0, 256, 5))
def test_the_checksum_of_a_solicitation_is_right(last: int) -> None:
    ip = parse_ip("2001:db8::")[:15] + bytes([last])
    frame = compose(BRIDGE, TENANT, ip, parse_ip("fe80::ff:fe00:1"))
    checked = frame[22:54] + struct.pack("!II", len(frame) - 54, 58) + frame[54:]
    total = sum(struct.unpack(f"!{len(checked) // 2}H", checked))

    assert total % 0xFFFF == 0


def test_what_nobody_sent_from_an_address_binds_nothing() -> None:
    frame = compose(BRIDGE, TENANT, parse_ip("192.0.2.10"), bytes(4))

    assert read_binding(frame) is None


def test_a_tag_stands_behind_the_addresses() -> None:
    frame = compose(BRIDGE, TENANT, parse_ip("192.0.2.10"), parse_ip("192.0.2.1"))

    assert tag(frame, 0) == frame
    assert tag(frame, 10) == frame[:12] + bytes.fromhex("8100000a") + frame[12:]
