"""The agent's process and the two pipes to it; stands in for ExaBGP's `Processes`.

A busy agent holds nothing up: what it does not read waits in a queue, and when
that is long, UPDATEs wait in TCP. A dead agent takes its queue with it: the next
one starts from what the reactor greets it with, and asks the peers for the rest.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from exabgp.reactor.api.processes import Processes

from evpnd.speaker import logs
from evpnd.speaker.configuration import AGENT, agent_command

CONGESTED = 8 << 20
"""Octets in the queue above which no more UPDATEs are read from peers."""
RELIEVED = 4 << 20
"""Octets below which they are read again."""

PIPE_SIZE = 1 << 20
LINE_MAX = 64 << 20
"""Octets; a longer line is no command but a broken agent."""

RESPAWN_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each start of an agent that keeps dying."""
SETTLED = 10.0
"""Seconds of life after which an agent's death counts as the first again."""

EXIT_WAIT = 20.0
"""Seconds to clean up after the shutdown line; a flush may be 100,000s of rows."""
KILL_WAIT = 2.0


def no_greeting() -> None:
    """Say nothing to a new agent."""


class AgentPipe(Processes):  # type: ignore[misc] # exabgp has no types
    """One agent at a time, respawned as often as it dies."""

    def __init__(self) -> None:
        super().__init__()
        self.greet: Callable[[], None] = no_greeting
        """Queue the first lines for an agent that was just started."""
        self._agent: subprocess.Popen[bytes] | None = None
        self._death = -1
        self._input = -1
        self._output = -1
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._line = b""
        self._congested = False
        self._started = 0.0
        self._deaths = 0
        self._start_at: float | None = None
        self._closing = False

    # The process

    def start(self, configuration: Mapping[str, Any], _restart: object = False) -> None:  # noqa: FBT002
        """Take the `process` section; start the agent if none runs."""
        self._configuration = configuration
        if self._agent is None and self._start_at is None:
            self._spawn()

    def _spawn(self) -> None:
        self._start_at = None
        self._started = time.monotonic()
        command = agent_command(self._configuration[AGENT]["run"])
        try:
            # A process group of its own: ^C is for us, the agent is told by a line.
            self._agent = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            logs.error("agent_failed_to_start", command=command, reason=str(error))
            self._schedule()
            return
        assert self._agent.stdin is not None
        assert self._agent.stdout is not None
        self._death = os.pidfd_open(self._agent.pid)
        self._input = self._agent.stdin.fileno()
        self._output = self._agent.stdout.fileno()
        for pipe in (self._input, self._output):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):  # above the user's limit
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self.greet()

    def _schedule(self) -> None:
        """Start again: at once the first time, later and later in a crash loop."""
        if time.monotonic() - self._started > SETTLED:
            self._deaths = 0
        delay = RESPAWN_DELAYS[min(self._deaths, len(RESPAWN_DELAYS) - 1)]
        self._deaths += 1
        self._start_at = time.monotonic() + delay

    def _bury(self) -> None:
        """Close the pipes of a dead agent and drop what was meant for it."""
        agent, self._agent = self._agent, None
        assert agent is not None
        status = agent.wait()
        for pipe in (agent.stdin, agent.stdout):
            assert pipe is not None
            pipe.close()
        os.close(self._death)
        self._death = self._input = self._output = -1
        self._queue.clear()
        self._queued = 0
        self._line = b""
        self._congested = False
        if self._closing:
            return
        if status < 0:
            logs.warning("agent_died", signal=signal.Signals(-status).name)
        else:
            logs.warning("agent_died", status=status)
        self._schedule()

    def _bury_if_dead(self) -> None:
        if self._agent is not None and self._agent.poll() is not None:
            self._bury()

    def timeout(self) -> float | None:
        """Tell in how many seconds a new agent is due; None: none is."""
        if self._start_at is None:
            return None
        return max(0.0, self._start_at - time.monotonic())

    def interest(self) -> dict[int, int]:
        """List the descriptors to poll, and for what."""
        if self._agent is None:
            return {}
        wanted = {self._death: select.POLLIN}
        if self._output >= 0:
            wanted[self._output] = select.POLLIN
        if self._queue:
            wanted[self._input] = select.POLLOUT
        return wanted

    # To the agent

    @property
    def congested(self) -> bool:
        """Tell whether UPDATEs have to wait."""
        return self._congested

    def send(self, line: bytes) -> None:
        """Queue a line, its newline included; without an agent it is dropped."""
        if self._agent is None:
            return
        self._queue.append(line)
        self._queued += len(line)
        if self._queued > CONGESTED:
            self._congested = True

    def flush(self) -> None:
        """Write what the pipe takes now."""
        queue = self._queue
        while queue:
            batch = list(islice(queue, 64))
            try:
                written = os.writev(self._input, batch)
            except (BlockingIOError, InterruptedError):
                break
            except BrokenPipeError:  # about to be buried
                queue.clear()
                self._queued = 0
                break
            self._queued -= written
            for line in batch:
                if written < len(line):
                    queue[0] = line[written:]
                    break
                written -= len(line)
                queue.popleft()
        if self._queued < RELIEVED:
            self._congested = False

    # From the agent

    def received(self) -> Iterator[tuple[str, str]]:
        """Give the commands that have come, as (process, line); never wait.

        An agent that died is buried, one that is due is started.
        """
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._spawn()
        for line in self._read_lines():
            yield AGENT, line.decode("ascii", "replace")
        self._bury_if_dead()

    def _read_lines(self) -> list[bytes]:
        if self._output < 0:
            return []
        try:
            octets = os.read(self._output, PIPE_SIZE)
        except (BlockingIOError, InterruptedError):
            return []
        if not octets:
            # Without its output an agent is of no use; most likely it is exiting.
            self._output = -1
            assert self._agent is not None
            if not self._closing:
                self._agent.kill()
            return []
        *lines, self._line = (self._line + octets).split(b"\n")
        if len(self._line) > LINE_MAX:
            logs.error("agent_line_too_long", octets=len(self._line))
            assert self._agent is not None
            self._agent.kill()
            self._line = b""
        return lines

    # What ExaBGP asks of its processes and an agent has no use for

    def broken(self, _neighbor: object) -> bool:
        """Tell that no peer has to stop for a dead agent."""
        return False

    def answer_done(self, _service: str, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Say nothing: commands are not acknowledged."""

    def answer_error(self, _service: str) -> None:
        """Say nothing: what is wrong with a command is logged."""

    # The end

    def close(self, *, impatient: Callable[[], bool]) -> None:
        """Wait for the agent to exit by itself, then make it.

        The shutdown line was sent before; `impatient` cuts the long wait short.
        """
        self._closing = True
        self._start_at = None
        self._await_exit(EXIT_WAIT, impatient)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._agent is None:
                return
            logs.warning("agent_did_not_exit", sending=number.name)
            self._agent.send_signal(number)
            self._await_exit(KILL_WAIT, lambda: False)

    def _await_exit(self, wait: float, impatient: Callable[[], bool]) -> None:
        deadline = time.monotonic() + wait
        while self._agent is not None and not impatient():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self.flush()
            poller = select.poll()
            for descriptor, events in self.interest().items():
                poller.register(descriptor, events)
            poller.poll(min(left, 0.25) * 1000)
            self._read_lines()
            self._bury_if_dead()
