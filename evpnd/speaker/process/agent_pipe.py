"""The agent's process and the two pipes to it; stands in for ExaBGP's `Processes`.

A busy agent holds nothing up: what it does not read waits in a queue for each
peer, and when that is long, the UPDATEs of this peer wait in TCP. A dead agent takes
the queues with it: the next one starts from what the reactor greets it with, and
asks the peers for the rest.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from exabgp.reactor.api.processes import Processes

from evpnd import log
from evpnd.speaker.process.agent_process import read_command, spawn
from evpnd.speaker.process.configuration import AGENT
from evpnd.speaker.process.turns import Turns, slices
from evpnd.wire.messages import ToAgent, Updates
from evpnd.wire.pipe import Frames, PipeError, encode

INPUT_SIZE = 8 << 10
"""Octets of the pipe to the agent: what is in it is in front of every peer's. The agent
makes it larger while messages cost little (`evpnd.adapters.pipe.pace`)."""
OUTPUT_SIZE = 1 << 20
"""Octets of the pipe from the agent."""
WRITE_SIZE = 8 << 10
"""Octets of messages that are taken from the queues for one write."""

RESPAWN_DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each start of an agent that keeps dying."""
SETTLED = 10.0
"""Seconds of life after which an agent's death counts as the first again."""

SILENCE = 60.0
"""Seconds without a frame, after which an agent hangs; it tells all few seconds that it
is alive."""
LOOK = 1.0
"""Seconds that pass between two looks at most: those of a halted machine count less."""

EXIT_WAIT = 20.0
"""Seconds to clean up after Shutdown; a flush may be 100,000s of rows."""
KILL_WAIT = 2.0


def no_greeting() -> None:
    """Do nothing: a new agent gets no message from ExaBGP."""


class AgentPipe(Processes):  # type: ignore[misc] # exabgp has no types
    """One agent at a time, respawned as often as it dies."""

    first: ClassVar[subprocess.Popen[bytes] | None] = None
    """An agent that was started before and is not in use yet."""

    def __init__(self) -> None:
        super().__init__()
        self.greet: Callable[[], None] = no_greeting
        """Queue the first messages for an agent that was just started."""
        self._agent: subprocess.Popen[bytes] | None = None
        self._death = -1
        self._input = -1
        self._output = -1
        self._turns = Turns()
        self._leaving = b""
        """Frames that the pipe took in part, or not yet."""
        self._frames = Frames()
        self._started = 0.0
        self._deaths = 0
        self._start_at: float | None = None
        self._closing = False
        self._silence = 0.0
        self._looked = 0.0

    # The process

    def start(self, configuration: Mapping[str, Any], _restart: object = False) -> None:  # noqa: FBT002
        """Store the `process` section; start the agent if none runs."""
        self._configuration = configuration
        if self._agent is None and self._start_at is None:
            self._spawn()

    def _spawn(self) -> None:
        self._start_at = None
        self._started = time.monotonic()
        command = read_command(self._configuration[AGENT]["run"])
        try:
            self._agent = self.take_first() or spawn(command)
        except OSError as error:
            log.error("agent_failed_to_start", command=command, reason=str(error))
            self._schedule()
            return
        assert self._agent.stdin is not None
        assert self._agent.stdout is not None
        self._death = os.pidfd_open(self._agent.pid)
        self._silence = 0.0
        self._input = self._agent.stdin.fileno()
        self._output = self._agent.stdout.fileno()
        for pipe, size in ((self._input, INPUT_SIZE), (self._output, OUTPUT_SIZE)):
            os.set_blocking(pipe, False)
            with contextlib.suppress(OSError):  # above the user's limit
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
        self.greet()

    @classmethod
    def take_first(cls) -> subprocess.Popen[bytes] | None:
        """Return the agent that was started before; None: it is in use, or none was."""
        first, cls.first = cls.first, None
        return first

    def _schedule(self) -> None:
        """Start again: at once the first time, after growing pauses in a crash loop."""
        if time.monotonic() - self._started > SETTLED:
            self._deaths = 0
        delay = RESPAWN_DELAYS[min(self._deaths, len(RESPAWN_DELAYS) - 1)]
        self._deaths += 1
        self._start_at = time.monotonic() + delay

    def _bury(self) -> None:
        """Close the pipes of a dead agent and drop its messages."""
        agent, self._agent = self._agent, None
        assert agent is not None
        status = agent.wait()
        for pipe in (agent.stdin, agent.stdout):
            assert pipe is not None
            pipe.close()
        os.close(self._death)
        self._death = self._input = self._output = -1
        self._turns.clear()
        self._leaving = b""
        self._frames = Frames()
        if self._closing:
            return
        if status == 0:
            log.info("agent_left")
        elif status < 0:
            log.warning("agent_died", signal=signal.Signals(-status).name)
        else:
            log.warning("agent_died", status=status)
        self._schedule()

    def judge_silence(self, now: float) -> None:
        """Kill an agent that hangs; the next one takes its place.

        `now` is monotonic seconds.
        """
        passed, self._looked = now - self._looked, now
        if self._agent is None or self._output < 0:
            return
        self._silence += min(passed, LOOK)
        if self._silence > SILENCE:
            log.error("agent_hangs", pid=self._agent.pid, silent=int(SILENCE))
            self._silence = 0.0
            self._agent.kill()

    def _bury_if_dead(self) -> None:
        if self._agent is not None and self._agent.poll() is not None:
            self._bury()

    def timeout(self) -> float | None:
        """Return the seconds until a new agent is due; None: none is."""
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
        if self._leaving or self._turns:
            wanted[self._input] = select.POLLOUT
        return wanted

    # To the agent

    def congested(self, peer: str) -> bool:
        """Return whether the UPDATEs of a peer have to wait."""
        return self._turns.congested(peer)

    def send(self, message: ToAgent) -> None:
        """Queue a message; without an agent it is dropped.

        Those of one peer stay in their order; those of no peer go first.
        """
        if self._agent is not None:
            self._turns.add(encode(message), getattr(message, "peer", None))

    def send_updates(self, peer: str, updates: bytes) -> None:
        """Queue whole UPDATE messages of a peer, with their headers, undecoded."""
        if self._agent is None:
            return
        for piece in slices(updates):
            self._turns.add(encode(Updates(peer, piece)), peer)

    def flush(self) -> None:
        """Write what the pipe takes now."""
        turns = self._turns
        while self._leaving or turns:
            if not self._leaving:
                self._leaving = b"".join(turns.take(WRITE_SIZE))
            try:
                written = os.write(self._input, self._leaving)
            except (BlockingIOError, InterruptedError):
                return
            except BrokenPipeError:  # about to be buried
                turns.clear()
                self._leaving = b""
                return
            self._leaving = self._leaving[written:]

    # From the agent

    def received(self) -> Iterator[tuple[str, bytes]]:
        """Yield the frames that have arrived, as (process, frame); never wait.

        An agent that died is buried, one that is due is started.
        """
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._spawn()
        for frame in self._read_frames():
            yield AGENT, frame
        self._bury_if_dead()

    def _read_frames(self) -> list[bytes]:
        if self._output < 0:
            return []
        try:
            octets = os.read(self._output, OUTPUT_SIZE)
        except (BlockingIOError, InterruptedError):
            return []
        if not octets:
            # Without its output an agent is of no use; most likely it is exiting.
            self._output = -1
            assert self._agent is not None
            if not self._closing:
                self._agent.kill()
            return []
        self._silence = 0.0
        try:
            return self._frames.feed(octets)
        except PipeError as error:
            log.error("agent_sent_no_frame", reason=str(error))
            self._output = -1
            assert self._agent is not None
            self._agent.kill()
            return []

    # What ExaBGP asks of its processes and an agent has no use for

    def broken(self, _neighbor: object) -> bool:
        """Return that no peer has to stop for a dead agent."""
        return False

    def answer_done(self, _service: str, force: bool = False) -> None:  # noqa: FBT001, FBT002
        """Do nothing: commands are not acknowledged."""

    def answer_error(self, _service: str) -> None:
        """Do nothing: a wrong command is logged."""

    # The end

    def close(self, *, impatient: Callable[[], bool]) -> None:
        """Wait for the agent to exit, then kill it.

        The shutdown message was sent before; `impatient` cuts the long wait short.
        """
        self._closing = True
        self._start_at = None
        self._await_exit(EXIT_WAIT, impatient)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._agent is None:
                return
            log.warning("agent_did_not_exit", sending=number.name)
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
            self._read_frames()
            self._bury_if_dead()
