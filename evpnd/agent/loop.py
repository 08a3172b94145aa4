"""The event loop: events into the engine, a turn, its actions out again."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from evpnd import log
from evpnd.adapters import descriptors
from evpnd.adapters.control.server import ControlServer, SocketInUse
from evpnd.adapters.loop_faults import LoopFaults
from evpnd.adapters.netlink.kernel import Kernel
from evpnd.adapters.oam.answerer import Answerer
from evpnd.adapters.pipe.intake import Intake
from evpnd.adapters.pipe.streams import Output, read_messages
from evpnd.adapters.pipe.translation import MessageReader, MessageWriter, peers_of
from evpnd.adapters.recording.recorder import Recorder
from evpnd.adapters.reports import Reports
from evpnd.agent.reload import Reloads
from evpnd.agent.requests import Requests
from evpnd.core.engine import Engine
from evpnd.model.actions import Action, BgpAction, KernelAction, Notice, SnoopPorts
from evpnd.model.config import RING_SIZE, Config, RecordConfig
from evpnd.model.events import Event
from evpnd.views.query import Query
from evpnd.wire.messages import Alive, Hello, Message, Reload, Shutdown
from evpnd.wire.pipe import encode

STDIN, STDOUT = 0, 1
HEARTBEAT = 2.0
"""Seconds between two messages to the speaker that the loop goes round."""
SWEPT = 512
"""Routes of a peer that is gone that one turn withdraws."""


class Agent:
    """Events from the speaker, the kernel and the operator, through the core."""

    def __init__(
        self, config: Config, kept: Path | None = None, record: Path | None = None
    ) -> None:
        """Store an accepted configuration, and where the next one is kept.

        `record` is a recording that `evpnd run` was asked for.
        """
        self._began = time.monotonic()
        self.engine = Engine(config, self._began)
        self.reports = Reports(self.engine)
        self._stopped = asyncio.Event()
        self._reader = MessageReader(config)
        self._recorder = Recorder(self.engine, self._reader, self.reports)
        self.reports.on_told = self._recorder.notice
        self._record = record
        self._writer = MessageWriter()
        self._output = Output(STDOUT)
        self._kernel = Kernel(self._take, self._take_rows)
        self._reloads = Reloads(
            config,
            kept,
            self.engine,
            self.reports,
            tell=self._reconfigure,
            handle=self._handle,
            turn=self._turn,
        )
        self._requests = Requests(
            self.engine,
            self.reports,
            self._recorder,
            turn=self._turn,
            reload=self._reloads.now,
            turn_soon=self._turn_soon,
            end=self._stopped.set,
        )
        self._answerer = Answerer(Query(self.engine))
        readable = read_messages(STDIN, self._heard, self._stopped.set)
        self._intake = Intake(STDIN, readable, self._kernel)
        self._turn_due: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._oldest_input: float | None = None
        """When the first message arrived that the next turn handles."""
        self._greeted = False
        """The speaker is connected; it may still fail to start."""
        self._stopping = False
        """The speaker sent Shutdown: only a flush changes anything now."""
        self._failure: Exception | None = None
        self._faults = LoopFaults()
        self._ports_told = 0
        """Tenant ports for which the limit of descriptors was found too low."""
        self._ending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until the speaker goes, or says so."""
        loop, config = asyncio.get_running_loop(), self._reloads.config
        loop.set_exception_handler(self._failed)
        os.set_blocking(STDIN, False)
        self._start_recording(loop, config)
        await self._kernel.start()
        control = ControlServer(config.control_socket, self._requests.answer)
        try:
            await control.start()
        except (SocketInUse, OSError) as error:
            sys.exit(f"evpnd: {error}")
        self._answerer.start(loop)
        self.reports.serve_metrics(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.soon)
        self._intake.start()
        self._beat(loop)
        started = {"pid": os.getpid(), "config": str(config.path)}
        self.reports.tell(Notice("info", "agent_started", started))
        try:
            await self._stopped.wait()
        finally:
            self._answerer.close(loop)
            await control.close()
            await self.reports.close()
            await self._kernel.close()
            await self._recorder.stop("the agent stopped")
            log.info("agent_stopped", pid=os.getpid())
        if self._failure is not None:
            raise self._failure

    def _start_recording(self, loop: asyncio.AbstractEventLoop, config: Config) -> None:
        self._recorder.attach(loop)
        wanted = config.record
        if self._record is not None:
            size = RING_SIZE if wanted is None else wanted.size
            wanted = RecordConfig(self._record, size)
        if wanted is not None:
            self._recorder.start_or_tell(wanted, self._began)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the speaker, again and again, that the loop goes round."""
        loop.call_later(HEARTBEAT, self._beat, loop)
        vrfs = self.engine.inventory.vrfs.values()
        ready = sum(vrf.ready for vrf in vrfs)
        self._output.write([encode(Alive(len(vrfs), ready))])

    def _failed(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, object]
    ) -> None:
        """End on an unexpected error: the speaker starts a new agent."""
        failure = context.get("exception")
        if isinstance(failure, Exception) and self._faults.end_us(context, loop.time()):
            self._failure = failure
            self._stopped.set()
            return
        fields = {"what": context.get("message"), "error": repr(failure)}
        self.reports.tell(Notice("warning", "loop_fault", fields))
        loop.default_exception_handler(context)

    def _heard(self, messages: Iterable[Message]) -> None:
        now = time.monotonic()
        if self._oldest_input is None:
            self._oldest_input = now
        handle, read = self.engine.handle, self._reader.read
        hear = self._recorder.hear if self._recorder.on else None
        for message in messages:
            if self._stopping:
                return
            if hear is not None:
                hear(now, message)
            for event in read(message):
                handle(event, now)
            match message:
                case Hello(version, _, layout):
                    self._greeted = True
                    self.reports.speaker = version, layout
                case Reload():
                    self._reloads.soon()
                case Shutdown(flush):
                    self._stopping = True
                    self._reloads.refuse()
                    self._ending = asyncio.create_task(self._stop(flush=flush))
                case _:
                    pass
        self._turn_soon()

    def _handle(self, event: Event) -> bool:
        now = time.monotonic()
        if self._recorder.on:
            self._recorder.see(now, event)
        return self.engine.handle(event, now)

    def _take(self, event: Event) -> None:
        if self._handle(event):
            self._turn_soon()

    def _take_rows(self, events: list[Event]) -> None:
        """Handle what was read of rows, and act upon it in the same round of the loop.

        What a tenant does is told without waiting for the loop's next look at all
        descriptors.
        """
        news = False
        for event in events:
            news |= self._handle(event)
        if news:
            self._turn()

    def _turn_soon(self) -> None:
        if self._turn_due is None:
            self._turn_due = asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> list[Action]:
        if self._turn_due is not None:
            self._turn_due.cancel()
            self._turn_due = None
        if self._stopping or not self._greeted:
            return []
        now = time.monotonic()
        # Else what is swept would keep the peers' messages from being read.
        sweep = 0 if self._intake.is_busy() else SWEPT
        recorder = self._recorder
        if recorder.on:
            recorder.turn(now, sweep)
        actions = self.engine.reconcile(now, sweep)
        self._do(actions)
        if recorder.on:
            recorder.after_turn(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.engine.next_deadline()
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(
                max(0.001, deadline - now), self._turn
            )
        return actions

    def _do(self, actions: list[Action]) -> None:
        kernel: list[KernelAction] = []
        bgp: list[BgpAction] = []
        for action in actions:
            if isinstance(action, Notice):
                self.reports.notice(action)
            elif isinstance(action, BgpAction):
                bgp.append(action)
            else:
                kernel.append(action)
                if isinstance(action, SnoopPorts):
                    self._check_descriptors(len(action.ports))
        if bgp:
            self._output.write(self._writer.write(bgp))
        if kernel:
            self._kernel.submit(kernel)
            if self._oldest_input is not None:
                written = partial(self.reports.written, self._oldest_input)
                self._kernel.call_when_done(written)
            self._intake.pace()
        self._oldest_input = None

    async def _stop(self, *, flush: bool) -> None:
        if flush:
            self._kernel.submit(
                [
                    action
                    for action in self.engine.flush()
                    if isinstance(action, KernelAction)
                ]
            )
            await self._kernel.drain()
            log.info("flushed")
        await self._reloads.forget()
        self._stopped.set()

    def _reconfigure(self, old: Config, new: Config) -> None:
        """Send a configuration to the speaker and to the reader of its messages."""
        self._reader.configure(new)
        if (old.peers, old.asn, old.router_id) != (
            new.peers,
            new.asn,
            new.router_id,
        ):
            self._output.write([encode(peers_of(new))])

    def _check_descriptors(self, ports: int) -> None:
        """Warn where tenant ports, a socket each, need more than the limit allows."""
        needed, limit = descriptors.needed(ports), descriptors.limit()
        if needed > limit and ports > self._ports_told:
            self._ports_told = ports
            fields = {
                "ports": ports,
                "limit": limit,
                "fix": f"set LimitNOFILE= of the service to at least {needed}",
            }
            self.reports.tell(Notice("warning", "descriptors_short", fields))
