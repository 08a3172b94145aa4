"""The agent's process, and the first one: started before ExaBGP is imported."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

_RUN = "  run "
"""Prefix of the line with the agent's command, as `configuration` writes it."""


def agent_command(run: Sequence[str]) -> list[str]:
    """Read the agent's command back from ExaBGP's `process` section."""
    program, *arguments = run
    return [program, *map(unquote, arguments)]


def spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start an agent; raises OSError."""
    # A process group of its own: ^C is for us, the agent is told by a message.
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )


def start_first(file: Path) -> subprocess.Popen[bytes] | None:
    """Start the agent that ExaBGP's configuration names; return None on failure.

    Whoever is to have it tries again then, and tells why it fails.
    """
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(_RUN):
                return spawn(agent_command(line.strip().removesuffix(";").split()[1:]))
    except (OSError, ValueError):
        return None
    return None
