"""Classic BPF programs on sockets (linux/filter.h).

On a netlink socket a program sees one notification from its nlmsghdr on, on a packet
socket one frame from its Ethernet header on. Loads are big-endian, netlink's own
fields native.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

from evpnd.adapters.netlink.rtnl import AF_BRIDGE, RTM_DELNEIGH, RTM_NEWNEIGH
from evpnd.model.rows import NTF_EXT_LEARNED, NUD_FAILED

_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27

_LOAD_WORD = 0x20
_LOAD_HALF = 0x28
_LOAD_BYTE = 0x30
_JUMP_EQUAL = 0x15
_JUMP_SET = 0x45
_RETURN = 0x06
_VLAN_TAG_PRESENT = 0xFFFFF000 + 48
"""SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT: the tag is beside the frame by then."""


class Instruction(NamedTuple):
    """One sock_filter: opcode, jumps if true and if false, operand."""

    code: int
    if_true: int
    if_false: int
    operand: int


_KEEP = Instruction(_RETURN, 0, 0, 0xFFFFFFFF)
_DROP = Instruction(_RETURN, 0, 0, 0)
_TYPE_OFFSET = 4
_PORT_ID_OFFSET = 12
_FAMILY_OFFSET = 16
_STATE_OFFSET = 24
_FLAGS_OFFSET = 26


def _native(value: int, size: int) -> int:
    """Turn a number in native order into what a big-endian load of it gives."""
    return int.from_bytes(value.to_bytes(size, sys.byteorder))


def mute_upserts(port_id: int) -> tuple[Instruction, ...]:
    """Drop what our own upserts make the kernel say, and nothing that went.

    That is RTM_NEWNEIGH of bridge and VXLAN rows with NTF_EXT_LEARNED, and of
    neighbours that the socket of this port id changed.
    """
    return (
        Instruction(_LOAD_HALF, 0, 0, _TYPE_OFFSET),
        Instruction(_JUMP_EQUAL, 0, 6, _native(RTM_NEWNEIGH, 2)),
        Instruction(_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),
        Instruction(_JUMP_EQUAL, 0, 2, AF_BRIDGE),
        Instruction(_LOAD_BYTE, 0, 0, _FLAGS_OFFSET),
        Instruction(_JUMP_SET, 3, 2, NTF_EXT_LEARNED),
        Instruction(_LOAD_WORD, 0, 0, _PORT_ID_OFFSET),
        Instruction(_JUMP_EQUAL, 1, 0, _native(port_id, 4)),
        _KEEP,
        _DROP,
    )


def mute_deletes(port_id: int) -> tuple[Instruction, ...]:
    """Drop what our own deletions make the kernel say.

    That is RTM_DELNEIGH of rows with NTF_EXT_LEARNED, of neighbours RTM_NEWNEIGH of
    this port id (they fail first) and RTM_DELNEIGH (which names nobody) of failed
    ones.
    """
    return (
        Instruction(_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),
        Instruction(_JUMP_EQUAL, 0, 4, AF_BRIDGE),
        Instruction(_LOAD_HALF, 0, 0, _TYPE_OFFSET),
        Instruction(_JUMP_EQUAL, 0, 8, _native(RTM_DELNEIGH, 2)),
        Instruction(_LOAD_BYTE, 0, 0, _FLAGS_OFFSET),
        Instruction(_JUMP_SET, 7, 6, NTF_EXT_LEARNED),
        Instruction(_LOAD_WORD, 0, 0, _PORT_ID_OFFSET),
        Instruction(_JUMP_EQUAL, 5, 0, _native(port_id, 4)),
        Instruction(_LOAD_HALF, 0, 0, _TYPE_OFFSET),
        Instruction(_JUMP_EQUAL, 0, 2, _native(RTM_DELNEIGH, 2)),
        Instruction(_LOAD_HALF, 0, 0, _STATE_OFFSET),
        Instruction(_JUMP_EQUAL, 1, 0, _native(NUD_FAILED, 2)),
        _KEEP,
        _DROP,
    )


FDB_DELETIONS = (
    Instruction(_LOAD_HALF, 0, 0, _TYPE_OFFSET),
    Instruction(_JUMP_EQUAL, 0, 3, _native(RTM_DELNEIGH, 2)),
    Instruction(_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),
    Instruction(_JUMP_EQUAL, 0, 1, AF_BRIDGE),
    _KEEP,
    _DROP,
)
"""Keep RTM_DELNEIGH of FDB rows alone."""

ARP_AND_ND = (
    Instruction(_LOAD_WORD, 0, 0, _VLAN_TAG_PRESENT),
    Instruction(_JUMP_EQUAL, 0, 8, 0),
    Instruction(_LOAD_HALF, 0, 0, 12),
    Instruction(_JUMP_EQUAL, 7, 0, 0x0806),
    Instruction(_JUMP_EQUAL, 0, 5, 0x86DD),
    Instruction(_LOAD_BYTE, 0, 0, 20),
    Instruction(_JUMP_EQUAL, 0, 3, 58),
    Instruction(_LOAD_BYTE, 0, 0, 54),
    Instruction(_JUMP_EQUAL, 2, 0, 135),
    Instruction(_JUMP_EQUAL, 1, 0, 136),
    _DROP,
    _KEEP,
)
"""Keep untagged ARP, neighbour solicitations and neighbour advertisements."""


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Make a program the filter of a socket, in place of an earlier one."""
    octets = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(octets)  # the kernel copies it before we return
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(held)),
    )


def detach(sock: socket.socket) -> None:
    """Let everything through again."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
