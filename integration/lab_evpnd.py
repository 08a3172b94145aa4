"""evpnd as a process under test, and its command line."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from evpnd.cli.main import call
from integration import recordings
from integration.lab_netns import LabError, Process, children, wait_until

START = 20.0
"""Seconds that a start on a busy machine may take until the socket answers."""


def command() -> list[str]:
    """How evpnd is called: the console script, or the module without one."""
    script = Path(sys.executable).with_name("evpnd")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-m", "evpnd.cli.main"]


class Evpnd:
    """One daemon: its file, its control socket, its log."""

    def __init__(
        self,
        namespace: str,
        directory: Path,
        name: str,
        config: Mapping[str, object] | str,
    ) -> None:
        """Write the configuration; ``control.socket`` is the lab's own."""
        self.namespace = namespace
        self.path = directory / f"{name}.yaml"
        self.socket = directory / f"{name}.sock"
        self.log = directory / f"{name}.log"
        self.recording = directory / f"{name}.rec"
        self.unrecorded = False
        """It records nothing, or what it records is not to be replayed."""
        self._process: Process | None = None
        self.write(config)

    def write(self, config: Mapping[str, object] | str) -> None:
        """Write the file anew; a text is written as it is."""
        if isinstance(config, str):
            self.path.write_text(config)
            return
        control: dict[str, object] = {"control": {"socket": str(self.socket)}}
        self.path.write_text(yaml.safe_dump(control | dict(config), sort_keys=False))

    def start(self, *arguments: str, stderr: int | None = None) -> None:
        """Start ``evpnd run``; does not wait for it.

        Its log goes to the lab's file, or to a descriptor.
        """
        argv = [*command(), "run", "-c", str(self.path), *arguments]
        if recordings.wanted:
            argv += ["--record", str(self.recording)]
        self._process = Process(self.namespace, argv, self.log, stderr=stderr)

    @property
    def process(self) -> Process:
        """The running daemon."""
        if self._process is None:
            raise LabError("evpnd was not started")
        return self._process

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM and wait; the exit status."""
        return self.process.stop(timeout)

    def check_recording(self) -> None:
        """Compare the replay of what it recorded with what it knows, if it does."""
        runs = self._process is not None and self._process.status is None
        if runs and recordings.wanted and not self.unrecorded:
            recordings.check(self, self.recording)

    def ask_to_stop(self) -> None:
        """SIGTERM without waiting."""
        self.process.signal(signal.SIGTERM)

    def restart(self, *arguments: str) -> None:
        """Stop, and start again."""
        self.stop()
        self.start(*arguments)

    def agent_pid(self) -> int:
        """Return the pid of the agent, a child of the speaker."""

        def find() -> int | None:
            found = children(self.process.pid)
            return next((pid for pid, line in found.items() if "agent" in line), None)

        return wait_until(find, START, "an agent below the speaker") or 0

    def kill_agent(self) -> int:
        """End the agent as a crash would, and wait until it is gone; its pid."""
        pid = self.agent_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: pid not in children(self.process.pid), START, "the agent's end"
        )
        return pid

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run an evpnd command against this daemon; any exit status."""
        return subprocess.run(
            ["ip", "netns", "exec", self.namespace, *command(), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run an evpnd command that only asks this daemon; any exit status.

        It is run in this process: a new one takes hundreds of times as long as the
        question, and tests ask again and again.
        """
        argv = [*words, "--socket", str(self.socket)]
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            status = call(argv)
        return subprocess.CompletedProcess(argv, status, out.getvalue(), err.getvalue())

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Run ``evpnd reload``."""
        return self.ask("reload")

    def show(self, what: str, *filters: str) -> list[dict[str, object]]:
        """Run ``evpnd show WHAT --json``; LabError where that fails."""
        words = ["show", what, "--json", *filters]
        done = self.ask(*words)
        if done.returncode != 0:
            raise LabError(
                f"evpnd {' '.join(words)}: status {done.returncode}: "
                f"{done.stdout}{done.stderr}\n{self.process.tail()}"
            )
        rows = json.loads(done.stdout)
        if not isinstance(rows, list):
            raise LabError(f"evpnd {' '.join(words)}: no list: {done.stdout}")
        return rows

    def wait_show(
        self,
        what: str,
        holds: Callable[[list[dict[str, object]]], bool],
        why: str,
        timeout: float = START,
    ) -> list[dict[str, object]]:
        """Wait until what ``show`` prints fulfils something, and return it."""
        seen: list[dict[str, object]] = []
        trouble = ""

        def look() -> list[dict[str, object]] | None:
            nonlocal seen, trouble
            status = self.process.status
            if status is not None:
                raise LabError(f"evpnd ended: {status}\n{self.process.tail()}")
            try:
                seen = self.show(what)
            except LabError as error:
                trouble = str(error)
                return None
            trouble = ""
            return seen if holds(seen) else None

        def instead() -> str:
            return trouble or f"{seen}\n{self.process.tail()}"

        wait_until(look, timeout, why, interval=0.2, seen=instead)
        return seen

    def wait_established(self, number: int, timeout: float = START) -> None:
        """Wait for a number of established sessions."""
        self.wait_show(
            "peers",
            lambda rows: sum(row["state"] == "established" for row in rows) >= number,
            f"{number} sessions of {self.path.stem} established",
            timeout,
        )

    def wait_ready(self, number: int, timeout: float = START) -> None:
        """Wait for a number of EVIs that are ready."""
        self.wait_show(
            "evis",
            lambda rows: sum(row["state"] == "ready" for row in rows) >= number,
            f"{number} EVIs of {self.path.stem} ready",
            timeout,
        )
