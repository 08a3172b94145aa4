"""The kernel's tables of the measured host: read, watched and written.

What is counted are rows that lead to a VTEP: of a VXLAN device with the VTEP, of the
bridge with the VXLAN device, and neighbours. All of them are for MACs and IPs of
`routes`, so that what a daemon adds for itself does not count.
"""

import ctypes
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, final

from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    NDA_DST,
    NDA_LLADDR,
    NDA_MASTER,
    NDMSG,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_REPLACE,
    NLMSG_DONE,
    NLMSG_ERROR,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
    attribute,
    attributes,
    message,
    messages,
)
from integration.bench.routes import (
    FIRST_IP,
    FIRST_MAC,
    FIRST_TENANT,
    FIRST_VNI,
    Load,
    mac,
    vtep,
)
from integration.lab_netns import LabError, inside

QUIET = 0.4
"""Seconds without a notification after which the tables are counted."""
AT_LEAST = 5.0
"""The same where none has come yet: to count keeps others from writing."""
PATIENCE = 200.0
"""Seconds for what takes longest: BIRD scans bridges once a minute."""
SAMPLED = 2_000
"""Rows above which every sixteenth is watched alone: to watch takes processor time."""
AT_ONCE = 64
"""Messages that are written with one call; more are slower."""
_NTF_SELF, _NTF_MASTER, _NTF_EXT_LEARNED = 0x02, 0x04, 0x10
_NUD_REACHABLE, _NUD_NOARP = 0x02, 0x40
_SO_RCVBUFFORCE, _SO_ATTACH_FILTER = 33, 26
_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NEIGH = 270, 1, 3
_OURS = FIRST_MAC.to_bytes(6)[:2]
_OUR_NET = FIRST_IP >> 24


class Count(NamedTuple):
    """Rows of remote MACs and IPs."""

    vxlan: int
    bridge: int
    neighbors: int


def count(namespace: str) -> Count:
    """Read the whole tables."""
    vxlan = bridge = 0
    for _, flags, found in _dump(namespace, AF_BRIDGE):
        if not found.get(NDA_LLADDR, b"").startswith(_OURS):
            continue
        if flags & _NTF_SELF and NDA_DST in found:
            vxlan += 1
        elif NDA_MASTER in found:
            bridge += 1
    neighbors = sum(
        1
        for _, flags, found in _dump(namespace, socket.AF_INET)
        if flags & _NTF_EXT_LEARNED and found[NDA_DST][0] == _OUR_NET
    )
    return Count(vxlan, bridge, neighbors)


def destinations(namespace: str) -> dict[bytes, str]:
    """Map the MACs of VXLAN rows to their VTEPs."""
    return {
        found[NDA_LLADDR]: socket.inet_ntoa(found[NDA_DST])
        for _, flags, found in _dump(namespace, AF_BRIDGE)
        if flags & _NTF_SELF
        and NDA_DST in found
        and found[NDA_LLADDR].startswith(_OURS)
    }


def _dump(namespace: str, family: int) -> Iterator[tuple[int, int, dict[int, bytes]]]:
    """Yield device, flags and attributes of each row."""
    with _open(namespace, 8 << 20) as io:
        io.send(message(RTM_GETNEIGH, NLM_F_DUMP, NDMSG.pack(family, 0, 0, 0, 0), 1))
        while True:
            octets = io.recv(1 << 20)
            for kind, _, start, end in messages(octets):
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return
                _, device, _, flags, _ = NDMSG.unpack_from(octets, start)
                found = dict(attributes(octets, start + NDMSG.size, end))
                yield device, flags, found


def _open(namespace: str, buffer: int) -> socket.socket:
    with inside(namespace):
        io = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    io.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer)
    io.bind((0, 0))
    return io


class Change(NamedTuple):
    """A notification of a VXLAN row."""

    mac: bytes
    vtep: str
    at: float
    """Monotonic seconds."""


@final
class Watch:
    """Hears of changed rows; filtered in the kernel, so that it costs little."""

    def __init__(self, namespace: str, rows: int) -> None:
        """Watch from now on; `rows` is about how many will change."""
        self._namespace = namespace
        mask = 0x0F if rows > SAMPLED else 0
        self._io = _open(namespace, 64 << 20)
        _filter(self._io, mask)
        self._io.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NEIGH)
        self.deletions = 0
        """Rows that went: those that are watched, times what each stands for."""
        self._each = mask + 1

    def close(self) -> None:
        """Watch no more."""
        self._io.close()

    def until(self, wanted: Count, timeout: float = PATIENCE) -> float:
        """Wait for the tables to hold so many rows; return when the last one came.

        That is the time of the last notification. The tables are counted whole when
        none has come for a while: outside the time that is returned. Raises LabError.
        """
        deadline = time.monotonic() + timeout
        last: float | None = None
        counted = time.monotonic()
        self._io.settimeout(QUIET)
        while (now := time.monotonic()) < deadline:
            try:
                self._note(self._io.recv(1 << 16))
                last = time.monotonic()
            except TimeoutError:
                if last is None and now - counted < AT_LEAST:
                    continue
                counted = time.monotonic()
                if count(self._namespace) == wanted:
                    return now if last is None else last
        raise LabError(f"{count(self._namespace)} after {timeout} s, not {wanted}")

    def _note(self, octets: bytes) -> None:
        for kind, *_ in messages(octets):
            if kind == RTM_DELNEIGH:
                self.deletions += self._each

    def row(self, mac: bytes, vtep: str, timeout: float = 5.0) -> float | None:
        """Wait for the VXLAN row of a MAC to lead to a VTEP; return when it did."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._io.settimeout(left)
            try:
                octets = self._io.recv(1 << 16)
            except TimeoutError:
                return None
            now = time.monotonic()
            for kind, _, start, end in messages(octets):
                _, _, _, flags, _ = NDMSG.unpack_from(octets, start)
                found = dict(attributes(octets, start + NDMSG.size, end))
                if (
                    kind == RTM_NEWNEIGH
                    and flags & _NTF_SELF
                    and found.get(NDA_LLADDR) == mac
                    and found.get(NDA_DST) == socket.inet_aton(vtep)
                ):
                    return now
        return None


def _filter(io: socket.socket, mask: int) -> None:
    """Keep notifications of rows for our MACs and IPs whose last bits are zero.

    Offsets are those of nlmsghdr (16), ndmsg (12) and the first attribute, which is
    the MAC of an FDB row and the IP of a neighbour.
    """
    load_byte, load_half = 0x30, 0x28
    equal, any_bit, keep = 0x15, 0x45, 0x06
    program = (
        (load_byte, 0, 0, 16),
        (equal, 0, 4, AF_BRIDGE),
        (load_half, 0, 0, 32),
        (equal, 0, 8, int.from_bytes(_OURS)),
        (load_byte, 0, 0, 37),
        (any_bit, 6, 5, mask) if mask else (equal, 5, 5, 0),
        (equal, 0, 5, socket.AF_INET),
        (load_byte, 0, 0, 32),
        (equal, 0, 3, _OUR_NET),
        (load_byte, 0, 0, 35),
        (any_bit, 1, 0, mask) if mask else (equal, 0, 0, 0),
        (keep, 0, 0, 0xFFFFFFFF),
        (keep, 0, 0, 0),
    )
    octets = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(octets)
    packed = struct.pack("@HP", len(program), ctypes.addressof(held))
    io.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)


# Rows that the measurement itself writes


def remote_rows(load: Load, devices: Sequence[int], kind: int) -> list[bytes]:
    """Return messages that add or delete both rows of each MAC (kind: RTM_...)."""
    flags = _NTF_SELF | _NTF_MASTER | _NTF_EXT_LEARNED
    state = _NUD_NOARP | _NUD_REACHABLE if kind == RTM_NEWNEIGH else 0
    return _messages(
        kind,
        (
            NDMSG.pack(AF_BRIDGE, devices[vni - FIRST_VNI], state, flags, 0)
            + attribute(NDA_LLADDR, mac(number))
            + attribute(NDA_DST, vtep(where))
            for where, vni, numbers in load.pairs()
            for number in numbers
        ),
    )


def neighbor_rows(load: Load, devices: Sequence[int], kind: int) -> list[bytes]:
    """Return messages that add or delete the neighbour of each IP (kind: RTM_...)."""
    return _messages(
        kind,
        (
            NDMSG.pack(
                socket.AF_INET,
                devices[vni - FIRST_VNI],
                _NUD_NOARP,
                _NTF_EXT_LEARNED,
                0,
            )
            + attribute(NDA_DST, (FIRST_IP + number).to_bytes(4))
            + attribute(NDA_LLADDR, mac(number))
            for _, vni, numbers in load.pairs()
            for number in numbers
        ),
    )


def local_rows(numbers: range, devices: Sequence[int]) -> list[bytes]:
    """Return messages that make MACs known at ports, as frames of tenants do."""
    return _messages(
        RTM_NEWNEIGH,
        (
            NDMSG.pack(
                AF_BRIDGE,
                devices[number % len(devices)],
                _NUD_REACHABLE,
                _NTF_MASTER,
                0,
            )
            + attribute(NDA_LLADDR, (FIRST_TENANT + number).to_bytes(6))
            for number in numbers
        ),
    )


def _messages(kind: int, bodies: Iterable[bytes]) -> list[bytes]:
    """Return the messages, some together."""
    flags = NLM_F_CREATE | NLM_F_REPLACE if kind == RTM_NEWNEIGH else 0
    packed = iter([message(kind, flags, body) for body in bodies])
    batches = []
    while some := list(islice(packed, AT_ONCE)):
        batches.append(b"".join(some))
    return batches


def write(namespace: str, batches: list[bytes]) -> tuple[float, float]:
    """Write messages; return when that began and ended, in monotonic seconds."""
    with _open(namespace, 8 << 20) as io:
        began = time.monotonic()
        for batch in batches:
            io.send(batch)
        return began, time.monotonic()


def indices(namespace: str, prefix: str, number: int) -> list[int]:
    """Return the interface indices of PREFIX0, PREFIX1, ..."""
    with inside(namespace):
        return [socket.if_nametoindex(f"{prefix}{each}") for each in range(number)]
