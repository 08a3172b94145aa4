"""Classic BPF programs on sockets (linux/filter.h).

On a netlink socket a program sees one notification from its nlmsghdr on, on a packet
socket one frame from its Ethernet header on. Loads are big-endian, netlink's own
fields native.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, wraps
from typing import NamedTuple

from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
)
from evpnd.model.rows import NTF_EXT_LEARNED, NTF_SELF, NUD_FAILED

_SO_ATTACH_FILTER = 26

_LOAD_WORD = 0x20
_LOAD_HALF = 0x28
_LOAD_BYTE = 0x30
_JUMP_EQUAL = 0x15
_JUMP_SET = 0x45
_RETURN = 0x06
_VLAN_TAG_PRESENT = 0xFFFFF000 + 48
"""SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT."""


class Instruction(NamedTuple):
    """One sock_filter: opcode, jumps if true and if false, operand."""

    code: int
    if_true: int
    if_false: int
    operand: int


Program = tuple[Instruction, ...]

_KEEP = Instruction(_RETURN, 0, 0, 0xFFFFFFFF)
_DROP = Instruction(_RETURN, 0, 0, 0)
EVERYTHING: Program = (_KEEP,)
NOTHING: Program = (_DROP,)
_TYPE_OFFSET = 4
_PORT_ID_OFFSET = 12
_FAMILY_OFFSET = 16
_IFINDEX_OFFSET = 20
_STATE_OFFSET = 24
_FLAGS_OFFSET = 26
_TABLE_OFFSET = 20
"""rtm_table, in which tables above 255 are 252 (RT_TABLE_COMPAT)."""
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_MAC_OFFSET = 32
"""NDA_LLADDR comes first (vxlan_fdb_info, fdb_fill_info). For a VXLAN device whose
underlay is in another namespace NDA_LINK_NETNSID does, and the octets read as the MAC
end with a length: they are not zero."""


def _native(value: int, size: int) -> int:
    """Turn a number in native order into what a big-endian load of it gives."""
    return int.from_bytes(value.to_bytes(size, sys.byteorder))


class _Step(NamedTuple):
    """An instruction whose jumps name the block that they lead to; empty: go on."""

    code: int
    operand: int
    if_true: str = ""
    if_false: str = ""


def _assemble(blocks: Mapping[str, Sequence[_Step]]) -> Program:
    """Join blocks in order, followed by `_KEEP` and `_DROP`.

    A block must not run on into the next one.
    """
    starts, at = {}, 0
    for name, block in blocks.items():
        starts[name] = at
        at += len(block)
    starts |= {"keep": at, "drop": at + 1}
    steps = [step for block in blocks.values() for step in block]
    program = [
        Instruction(
            code,
            starts[if_true] - at - 1 if if_true else 0,
            starts[if_false] - at - 1 if if_false else 0,
            operand,
        )
        for at, (code, operand, if_true, if_false) in enumerate(steps)
    ]
    return (*program, _KEEP, _DROP)


def _fdb_echoes(
    kind: int, devices: Collection[int], echo: str, other: str, ghost: str
) -> dict[str, Sequence[_Step]]:
    """Return the FDB notifications that requests of ours cause.

    They are of one kind, on the devices that are written to, and with
    NTF_EXT_LEARNED; those of the flood list are not counted among them. `ghost` are
    the notifications that lead nowhere (see WITHOUT_GHOSTS).
    """
    known = [_Step(_JUMP_EQUAL, _native(index, 4), "mac") for index in devices]
    known[-1] = known[-1]._replace(if_false=other)
    return {
        "fdb": (
            _Step(_LOAD_HALF, _TYPE_OFFSET),
            _Step(_JUMP_EQUAL, _native(kind, 2), "", other),
            _Step(_LOAD_BYTE, _FLAGS_OFFSET),
            _Step(_JUMP_SET, NTF_EXT_LEARNED, "device", ghost),
        ),
        "device": (_Step(_LOAD_WORD, _IFINDEX_OFFSET), *known),
        "mac": (
            _Step(_LOAD_WORD, _MAC_OFFSET),
            _Step(_JUMP_EQUAL, 0, "", echo),
            _Step(_LOAD_HALF, _MAC_OFFSET + 4),
            _Step(_JUMP_EQUAL, 0, other, echo),
        ),
    }


_PROGRAMS = 64
"""Programs that are kept: a bulk is written every few milliseconds while a table comes,
to the same devices again and again."""


def _kept(
    make: Callable[[int, Collection[int]], Program],
) -> Callable[[int, Collection[int]], Program]:
    """Make a program for a number and some devices once."""
    made = lru_cache(_PROGRAMS)(make)

    @wraps(make)
    def find(number: int, devices: Collection[int]) -> Program:
        return made(number, frozenset(devices))

    return find


_GHOST = (
    _Step(_JUMP_SET, NTF_SELF, "", "keep"),
    _Step(_LOAD_WORD, 0),
    _Step(_JUMP_EQUAL, _native(40, 4), "drop"),
    _Step(_JUMP_EQUAL, _native(48, 4), "drop", "keep"),
)
"""With the flags loaded: a row of a device itself that has a MAC, maybe a VLAN, and
no more, goes by the length of its message."""

_IS_FDB = (
    _Step(_LOAD_BYTE, _FAMILY_OFFSET),
    _Step(_JUMP_EQUAL, AF_BRIDGE, "fdb", "neighbor"),
)

WITHOUT_GHOSTS = _assemble(
    {
        "begin": (
            _Step(_LOAD_BYTE, _FAMILY_OFFSET),
            _Step(_JUMP_EQUAL, AF_BRIDGE, "", "keep"),
            _Step(_LOAD_BYTE, _FLAGS_OFFSET),
            _Step(_JUMP_SET, NTF_EXT_LEARNED, "keep", "ghost"),
        ),
        "ghost": _GHOST,
    }
)
"""Drop what Linux up to 6.12 says again of each request with NTF_SELF (rtnl_fdb_add,
rtnl_fdb_del): the MAC alone, which would wake us for each row that we write."""


def of_vrfs(port_id: int) -> Program:
    """Keep notifications of nexthop objects, and of routes that may be those of a VRF.

    Those of the tables main and local are left out, for a host may have a million
    routes there, and so is what the socket of this port id changed.
    """
    return _assemble(
        {
            "begin": (
                _Step(_LOAD_WORD, _PORT_ID_OFFSET),
                _Step(_JUMP_EQUAL, _native(port_id, 4), "drop"),
                _Step(_LOAD_HALF, _TYPE_OFFSET),
                _Step(_JUMP_EQUAL, _native(RTM_NEWROUTE, 2), "table"),
                _Step(_JUMP_EQUAL, _native(RTM_DELROUTE, 2), "table", "keep"),
            ),
            "table": (
                _Step(_LOAD_BYTE, _TABLE_OFFSET),
                _Step(_JUMP_EQUAL, _TABLE_MAIN, "drop"),
                _Step(_JUMP_EQUAL, _TABLE_LOCAL, "drop", "keep"),
            ),
        }
    )


@_kept
def mute_upserts(port_id: int, devices: Collection[int]) -> Program:
    """Drop what our own upserts make the kernel say, and nothing that went.

    That is RTM_NEWNEIGH of bridge and VXLAN rows with NTF_EXT_LEARNED on the devices
    of these interface indexes, and of neighbours that the socket of this port id
    changed.
    """
    return _assemble(
        {
            "begin": _IS_FDB,
            **_fdb_echoes(RTM_NEWNEIGH, devices or (0,), "drop", "keep", "ghost"),
            "ghost": _GHOST,
            "neighbor": (
                _Step(_LOAD_HALF, _TYPE_OFFSET),
                _Step(_JUMP_EQUAL, _native(RTM_NEWNEIGH, 2), "", "keep"),
                _Step(_LOAD_WORD, _PORT_ID_OFFSET),
                _Step(_JUMP_EQUAL, _native(port_id, 4), "drop", "keep"),
            ),
        }
    )


@_kept
def mute_deletes(port_id: int, devices: Collection[int]) -> Program:
    """Drop what our own deletions make the kernel say.

    That is RTM_DELNEIGH of rows with NTF_EXT_LEARNED on these devices, of neighbours
    RTM_NEWNEIGH of this port id (they fail first) and RTM_DELNEIGH (which names
    nobody) of failed ones.
    """
    return _assemble(
        {
            "begin": _IS_FDB,
            **_fdb_echoes(RTM_DELNEIGH, devices or (0,), "drop", "keep", "ghost"),
            "ghost": _GHOST,
            "neighbor": (
                _Step(_LOAD_WORD, _PORT_ID_OFFSET),
                _Step(_JUMP_EQUAL, _native(port_id, 4), "drop"),
                _Step(_LOAD_HALF, _TYPE_OFFSET),
                _Step(_JUMP_EQUAL, _native(RTM_DELNEIGH, 2), "", "keep"),
                _Step(_LOAD_HALF, _STATE_OFFSET),
                _Step(_JUMP_EQUAL, _native(NUD_FAILED, 2), "drop", "keep"),
            ),
        }
    )


@_kept
def count_echoes(kind: int, devices: Collection[int]) -> Program:
    """Keep the FDB notifications that the mute for the same requests drops.

    `kind` is RTM_NEWNEIGH for upserts, RTM_DELNEIGH for deletions.
    """
    return _assemble(
        {
            "begin": (
                _Step(_LOAD_BYTE, _FAMILY_OFFSET),
                _Step(_JUMP_EQUAL, AF_BRIDGE, "fdb", "drop"),
            ),
            **_fdb_echoes(kind, devices or (0,), "keep", "drop", "drop"),
        }
    )


NOTHING = (_DROP,)
"""Drop everything."""

FDB_DELETIONS = (
    Instruction(_LOAD_HALF, 0, 0, _TYPE_OFFSET),
    Instruction(_JUMP_EQUAL, 0, 3, _native(RTM_DELNEIGH, 2)),
    Instruction(_LOAD_BYTE, 0, 0, _FAMILY_OFFSET),
    Instruction(_JUMP_EQUAL, 0, 1, AF_BRIDGE),
    _KEEP,
    _DROP,
)
"""Keep RTM_DELNEIGH of FDB rows alone."""

TAGGED_ARP_AND_ND = (
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
"""Keep ARP, neighbour solicitations and neighbour advertisements, with one tag or none:
the kernel has moved the first tag into skb metadata by now."""
ARP_AND_ND = (
    Instruction(_LOAD_WORD, 0, 0, _VLAN_TAG_PRESENT),
    Instruction(_JUMP_EQUAL, 0, 8, 0),
    *TAGGED_ARP_AND_ND,
)
"""The same of frames without a tag."""


@lru_cache(_PROGRAMS)
def _packed(program: Program) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Make a program the filter of a socket, in place of an earlier one."""
    octets = _packed(tuple(program))
    held = ctypes.create_string_buffer(octets)  # the kernel copies it before we return
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(held)),
    )
