"""FDB and neighbour rows as netlink messages, packed from templates.

The rows of an action differ in one or two addresses, so a batch of them is one
``join`` of octets around these addresses: no object and no call for a row. MACs are
6 octets, IPs and VTEPs 4 or 16; nothing here checks that.
"""

import sys
from collections.abc import Iterator
from typing import assert_never

from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ATTRIBUTE,
    FAMILY_OF,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_NDM_FLAGS_MASK,
    NDA_PROTOCOL,
    NDA_SRC_VNI,
    NDA_VLAN,
    NDMSG,
    NLM_F_APPEND,
    NLM_F_BULK,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTM_DELNEIGH,
    RTM_NEWNEIGH,
    attribute,
    u32,
)
from evpnd.model.actions import (
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    OverrideLocalMacs,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
)
from evpnd.model.domain import Domain
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_MASTER,
    NTF_ROUTER,
    NTF_SELF,
    NUD_NOARP,
    NUD_PERMANENT,
    NUD_STATIC,
)
from evpnd.model.vrf_actions import VrfRowAction

Upsert = (
    UpsertRemoteMacs
    | UpsertVxlanRows
    | UpsertFlood
    | UpsertNeighbors
    | UpsertLocalNeighbors
)
Delete = DeleteRemoteMacs | DeleteVxlanRows | DeleteFlood | DeleteNeighbors
OF_MACS = (UpsertRemoteMacs, UpsertVxlanRows, DeleteRemoteMacs, DeleteVxlanRows)
"""Actions whose notifications are muted in a bulk, beside those of neighbours."""

ROWS = 512
"""Most rows in one send. After each the writer's thread waits for the interpreter lock,
and the loop for it; beyond a thousand or two the kernel becomes slower."""

ALONE = 1
"""Sequence number of requests for a VXLAN row without its bridge row. A refusal
repeats it, and would look like that of a request for both otherwise."""
_UPSERT = (RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE)
_APPEND = (RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND)
_DELETE = (RTM_DELNEIGH, NLM_F_REQUEST)
_MAC_ATTRIBUTE = ATTRIBUTE.pack(10, NDA_LLADDR)
_MAC_PAD = bytes(2)
_DST_ATTRIBUTE = {4: ATTRIBUTE.pack(8, NDA_DST), 16: ATTRIBUTE.pack(20, NDA_DST)}
_OURS = attribute(NDA_PROTOCOL, bytes([EVPND_PROTOCOL]))


def row_count(action: Upsert | OverrideLocalMacs | Delete | VrfRowAction) -> int:
    """Count the rows of an action."""
    return len(action[-1])


def pack(action: Upsert | OverrideLocalMacs | Delete) -> Iterator[tuple[bytes, int]]:
    """Yield the messages of an action in pieces of at most ROWS, and how many rows."""
    match action:
        case UpsertRemoteMacs() | OverrideLocalMacs():
            domain, vtep, macs = action
            tail = attribute(NDA_DST, vtep) + _vlan(domain) + _vni(domain)
            flags = NTF_SELF | NTF_MASTER | NTF_EXT_LEARNED
            head = _head(_UPSERT, domain.vxlan, NUD_STATIC, flags, 12 + len(tail))
            yield from _around(head + _MAC_ATTRIBUTE, macs, _MAC_PAD + tail)
        case UpsertVxlanRows(domain, vtep, macs):
            tail = attribute(NDA_DST, vtep) + _vni(domain)
            flags = NTF_SELF | NTF_EXT_LEARNED
            head = _head(
                *(_UPSERT, domain.vxlan, NUD_STATIC, flags, 12 + len(tail)),
                sequence=ALONE,
            )
            yield from _around(head + _MAC_ATTRIBUTE, macs, _MAC_PAD + tail)
        case UpsertFlood(domain, vteps):
            flags = NTF_SELF | NTF_EXT_LEARNED
            state = NUD_NOARP | NUD_PERMANENT
            yield from _flood(_APPEND, domain, state, flags, vteps)
        case UpsertNeighbors() | UpsertLocalNeighbors():
            yield from _upsert_neighbors(action)
        case DeleteRemoteMacs(domain, macs):
            yield from _delete_both(domain, macs)
        case DeleteVxlanRows(domain, macs):
            tail = _vni(domain)
            head = _head(_DELETE, domain.vxlan, 0, NTF_SELF, 12 + len(tail))
            yield from _around(head + _MAC_ATTRIBUTE, macs, _MAC_PAD + tail)
        case DeleteFlood(domain, vteps):
            yield from _flood(_DELETE, domain, 0, NTF_SELF, vteps)
        case DeleteNeighbors(domain, ips):
            heads = {
                size: _head(
                    _DELETE,
                    domain.svi,
                    0,
                    0,
                    4 + size,
                    family=FAMILY_OF[size],
                )
                + _DST_ATTRIBUTE[size]
                for size in (4, 16)
            }
            for start in range(0, len(ips), ROWS):
                part = ips[start : start + ROWS]
                yield b"".join([heads[len(ip)] + ip for ip in part]), len(part)
        case _:
            assert_never(action)


def delete_both(domain: Domain, mac: bytes) -> bytes:
    """Pack the removal of a remote MAC's bridge row and VXLAN row."""
    return next(_delete_both(domain, [mac]))[0]


def flush_vlan(domain: Domain) -> bytes:
    """Pack the removal of all bridge rows with NTF_EXT_LEARNED in the domain's VLAN.

    Of its VXLAN device's port, which need not be in the VLAN (br_fdb_delete_bulk).
    """
    mask = attribute(NDA_NDM_FLAGS_MASK, bytes([NTF_EXT_LEARNED]))
    tail = _vlan(domain) + mask
    flags = NTF_MASTER | NTF_EXT_LEARNED
    order = (RTM_DELNEIGH, NLM_F_REQUEST | NLM_F_BULK)
    return _head(order, domain.vxlan, 0, flags, len(tail)) + tail


def _vlan(domain: Domain) -> bytes:
    """Pack the VLAN of a bridge row; the VXLAN row has none (vxlan_fdb_add)."""
    vlan = domain.vlan
    return attribute(NDA_VLAN, vlan.to_bytes(2, sys.byteorder)) if vlan else b""


def _vni(domain: Domain) -> bytes:
    """Pack the VNI that a row of a VXLAN device for many VNIs is for.

    That is its key beside the MAC (vxlan_fdb_parse); frames get the same VNI on the
    wire, as the row names no other (NDA_VNI). A bridge ignores it.
    """
    return u32(NDA_SRC_VNI, domain.vni) if domain.vni else b""


def _head(
    order: tuple[int, int],
    ifindex: int,
    state: int,
    flags: int,
    attributes_length: int,
    *,
    family: int = AF_BRIDGE,
    sequence: int = 0,
) -> bytes:
    return HEADER.pack(28 + attributes_length, *order, sequence, 0) + NDMSG.pack(
        family, ifindex, state, flags, 0
    )


def _around(
    before: bytes, addresses: list[bytes], after: bytes
) -> Iterator[tuple[bytes, int]]:
    between = after + before
    for start in range(0, len(addresses), ROWS):
        part = addresses[start : start + ROWS]
        yield before + between.join(part) + after, len(part)


def _delete_both(domain: Domain, macs: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Pack two messages a MAC.

    In one message with both flags the kernel takes the bridge row first, and where
    that one has moved to a local port it stops (ENOENT) with the VXLAN row in place.
    """
    master, self_ = (
        _around(
            _head(_DELETE, domain.vxlan, 0, flag, 12 + len(tail)) + _MAC_ATTRIBUTE,
            macs,
            _MAC_PAD + tail,
        )
        for flag, tail in ((NTF_MASTER, _vlan(domain)), (NTF_SELF, _vni(domain)))
    )
    for (bridge_rows, rows), (vxlan_rows, _) in zip(master, self_, strict=True):
        yield bridge_rows + vxlan_rows, rows


def _flood(
    order: tuple[int, int],
    domain: Domain,
    state: int,
    flags: int,
    vteps: list[bytes],
) -> Iterator[tuple[bytes, int]]:
    key = attribute(NDA_LLADDR, FLOOD_MAC) + _vni(domain)
    heads = {
        size: _head(order, domain.vxlan, state, flags, len(key) + 4 + size)
        + key
        + _DST_ATTRIBUTE[size]
        for size in (4, 16)
    }
    for start in range(0, len(vteps), ROWS):
        part = vteps[start : start + ROWS]
        yield b"".join([heads[len(vtep)] + vtep for vtep in part]), len(part)


def _upsert_neighbors(
    action: UpsertNeighbors | UpsertLocalNeighbors,
) -> Iterator[tuple[bytes, int]]:
    domain, bindings = action
    # The kernel collects other rows when its table is large (neigh_forced_gc):
    # it spares those that are extern_learn or permanent.
    state = NUD_NOARP if isinstance(action, UpsertNeighbors) else NUD_PERMANENT
    heads = {
        (size, router): _neighbor_head(
            domain.svi, size, state, NTF_EXT_LEARNED | (NTF_ROUTER if router else 0)
        )
        for size in (4, 16)
        for router in (False, True)
    }
    after = _MAC_PAD + _OURS
    for start in range(0, len(bindings), ROWS):
        part = bindings[start : start + ROWS]
        octets = b"".join(
            [
                heads[len(ip), router] + ip + _MAC_ATTRIBUTE + mac + after
                for ip, mac, router in part
            ]
        )
        yield octets, len(part)


def _neighbor_head(svi: int, size: int, state: int, flags: int) -> bytes:
    length = 4 + size + 12 + len(_OURS)
    head = _head(_UPSERT, svi, state, flags, length, family=FAMILY_OF[size])
    return head + _DST_ATTRIBUTE[size]
