"""What tests of the lab runner share: a lab of their own, and what is left of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab.netns import NETNS_DIRECTORY
from lab.place import Place

OF_THE_GUEST = {"single-vxlan-device", "vlan-aware-bridge"}
"""Topologies whose kernel needs VLAN filtering: tested in the guest (integration/)."""
NAME = f"evt{os.getpid():07}"
ALPINE = "topology:\n  defaults: {kind: linux, image: alpine, network-mode: none}\n"
Up = Callable[[str], Place]


def lab(*words: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Call the runner as a user does."""
    argv = [sys.executable, "-m", "lab", *words]
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=timeout
    )


def leftovers() -> list[str]:
    """Name the namespaces and folders of the lab."""
    found = [path.name for path in NETNS_DIRECTORY.iterdir() if NAME in path.name]
    return found + [name for name in Place.names() if name.startswith(NAME)]


def said(place: Place, node: str, *argv: str) -> str:
    """Run a command in a node; returns what it printed."""
    done = place.execute(node, argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def running(mark: str) -> list[str]:
    """Return the pids of `sleep`s for so many seconds."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            found.append(path.parent.name)
    return found
