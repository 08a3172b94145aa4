from collections.abc import Sequence

import pytest

from evpnd.adapters.netlink.bpf import (
    ARP_AND_ND,
    FDB_DELETIONS,
    TAGGED_ARP_AND_ND,
    WITHOUT_GHOSTS,
    Instruction,
    count_echoes,
    mute_deletes,
    mute_upserts,
)
from tests.unit.adapters.netlink.octets import (
    BRIDGE_ROW,
    NEIGHBOR,
    NEIGHBOR_6,
    NEIGHBOR_GOING,
    VLAN_ROW,
    VXLAN,
    VXLAN_ROW,
    notification,
)

NEW, DEL = 28, 29
OURS, OTHERS = 5437, 6000
DEVICES = [VXLAN, 400]
AF_BRIDGE = 7
FLOOD_ROW = VXLAN_ROW.replace("020000000099", "000000000000")
NEXTHOP_ROW = VXLAN_ROW.replace("080001000a000002", "08000d000a000000")
VLAN_TAG_PRESENT = 0xFFFFF000 + 48


def passes(
    program: Sequence[Instruction], octets: bytes, *, tagged: bool = False
) -> bool:
    """Run a classic BPF program as the kernel does (Documentation/networking)."""
    accumulator = at = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x06:
            return operand > 0
        if code in (0x20, 0x28, 0x30):
            if operand == VLAN_TAG_PRESENT:
                accumulator = int(tagged)
                continue
            size = {0x20: 4, 0x28: 2, 0x30: 1}[code]
            if operand + size > len(octets):
                return False
            accumulator = int.from_bytes(octets[operand : operand + size])
        elif code == 0x15:
            at += if_true if accumulator == operand else if_false
        elif code == 0x45:
            at += if_true if accumulator & operand else if_false
        else:
            raise AssertionError(f"opcode {code:#x}")


@pytest.mark.parametrize(
    ("kind", "body", "port_id", "heard_in_upserts", "heard_in_deletes"),
    [
        (NEW, BRIDGE_ROW, 0, False, True),
        (NEW, VXLAN_ROW, 0, False, True),
        (DEL, BRIDGE_ROW, 0, True, False),
        (DEL, VXLAN_ROW, 0, True, False),
        (NEW, VLAN_ROW, 0, True, True),
        (DEL, VLAN_ROW, 0, True, True),
        (NEW, NEIGHBOR, OURS, False, False),
        (NEW, NEIGHBOR_6, OURS, False, False),
        (NEW, NEIGHBOR, OTHERS, True, True),
        (NEW, NEIGHBOR, 0, True, True),
        (NEW, NEIGHBOR_GOING, OURS, False, False),
        (DEL, NEIGHBOR_GOING, 0, True, False),
        (DEL, NEIGHBOR, 0, True, True),
    ],
)
def test_a_mute_drops_echoes_of_ours_alone(
    kind: int,
    body: str,
    port_id: int,
    heard_in_upserts: bool,
    heard_in_deletes: bool,
) -> None:
    octets = notification(kind, body, port_id=port_id)

    assert passes(mute_upserts(OURS, DEVICES), octets) is heard_in_upserts
    assert passes(mute_deletes(OURS, DEVICES), octets) is heard_in_deletes
    fdb = octets[16] == AF_BRIDGE
    assert passes(count_echoes(NEW, DEVICES), octets) is (fdb and not heard_in_upserts)
    assert passes(count_echoes(DEL, DEVICES), octets) is (fdb and not heard_in_deletes)


@pytest.mark.parametrize("kind", [NEW, DEL])
@pytest.mark.parametrize("body", [BRIDGE_ROW, VXLAN_ROW, FLOOD_ROW])
def test_rows_of_other_devices_and_flood_lists_are_heard(kind: int, body: str) -> None:
    octets = notification(kind, body)
    devices = DEVICES if body is FLOOD_ROW else [1, 2, 4, 300]
    for program in mute_upserts(OURS, devices), mute_deletes(OURS, devices):
        assert passes(program, octets)
    assert not passes(count_echoes(kind, devices), octets)
    assert passes(mute_upserts(OURS, []), octets)


@pytest.mark.parametrize("kind", [NEW, DEL])
@pytest.mark.parametrize("vlan", ["", "060005000a000000"])
def test_ghosts_are_never_heard(kind: int, vlan: str) -> None:
    """What Linux up to 6.12 says once more of a request with NTF_SELF."""
    ghost = notification(
        kind, "0700000003000000c00002000a0002000200000000990000" + vlan
    )

    assert not passes(WITHOUT_GHOSTS, ghost)
    mute = mute_upserts if kind == NEW else mute_deletes
    assert not passes(mute(OURS, DEVICES), ghost)


@pytest.mark.parametrize(
    "body",
    [BRIDGE_ROW, VXLAN_ROW, FLOOD_ROW, VLAN_ROW, NEIGHBOR, NEIGHBOR_GOING, NEXTHOP_ROW],
)
def test_rows_are_no_ghosts(body: str) -> None:
    for kind in NEW, DEL:
        assert passes(WITHOUT_GHOSTS, notification(kind, body))


@pytest.mark.parametrize(
    ("kind", "body", "heard"),
    [
        (DEL, VLAN_ROW, True),
        (DEL, VXLAN_ROW, True),
        (NEW, VXLAN_ROW, False),
        (DEL, NEIGHBOR, False),
    ],
)
def test_a_dump_watches_fdb_rows_that_go(kind: int, body: str, heard: bool) -> None:
    assert passes(FDB_DELETIONS, notification(kind, body)) is heard


def frame(ethertype: int, *, protocol: int = 0, icmp: int = 0) -> bytes:
    octets = bytearray(90)
    octets[12:14] = ethertype.to_bytes(2)
    octets[20], octets[54] = protocol, icmp
    return bytes(octets)


@pytest.mark.parametrize(
    ("octets", "kept"),
    [
        (frame(0x0806), True),
        (frame(0x86DD, protocol=58, icmp=135), True),
        (frame(0x86DD, protocol=58, icmp=136), True),
        (frame(0x86DD, protocol=58, icmp=134), False),
        (frame(0x86DD, protocol=17, icmp=135), False),
        (frame(0x0800, protocol=58, icmp=135), False),
        (frame(0x0806)[:13], False),
    ],
)
def test_arp_and_nd_alone_wake_the_snooper(octets: bytes, kept: bool) -> None:
    assert passes(ARP_AND_ND, octets) is kept
    assert not passes(ARP_AND_ND, octets, tagged=True)
    assert passes(TAGGED_ARP_AND_ND, octets) is kept
    assert passes(TAGGED_ARP_AND_ND, octets, tagged=True) is kept


@pytest.mark.parametrize(
    "program",
    [
        mute_upserts(1, range(1, 65)),
        mute_deletes(1, [3]),
        count_echoes(NEW, [3]),
        WITHOUT_GHOSTS,
        FDB_DELETIONS,
        ARP_AND_ND,
        TAGGED_ARP_AND_ND,
    ],
)
def test_every_jump_ends_within_the_program(program: Sequence[Instruction]) -> None:
    for at, step in enumerate(program):
        if step.code in (0x15, 0x45):
            assert at + 1 + max(step.if_true, step.if_false) < len(program)
            assert 0 <= step.if_true < 256
            assert 0 <= step.if_false < 256
    assert program[-1].code == 0x06
