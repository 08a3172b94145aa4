"""Checks a host before a start; changes nothing."""

import errno
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evpnd.model.numbers import BGP_PORT

_CAPABILITIES = {
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
}
_LISTEN = "0A"


def missing_capabilities() -> list[str]:
    """Return the capabilities that evpnd uses and this process lacks."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    held = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    mask = int(held[1], 16) if held else 0
    return [name for name, bit in _CAPABILITIES.items() if not mask >> bit & 1]


def bgp_port_holder(addresses: Sequence[str], port: int = BGP_PORT) -> str | None:
    """Return who listens on the BGP port of one of the addresses already.

    An empty address stands for all, of both families. Returns a sentence for the
    operator; None where all can be listened on, or the address is not there. No
    socket listens for it.
    """
    for address in addresses:
        for family, local in _bindable(address):
            if not _is_taken(family, local, port):
                continue
            where = f"port {port} on {_named(address)}"
            taken = [held for held, _ in _listening(family, local, port)]
            holder = _listener(family, local, port)
            if holder is None:
                who, it = "", "it"
                found = "; see `ss -ltnp`, in other network namespaces too"
            else:
                who, it = f" by {holder.name} (pid {holder.pid})", holder.name
                found = ""
            return f"{where} is taken{who}{found}; {_way_out(it, local, taken)}"
    return None


def _way_out(holder: str, wanted: str, taken: Sequence[str]) -> str:
    """Return how both programs can use the port, on different addresses."""
    if any(map(_is_any, taken)) or not taken:
        own = "have it listen on an address of its own"
        if holder == "bgpd":
            own = "start it with `-l ADDRESS` (bgpd_options in /etc/frr/daemons)"
        give = "and give each peer another local-address"
        return f"stop {holder}, or {own} {give}"
    if _is_any(wanted):
        these = " or ".join(dict.fromkeys(taken))
        return f"give each peer a local-address that is not {these}, or stop {holder}"
    return f"give the peers another local-address, or stop {holder}"


def _is_any(address: str) -> bool:
    return address in ("", "0.0.0.0", "::")  # noqa: S104


def _named(address: str) -> str:
    return "any address" if _is_any(address) else address


class _Process(NamedTuple):
    name: str
    pid: int


def pids() -> list[int]:
    """Return the processes that are seen from here."""
    return sorted(int(path.name) for path in Path("/proc").glob("[1-9]*"))


def _bindable(address: str) -> list[tuple[socket.AddressFamily, str]]:
    if not address:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return [(family, address)]


def _is_taken(family: socket.AddressFamily, address: str, port: int) -> bool:
    """Return whether another socket listens on the port (inet_csk_bind_conflict).

    Binding is enough: with SO_REUSEADDR only a socket that listens is in the way.
    """
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
    except PermissionError:  # no CAP_NET_BIND_SERVICE: what can be seen counts
        return any(True for _ in _listening(family, address, port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def _listener(family: socket.AddressFamily, address: str, port: int) -> _Process | None:
    """Return the process that listens on a port, on the address or on all."""
    wanted = {f"socket:[{inode}]" for _, inode in _listening(family, address, port)}
    for pid in pids():
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


def _listening(
    family: socket.AddressFamily, address: str, port: int
) -> Iterator[tuple[str, str]]:
    """Yield address and inode of the listening sockets that stand in the way."""
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
                    yield _read_address(local), fields[9]


def _read_address(words: str) -> str:
    """Read an address of /proc/net/tcp: native 32-bit words in hex."""
    numbers = (int(words[at : at + 8], 16) for at in range(0, len(words), 8))
    octets = b"".join(struct.pack("=I", number) for number in numbers)
    family = socket.AF_INET if len(octets) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, octets)


def _proc_address(family: socket.AddressFamily, address: str) -> str:
    """Write an address as /proc/net/tcp does: native 32-bit words in hex."""
    words = socket.inet_pton(family, address)
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", words))
