"""Problems of the host that make `evpnd run` fail, whatever the file."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from evpnd.adapters.control.client import is_answered
from evpnd.adapters.netlink.preflight import bgp_port_holder, missing_capabilities
from evpnd.adapters.netlink.zebra import Neighbour, find_frr
from evpnd.cli.folding import fold
from evpnd.model.config import Config
from evpnd.speaker.process.configuration import listening_addresses

FAREWELL = 3.0
"""Seconds in which the agent of a daemon that just ended leaves the socket."""


class Findings(NamedTuple):
    """Sentences for the operator."""

    obstacles: list[str]
    """Why `evpnd run` ends at once."""
    warnings: list[str]


def look_before_start(config: Config) -> Findings:
    """Return what makes the start of a daemon fail.

    Makes the directory of the control socket, and waits for a predecessor that is
    about to leave it.
    """
    return _look(config, _socket_obstacles(config.control_socket, make=True))


def look_only(config: Config, socket: Path | None = None) -> Findings:
    """Return what would make the start of a daemon fail; changes nothing.

    Where one runs at the socket already, that of the configuration by default, what it
    holds is in nobody's way: then only another owner of the devices counts.
    """
    path = socket or config.control_socket
    if path.is_socket() and is_answered(path):
        frr = _frr(config)
        return Findings(*([each] if each else [] for each in frr))
    return _look(config, _socket_obstacles(path, make=False))


def _look(config: Config, of_the_socket: Iterable[str]) -> Findings:
    obstacles: list[str] = []
    missing = missing_capabilities()
    if missing:
        text = f"{', '.join(missing)} missing; run as root, or by the systemd unit"
        obstacles.append(text)
    else:  # who may nothing cannot have the socket either
        obstacles += of_the_socket
    peers = ((peer.address, peer.local_address) for peer in config.peers)
    held = bgp_port_holder(sorted(listening_addresses(peers)))
    frr = _frr(config)
    obstacles += [each for each in (held, frr.owns) if each is not None]
    return Findings(obstacles, [frr.silent] if frr.silent is not None else [])


def _frr(config: Config) -> Neighbour:
    named = {evi.vxlan for evi in config.evis if evi.vxlan}
    vnis = {evi.vni for evi in config.evis}
    return find_frr(None if config.discover else named, vnis)


def _socket_obstacles(path: Path, *, make: bool) -> Iterator[str]:
    folder = path.parent
    if make:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            yield f"control.socket: {folder} cannot be created: {error.strerror}"
            return
    while not make and not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        yield f"control.socket: {folder} is not a directory"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"control.socket: {folder} is not writable"
    elif path.exists() and not path.is_socket():
        yield f"control.socket: {path} is not a socket; remove it"
    elif make and _stays(path):
        yield (
            f"another evpnd answers at {path}; stop it, or give this one "
            "another control.socket"
        )


def _stays(path: Path) -> bool:
    """Return whether a daemon answers at a socket, and does not leave it."""
    leave = time.monotonic() + FAREWELL
    while is_answered(path):
        if time.monotonic() > leave:
            return True
        time.sleep(0.1)
    return False


def tell(findings: Findings, told: set[str]) -> None:
    """Print what concerns this host and not a file, each once, on standard error.

    `told` are the lines that were printed before; it takes those that are now.
    """
    lines = [f"`evpnd run` would refuse: {text}" for text in findings.obstacles]
    lines += [f"warning: {text}" for text in findings.warnings]
    for line in lines:
        if line not in told:
            click.echo(fold(f"this host: {line}", 2), err=True)
    told.update(lines)
