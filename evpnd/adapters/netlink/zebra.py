"""Finds an FRR on this host that runs EVPN on the same devices.

The systemd unit's capabilities let us see neither another process's network namespace
nor its root, nor connect to sockets of the group frrvty. The namespace is told by the
inode of /proc/PID/net/dev, which each has its own of (fs/proc/generic.c); and where
zebra cannot be asked, by what it has put into the kernel.
"""

import errno
import json
import os
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.netlink.dump import DumpInterruptedError, dump_links, dump_neighbors
from evpnd.adapters.netlink.preflight import pids

RTPROT_ZEBRA = 11
"""NDA_PROTOCOL of zebra's neighbours (linux/rtnetlink.h)."""
_VTY_END = b"\0\0\0"
_VTY_SECONDS = 2.0
_UCRED = struct.Struct("=iII")


class Neighbour(NamedTuple):
    """Effect of an FRR in our network namespace; None: none."""

    owns: str | None
    """A sentence for the operator: it runs EVPN on what is to be ours."""
    silent: str | None
    """A sentence for the operator: it may do so, and does not tell us."""


def find_frr(devices: Collection[str] | None, vnis: Collection[int]) -> Neighbour:
    """Return the FRR in this network namespace that runs EVPN on our devices.

    `devices` are the VXLAN devices by name, `vnis` their VNIs; None for `devices`
    stands for any device. Both daemons mark their rows alike, so that each would take
    the other's away.
    """
    silent: str | None = None
    for pid in _zebras():
        taken: list[tuple[int, str]] = []
        try:
            taken = [
                (vni, device)
                for vni, device in _zebra_vnis(pid)
                if devices is None or device in devices or vni in vnis
            ]
            how = ""
        except OSError as error:
            with suppress(DumpInterruptedError):
                taken = list(_with_its_neighbors(devices, vnis))
            how = " (neighbours of protocol zebra are there)"
            silent = (
                f"FRR's zebra (pid {pid}) runs here and cannot be asked for its VNIs: "
                f"{error.strerror or error}; its bgpd must not have "
                "`advertise-all-vni`; `evpnd check --this-host`, as root, finds out"
            )
        if taken:
            listed = ", ".join(f"VNI {vni} on {device}" for vni, device in taken[:5])
            more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
            sentence = (
                f"FRR's zebra (pid {pid}) owns {listed}{more}{how}: remove "
                "`advertise-all-vni` from `address-family l2vpn evpn` in FRR's bgpd, "
                "or leave these devices out of evpnd's configuration"
            )
            return Neighbour(sentence, None)
    return Neighbour(None, silent)


def _zebras() -> Iterator[int]:
    """Return the processes of zebra in our network namespace."""
    ours = Path("/proc/thread-self/net/dev").stat().st_ino
    for pid in pids():
        with suppress(OSError):  # it may end at any moment
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") != "zebra\n":
                continue
            if Path(f"/proc/{pid}/net/dev").stat().st_ino == ours:
                yield pid


def _with_its_neighbors(
    devices: Collection[str] | None, vnis: Collection[int]
) -> Iterator[tuple[int, str]]:
    """Return the VXLAN devices in bridges that have neighbours of zebra's."""
    for link in dump_links().links:
        if link.vxlan is None or not link.master:
            continue
        vni = link.vxlan.vni
        if devices is not None and link.name not in devices and vni not in vnis:
            continue
        rows = dump_neighbors(link.master).rows
        if any(row.protocol == RTPROT_ZEBRA for row in rows):
            yield vni, link.name


def _zebra_vnis(pid: int) -> list[tuple[int, str]]:
    """Ask a zebra for its VNIs and their VXLAN devices.

    Raises OSError where it cannot be asked.
    """
    try:
        answer = json.loads(_ask(pid, "show evpn vni json") or "{}")
    except ValueError:
        return []
    if not isinstance(answer, dict):
        return []
    vnis = (entry for entry in answer.values() if isinstance(entry, dict))
    return [
        (int(entry["vni"]), str(entry["vxlanIf"]))
        for entry in vnis
        if "vni" in entry and "vxlanIf" in entry
    ]


def _ask(pid: int, command: str) -> str:
    """Ask at a zebra's vty socket, seen through its own root, or through ours."""
    path = f"{_vty_directory(pid)}/zebra.vty"
    try:
        return _ask_vty(f"/proc/{pid}/root{path}", command)
    except PermissionError:
        return _ask_vty(path, command, pid)


def _vty_directory(pid: int) -> str:
    """Return the directory of a zebra's vty socket."""
    octets = Path(f"/proc/{pid}/cmdline").read_bytes()
    words = octets.decode(errors="replace").split("\0")
    directory = "/var/run/frr"
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--vty_socket":
            directory = following
        elif word.startswith("--vty_socket="):
            directory = word.partition("=")[2]
        elif word in ("-N", "--pathspace"):
            directory = f"/var/run/frr/{following}"
    return directory


def _ask_vty(path: str, command: str, pid: int | None = None) -> str:
    """Run a command in FRR's vty: text and NUL; text, three NULs, status octet.

    Raises OSError, also where another process than `pid` made the socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_VTY_SECONDS)
        sock.connect(path)
        if pid is not None:
            peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            if _UCRED.unpack(peer)[0] != pid:
                refused = errno.ECONNREFUSED
                raise ConnectionRefusedError(refused, os.strerror(refused), path)
        answers = []
        for line in ("enable", command):
            sock.sendall(line.encode() + b"\0")
            answer = b""
            while answer[-4:-1] != _VTY_END:
                octets = sock.recv(64 << 10)
                if not octets:
                    raise ConnectionResetError(path)
                answer += octets
            answers.append(answer[:-4])
    return answers[-1].decode(errors="replace").replace("\0", "").strip()
