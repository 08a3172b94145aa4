"""What stands between a file and a daemon.

A child of `evpnd run` (`__main__`) reads the file and looks whether the host is fit.
Meanwhile, `evpnd run` itself imports ExaBGP, and the agent what it needs. The daemon
never loads the reader, its library, and the questions to the host
(docs/adr/0035-three-side-by-side.md).
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.handover import OtherCode, unpack
from evpnd.model.config import Config


class Prepared(NamedTuple):
    """An accepted configuration, and whether the host is fit for it."""

    config: Config
    in_force: Config
    """The same, with its files named as the agent names them: wherever it runs."""
    obstacles: list[str]
    """Why the daemon cannot start."""
    warnings: list[str]


class Refused(NamedTuple):
    """The configuration has errors."""

    text: str
    """A line for each."""


class PreparationFailed(Exception):  # noqa: N818 - it says what happened
    """The child gave no answer; the text is a sentence."""


class Preparation:
    """The child, from its start to its answer."""

    def __init__(self, path: Path) -> None:
        """Start the child; raises OSError."""
        command = [sys.executable, "-P", "-m", __name__, str(path)]
        # A process group of its own: ^C is for us. What it says on standard error is
        # for the operator.
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0)

    def close(self) -> None:
        """End the child if it has not come to its end."""
        with self._child:
            self._child.kill()

    def result(self) -> Prepared | Refused:
        """Wait for the answer; raises PreparationFailed."""
        octets, _ = self._child.communicate()
        status = self._child.returncode
        if status:
            how = f"status {status}" if status > 0 else f"signal {-status}"
            raise PreparationFailed(f"the process that reads the file failed: {how}")
        try:
            found = unpack(octets)
        except OtherCode:
            found = None
        if isinstance(found, Prepared | Refused):
            return found
        raise PreparationFailed("the package was changed meanwhile; start evpnd again")
