"""Writes rows: packed messages, many to a send, no acknowledgement.

The kernel works a send off before it returns, without the GIL, and answers with one
NLMSG_ERROR for each message that failed, the message itself included: no sequence
number has to be kept to know which row it was.
"""

import errno
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from evpnd.adapters.netlink.pack import (
    ALONE,
    ROWS,
    Delete,
    Upsert,
    delete_both,
    flush_vlan,
    pack,
)
from evpnd.adapters.netlink.routes import OF_VRFS, failed_vrf_row, pack_vrf
from evpnd.adapters.netlink.rtnl import (
    AF_BRIDGE,
    ERROR,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_SRC_VNI,
    NDA_VLAN,
    NDMSG,
    NLM_F_BULK,
    NLMSG_ERROR,
    RTM_DELNEIGH,
    attributes,
    open_socket,
)
from evpnd.model.actions import OverrideLocalMacs
from evpnd.model.domain import Domain
from evpnd.model.events import KernelOverran, RowFailed
from evpnd.model.ids import FLOOD_MAC
from evpnd.model.rows import NTF_MASTER, NTF_SELF
from evpnd.model.vrf_actions import VrfRowAction

_BUFFER = 4 << 20
_ERROR_MESSAGE = 64 << 10
_REQUEST = 20
"""Where the request stands in an NLMSG_ERROR: after nlmsghdr and errno."""
_SHORTEST = HEADER.size + NDMSG.size
_GONE = frozenset({errno.ENOENT, errno.ENODEV})
_BOTH = NTF_SELF | NTF_MASTER


class Refusal(NamedTuple):
    """One NLMSG_ERROR."""

    failed: RowFailed
    half_made: bool
    """Of a remote MAC the bridge row was made, the VXLAN row refused.

    The kernel takes NTF_MASTER out of the request once the bridge row is made.
    """
    vlan_left: bool = False
    """The bridge row was not deleted: its port is not in the VLAN any more."""


class Writer:
    """A socket for rows; used by one thread."""

    def __init__(
        self,
        on_failures: Callable[[Sequence[RowFailed | KernelOverran]], None],
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._sock = open_socket(send=_BUFFER, receive=_BUFFER)
        self._on_failures = on_failures
        self._on_sent = on_sent
        self._waiting: list[bytes] = []
        self._waiting_rows = 0
        self._left: set[Domain] = set()
        """VLANs that ports have left, with rows of ours in them."""
        self.written = 0
        """Rows sent since the start."""
        self.refused = 0
        """Rows of MACs that the kernel did not make or remove, since the start."""
        self.halves = 0
        """Those of them whose bridge row it made first."""

    @property
    def port_id(self) -> int:
        """The netlink port id; neighbour notifications name it."""
        port_id: int = self._sock.getsockname()[0]
        return port_id

    def write(
        self, actions: Iterable[Upsert | OverrideLocalMacs | Delete | VrfRowAction]
    ) -> None:
        """Write or remove the rows of the actions, in order.

        On return the kernel is done, and refused rows have been reported.
        """
        for action in actions:
            pieces = (
                pack_vrf(action) if isinstance(action, VrfRowAction) else pack(action)
            )
            for octets, rows in pieces:
                if self._waiting_rows + rows > ROWS:
                    self._send()
                self._waiting.append(octets)
                self._waiting_rows += rows
        self._send()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _send(self) -> None:
        octets, rows = b"".join(self._waiting), self._waiting_rows
        self._waiting.clear()
        self._waiting_rows = 0
        if not octets:
            return
        self._sock.send(octets)
        refusals = self._refusals()
        self.written += rows
        self._on_sent()
        if refusals:
            self._on_failures([refusal.failed for refusal in refusals])
            self.refused += sum(each.failed.table == "fdb" for each in refusals)
            self.halves += sum(each.half_made for each in refusals)
        # A bridge row alone would send the MAC's frames to every VTEP.
        halves = [
            delete_both(_domain_of(failed), failed.key)
            for failed, half_made, _ in refusals
            if half_made
        ]
        if halves:
            self._sock.send(b"".join(halves))
            self._refusals()
        while self._left:
            self.flush_vlan(self._left.pop())

    def flush_vlan(self, domain: Domain) -> None:
        """Remove the bridge rows of ours in a VLAN that their port has left.

        A kernel that cannot do it (before Linux 5.19) keeps them, as long as the port
        is neither in the VLAN again nor in no bridge.
        """
        self._sock.send(flush_vlan(domain))
        self._refusals()

    def _refusals(self) -> list[Refusal]:
        refusals: list[Refusal] = []
        while True:
            try:
                octets = self._sock.recv(_ERROR_MESSAGE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return refusals
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._on_failures([KernelOverran("answers to changes were lost")])
                continue
            refusal = read_refusal(octets)
            if refusal is None:
                continue
            if refusal.vlan_left:
                self._left.add(_domain_of(refusal.failed)._replace(vni=0))
            else:
                refusals.append(refusal)


def _domain_of(failed: RowFailed) -> Domain:
    return Domain(vxlan=failed.ifindex, vlan=failed.vlan, vni=failed.vni)


def read_refusal(octets: bytes) -> Refusal | None:
    """Read one NLMSG_ERROR; None for what is no failure.

    To be gone already is what a deletion wants; to be there already, an addition.
    """
    if len(octets) < _REQUEST + _SHORTEST:
        return None
    if HEADER.unpack_from(octets)[1] != NLMSG_ERROR:
        return None
    code = -ERROR.unpack_from(octets, 16)[0]
    _, kind, request, sequence, _ = HEADER.unpack_from(octets, _REQUEST)
    if kind in OF_VRFS:
        failed = failed_vrf_row(octets, _REQUEST + HEADER.size, kind, code)
        return None if failed is None else Refusal(failed, half_made=False)
    deleting = kind == RTM_DELNEIGH
    if code == 0 or (code in _GONE if deleting else code == errno.EEXIST):
        return None
    family, ifindex, _, flags, _ = NDMSG.unpack_from(octets, _REQUEST + HEADER.size)
    found = dict(attributes(octets, _REQUEST + _SHORTEST, len(octets)))
    vlan, vni = (
        int.from_bytes(found.get(name, b""), sys.byteorder)
        for name in (NDA_VLAN, NDA_SRC_VNI)
    )
    if deleting and request & NLM_F_BULK:
        return None
    left = deleting and bool(vlan) and code == errno.EINVAL
    mac, address = found.get(NDA_LLADDR, b""), found.get(NDA_DST, b"")
    if family != AF_BRIDGE:
        table, key = "neighbor", address
    elif mac == FLOOD_MAC:
        table, key = "flood", address
    else:
        table, key = "fdb", mac
    return Refusal(
        RowFailed(table, ifindex, key, code, deleting, vlan, vni),
        table == "fdb"
        and not deleting
        and sequence != ALONE
        and flags & _BOTH == NTF_SELF,
        left,
    )
