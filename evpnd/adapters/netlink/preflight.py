"""What can be wrong with a host before anything is done to it; only looks."""

import errno
import json
import re
import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

BGP_PORT = 179
_CAPABILITIES = {
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
}
_VTY_END = b"\0\0\0"
_VTY_SECONDS = 2.0
_LISTEN = "0A"


def missing_capabilities() -> list[str]:
    """Name the capabilities that evpnd uses and this process lacks."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    held = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    mask = int(held[1], 16) if held else 0
    return [name for name, bit in _CAPABILITIES.items() if not mask >> bit & 1]


def frr_owner(devices: Collection[str] | None, vnis: Collection[int]) -> str | None:
    """Find an FRR in this network namespace that runs EVPN on what is to be ours.

    `devices` are the VXLAN devices by name, `vnis` their VNIs; None for `devices`
    stands for any device. Both daemons mark their rows alike, so that each would take
    the other's away. Returns a sentence for the operator, None where there is no such
    FRR or it cannot be asked.
    """
    for pid in _processes("zebra"):
        taken = [
            (vni, device)
            for vni, device in _zebra_vnis(pid)
            if devices is None or device in devices or vni in vnis
        ]
        if taken:
            listed = ", ".join(f"VNI {vni} on {device}" for vni, device in taken[:5])
            more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
            return (
                f"FRR's zebra (pid {pid}) owns {listed}{more}: remove "
                "`advertise-all-vni` from `address-family l2vpn evpn` in FRR's bgpd, "
                "or leave these devices out of evpnd's configuration"
            )
    return None


def bgp_port_holder(addresses: Sequence[str], port: int = BGP_PORT) -> str | None:
    """Find who listens on the BGP port of one of the addresses already.

    An empty address stands for all, of both families. Returns a sentence for the
    operator; None where all can be listened on, or the address is not there.
    """
    for address in addresses:
        for family, local in _bindable(address):
            if not _is_taken(family, local, port):
                continue
            where = f"port {port} on {address or 'any address'}"
            holder = _listener(family, local, port)
            if holder is None:
                return f"{where} is taken; see `ss -ltnp` in other namespaces too"
            hint = (
                " or give it another address (bgpd -l)" if holder.name == "bgpd" else ""
            )
            return (
                f"{where} is taken by {holder.name} (pid {holder.pid}); stop it{hint}"
            )
    return None


class _Process(NamedTuple):
    name: str
    pid: int


def _processes(name: str) -> Iterator[int]:
    """Find the processes of a name in our network namespace."""
    ours = Path("/proc/thread-self/ns/net").stat()
    for pid in _pids():
        with suppress(OSError):  # it may end at any moment
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() != name:
                continue
            theirs = Path(f"/proc/{pid}/ns/net").stat()
            if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino):
                yield pid


def _pids() -> list[int]:
    return sorted(int(path.name) for path in Path("/proc").glob("[1-9]*"))


def _zebra_vnis(pid: int) -> list[tuple[int, str]]:
    """Ask a zebra for its VNIs and their VXLAN devices."""
    try:
        answer = json.loads(_ask_vty(_vty_path(pid), "show evpn vni json") or "{}")
    except (OSError, ValueError):
        return []
    if not isinstance(answer, dict):
        return []
    vnis = (entry for entry in answer.values() if isinstance(entry, dict))
    return [
        (int(entry["vni"]), str(entry["vxlanIf"]))
        for entry in vnis
        if "vni" in entry and "vxlanIf" in entry
    ]


def _vty_path(pid: int) -> str:
    """Find a zebra's vty socket, seen through its own root."""
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
    return f"/proc/{pid}/root{directory}/zebra.vty"


def _ask_vty(path: str, command: str) -> str:
    """Run a command in FRR's vty: text and NUL; text, three NULs, status octet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_VTY_SECONDS)
        sock.connect(path)
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


def _bindable(address: str) -> list[tuple[socket.AddressFamily, str]]:
    if not address:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return [(family, address)]


def _is_taken(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            sock.listen(1)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def _listener(family: socket.AddressFamily, address: str, port: int) -> _Process | None:
    """Find the process that listens on a port, on the address or on all."""
    wanted = {f"socket:[{inode}]" for inode in _listening(family, address, port)}
    for pid in _pids():
        process = Path(f"/proc/{pid}")
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if _target(descriptor) in wanted:
                    name = (process / "comm").read_text(encoding="utf-8").strip()
                    return _Process(name, pid)
    return None


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _listening(family: socket.AddressFamily, address: str, port: int) -> Iterator[str]:
    """Yield the inodes of listening sockets that stand in the way."""
    exact = _proc_address(family, address)
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            path = Path(f"/proc/thread-self/net/{table}")
            for line in path.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                local, _, local_port = fields[1].partition(":")
                if fields[3] != _LISTEN or int(local_port, 16) != port:
                    continue
                if local == exact or not int(local, 16) or not int(exact, 16):
                    yield fields[9]


def _proc_address(family: socket.AddressFamily, address: str) -> str:
    """Write an address as /proc/net/tcp does: native 32-bit words in hex."""
    words = socket.inet_pton(family, address)
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", words))
