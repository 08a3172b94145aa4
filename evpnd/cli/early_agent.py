"""The first agent: started before it is known whether there is anything for it to do.

It imports what it needs and waits at a pipe for the path of the accepted configuration.
Where the pipe ends without one, it ends as well.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from evpnd.speaker.process.agent_process import spawn


def agent_command(path: Path, record: Path | None = None) -> list[str]:
    """Return the command of an agent, without what tells it the configuration.

    `record` is the recording that it writes, beside what the configuration says.
    """
    # -P as for every process of ours: the current directory may be anybody's.
    command = [sys.executable, "-P", "-m", "evpnd.agent", "-c", str(path.absolute())]
    if record is not None:
        command += ["--record", str(record.absolute())]
    return command


class EarlyAgent:
    """An agent that waits."""

    def __init__(self, path: Path, record: Path | None = None) -> None:
        """Start it; where that fails, whoever needs one tries again, and tells why."""
        waits, self._tells = os.pipe()
        command = [*agent_command(path, record), "--accepted-from", str(waits)]
        self._agent: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._agent = spawn(command, keep_open=(waits,))
        os.close(waits)

    def accept(self, kept: Path) -> subprocess.Popen[bytes] | None:
        """Tell it where the accepted configuration is; the caller has it from now on.

        None: it could not be started, or has ended.
        """
        try:
            os.write(self._tells, os.fsencode(kept))
        except BrokenPipeError:
            return None
        agent, self._agent = self._agent, None
        return agent

    def close(self) -> None:
        """Let it end where it is still ours."""
        os.close(self._tells)
        if self._agent is not None:
            with self._agent:
                self._agent.kill()
