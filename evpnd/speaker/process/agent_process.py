"""The agent's process: its command, and its start."""

import subprocess
from collections.abc import Sequence
from urllib.parse import unquote


def read_command(run: Sequence[str]) -> list[str]:
    """Read the agent's command back from ExaBGP's `process` section."""
    program, *arguments = run
    return [program, *map(unquote, arguments)]


def spawn(
    command: Sequence[str], keep_open: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start an agent, with some descriptors of ours; raises OSError."""
    # A process group of its own: ^C is for us, the agent is told by a message.
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
        pass_fds=keep_open,
    )
