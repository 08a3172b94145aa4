"""A file for whoever is asked for help: all that is known, and no secret."""

import io
import json
import re
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from evpnd.adapters.host.firewall import run_program
from evpnd.adapters.recording.segments import older
from evpnd.model.config import Config
from evpnd.private_files import write_private

CUT: Final = "(cut)"
LOG_LINES: Final = 5000
RECORDING_MOST: Final = 128 << 20
"""Octets of a recording."""
_WORDS: Final = "password|passphrase|secret|token"
_SECRET = re.compile(
    rf"(?im)^(?P<key>[ \t#-]*[\"']?[\w-]*(?:{_WORDS}|\bkey\b)[\w-]*[\"']?[ \t]*:)"
    r"(?P<value>[ \t]*[|>][^\n]*(?:\n[ \t]+[^\n]*)*|[^\n]*)"
)
"""A key of YAML whose value may be a secret, also where it is commented out."""
_WITHIN = re.compile(
    rf"(?i)(?P<key>[{{,][ \t]*[\"']?[\w-]*(?:{_WORDS})[\w-]*[\"']?[ \t]*:)"
    r"(?P<value>[^,}\n]*)"
)
"""The same within braces, in YAML and in JSON."""
_HARMLESS = re.compile(r"(?i)-file[\"']?\s*:$")
"""A key whose value is the name of a file."""
_PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "links": ("ip", "-details", "-statistics", "link", "show"),
    "addresses": ("ip", "address", "show"),
    "rules": ("ip", "rule", "show"),
    "rules-6": ("ip", "-6", "rule", "show"),
    "routes": ("ip", "route", "show", "table", "all"),
    "routes-6": ("ip", "-6", "route", "show", "table", "all"),
    "neighbors": ("ip", "-statistics", "neigh", "show"),
    "fdb": ("bridge", "-statistics", "fdb", "show"),
    "bridge-ports": ("bridge", "-details", "link", "show"),
    "vlans": ("bridge", "vlan", "show"),
    "vlan-tunnels": ("bridge", "vlan", "tunnelshow"),
    "vnis": ("bridge", "vni", "show"),
    "nexthops": ("ip", "nexthop", "show"),
    "sockets": ("ss", "-numpa", "--tcp", "--udp", "--listening"),
    "nftables": ("nft", "list", "ruleset"),
    "modules": ("lsmod",),
    "kernel": ("uname", "-a"),
    "clock": ("timedatectl", "show"),
}
_FILES: Final = ("net/dev", "net/netstat", "net/snmp", "net/softnet_stat", "meminfo")
"""Below /proc, of this network namespace."""


def collect_host(devices: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and content of what the kernel tells; `devices` are the uplinks."""
    for name, argv in _PROGRAMS.items():
        yield f"kernel/{name}", _output(*argv)
    for device in devices:
        yield f"kernel/offloads-{device}", _output("ethtool", "-k", device)
        yield f"kernel/counters-{device}", _output("ethtool", "-S", device)
    for name in _FILES:
        path = Path("/proc/thread-self" if name.startswith("net/") else "/proc", name)
        yield f"kernel/{name.replace('/', '-')}", _read(path)
    journal = ("--unit", "evpnd", "--lines", str(LOG_LINES), "--no-pager")
    yield "log", _output("journalctl", *journal, "--output", "short-iso")


def collect_config(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the configuration and its policy files."""
    yield "config/evpnd.yaml", _read(config.path)
    for name, policy in config.policies.items():
        # As the operator named it; in the file, beside the configuration.
        named = Path(policy.file)
        found = named if named.exists() else config.path.parent / named
        yield f"config/policies/{name}.yaml", _read(found)


def collect_recording(path: Path | None) -> Iterator[tuple[str, str | bytes]]:
    """Yield the last recording, its latest parts first, as far as there is room.

    Passwords never come into a recording.
    """
    if path is None:
        return
    room = RECORDING_MOST
    for each in (path, *older(path)):
        try:
            octets = each.read_bytes()
        except OSError as error:
            yield f"{each.name}.missing", f"{each}: {error.strerror}\n"
            return
        room -= len(octets)
        if room < 0:
            return
        yield each.name.replace(path.name, "recording"), octets


def secrets_of(config: Config) -> list[str]:
    """Return what must not be in a bundle, the longest first."""
    found = {peer.password for peer in config.peers if peer.password}
    return sorted(found, key=len, reverse=True)


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Cut passwords, as they are and as JSON writes them, and values of such keys."""
    for secret in secrets:
        for form in {secret, json.dumps(secret)[1:-1]}:
            text = text.replace(form, CUT)
    return _WITHIN.sub(_cut, _SECRET.sub(_cut, text))


def _cut(found: "re.Match[str]") -> str:
    if _HARMLESS.search(found["key"]) or not found["value"].strip():
        return found[0]
    return f"{found['key']} {CUT}"


def write_bundle(
    path: Path, files: Iterable[tuple[str, str | bytes]], secrets: Iterable[str]
) -> int:
    """Write a tar file, readable by its owner only; return how many files it has.

    Raises OSError.
    """
    secrets = list(secrets)
    folder = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
    octets, count = io.BytesIO(), 0
    with tarfile.open(fileobj=octets, mode="w:gz") as tar:
        for name, text in files:
            content = (
                text
                if isinstance(text, bytes)
                else without_secrets(text, secrets).encode(errors="replace")
            )
            head = tarfile.TarInfo(f"{folder}/{name}")
            head.size, head.mode, head.mtime = len(content), 0o600, int(time.time())
            tar.addfile(head, io.BytesIO(content))
            count += 1
    write_private(path, octets.getvalue())
    return count


def _output(program: str, *words: str) -> str:
    """Return what a program prints, or why it printed nothing."""
    try:
        text = run_program(program, *words)
    except (OSError, UnicodeDecodeError) as error:
        return f"{program} {' '.join(words)}: {error}\n"
    return f"{program} is not installed\n" if text is None else text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{path}: {error.strerror}\n"
