"""What the worker is asked for: actions of the core, and jobs of the adapter itself."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from evpnd.model.actions import KernelAction


class ReadLinks(NamedTuple):
    """Read links whose state as a bridge port changed."""

    ifindexes: frozenset[int]
    vlans: bool
    """Also the VLANs of all ports, their tunnel maps, and VNI filters."""


class MeasureRest(NamedTuple):
    """Look up the routes to the rest of some VTEPs."""

    vteps: tuple[bytes, ...]
    mtus: dict[bytes, int]
    """By VTEP, of those before."""


class CloseSockets(NamedTuple):
    """Close packet sockets, for which the kernel waits a while."""

    sockets: list[socket.socket]


@dataclass(frozen=True, slots=True)
class Reach:
    """Call back, in the loop, when all jobs before this one are done."""

    reached: Callable[[], None]


Job = KernelAction | ReadLinks | MeasureRest | CloseSockets | Reach
