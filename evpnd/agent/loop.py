"""The agent: one event loop that puts the adapters and the core together.

Started by the speaker (`python -m evpnd.agent -c FILE`), which is at the other
end of standard input and output. It can be killed at any moment: the sessions
live in the speaker and the rows in the kernel, and a new agent learns both anew.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from evpnd import log
from evpnd.adapters import accepted, descriptors
from evpnd.adapters.clearing import clear_peer
from evpnd.adapters.config_child.parent import Unreadable, read_config
from evpnd.adapters.control.server import Answer, ControlServer, SocketInUse
from evpnd.adapters.copy import Copies
from evpnd.adapters.explaining import explain
from evpnd.adapters.file_questions import FileQuestions, refusal_of
from evpnd.adapters.loop_faults import LoopFaults
from evpnd.adapters.netlink.kernel import Kernel
from evpnd.adapters.pipe.intake import Intake
from evpnd.adapters.pipe.streams import Output, read_messages
from evpnd.adapters.pipe.translation import MessageReader, MessageWriter, peers_of
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.core.evi.discovery import describe_reload
from evpnd.model.actions import Action, BgpAction, KernelAction, Notice, SnoopPorts
from evpnd.model.config import Config
from evpnd.model.config_changes import (
    NEEDS_RESTART,
    sessions_that_stay,
)
from evpnd.model.events import ConfigChanged, Event
from evpnd.model.ids import parse_ip, parse_mac
from evpnd.views.summary import summarise
from evpnd.wire.messages import Hello, Message, Reload, Shutdown
from evpnd.wire.pipe import encode

STDIN, STDOUT = 0, 1
RELOAD_PAUSE = 0.1
"""Seconds without a signal, after which those that came in a row are one reload."""
RELOAD_PAUSES = 10
"""Pauses after which it begins though signals keep coming."""
SWEPT = 512
"""Routes of a peer that is gone which one turn withdraws."""
SHOWN_AT_ONCE = 5_000
"""Routes and local MACs above which a copy writes the tables: some 25 ms."""


class Agent:
    """Events from the speaker, the kernel and the operator, through the core."""

    def __init__(self, config: Config, kept: Path | None = None) -> None:
        """Take an accepted configuration, and where the next one is kept."""
        self.config = config
        self._kept = kept
        self.engine = Engine(config, time.monotonic())
        self.reports = Reports(self.engine)
        self._reader = MessageReader(config)
        self._writer = MessageWriter()
        self._output = Output(STDOUT)
        self._kernel = Kernel(self._take)
        self._copies = Copies()
        self._file_questions = FileQuestions(self.engine, self._copies)
        self._stopped = asyncio.Event()
        readable = read_messages(STDIN, self._heard, self._stopped.set)
        self._intake = Intake(STDIN, readable, self._kernel)
        self._turn_due: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reloading = asyncio.Lock()
        self._oldest_input: float | None = None
        """When the first of the messages came that the next turn answers."""
        self._greeted = False
        """The speaker serves us; it may yet find that it cannot serve anybody."""
        self._stopping = False
        """The speaker said that we end: nothing is changed but by a flush."""
        self._failure: Exception | None = None
        self._faults = LoopFaults()
        self._signals = 0
        """How often SIGHUP came since the file was read last."""
        self._ports_told = 0
        """Tenant ports for which the limit of descriptors was found too low."""
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(self) -> None:
        """Serve until the speaker goes, or says so."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        os.set_blocking(STDIN, False)
        await self._kernel.start()
        control = ControlServer(self.config.control_socket, self._answer)
        try:
            await control.start()
        except (SocketInUse, OSError) as error:
            sys.exit(f"evpnd: {error}")
        self.reports.serve_metrics(self.config)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        self._intake.start()
        started = {"pid": os.getpid(), "config": str(self.config.path)}
        self.reports.notice(Notice("info", "agent_started", started))
        try:
            await self._stopped.wait()
        finally:
            await control.close()
            await self.reports.close()
            await self._kernel.close()
            log.info("agent_stopped", pid=os.getpid())
        if self._failure is not None:
            raise self._failure

    def _failed(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, object]
    ) -> None:
        """End on an error that nobody foresaw: the speaker starts a new agent."""
        failure = context.get("exception")
        if isinstance(failure, Exception) and self._faults.end_us(context, loop.time()):
            self._failure = failure
            self._stopped.set()
            return
        fields = {"what": context.get("message"), "error": repr(failure)}
        self.reports.notice(Notice("warning", "loop_fault", fields))
        loop.default_exception_handler(context)

    def _heard(self, messages: Iterable[Message]) -> None:
        now = time.monotonic()
        if self._oldest_input is None:
            self._oldest_input = now
        handle, read = self.engine.handle, self._reader.read
        for message in messages:
            if self._stopping:
                return
            for event in read(message):
                handle(event, now)
            match message:
                case Hello():
                    self._greeted = True
                case Reload():
                    self._reload_soon()
                case Shutdown(flush):
                    self._stopping = True
                    self._spawn(self._stop(flush=flush))
                case _:
                    pass
        self._turn_soon()

    def _take(self, event: Event) -> None:
        if self.engine.handle(event, time.monotonic()):
            self._turn_soon()

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
        actions = self.engine.reconcile(now, sweep)
        self._do(actions)
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
        if self._kept is not None:
            async with self._reloading:
                accepted.forget(self._kept)
        self._stopped.set()

    async def _answer(self, request: dict[str, object]) -> Answer:
        match request:
            case {"command": "show", "what": str(what)}:
                # Counting for policies disturbs the counters that metrics read.
                if what == "policies" or self.reports.size() > SHOWN_AT_ONCE:
                    return self._copies.ask(
                        partial(self.reports.show, what, request, at_once=False)
                    )
                return self.reports.show(what, request)
            case {"command": "status"}:
                return {"ok": True, "result": self.reports.status()}
            case {"command": "clear", "vni": int(vni)}:
                mac, ip = request.get("mac"), str(request.get("ip"))
                return self._clear(vni, parse_mac(str(mac)) if mac else parse_ip(ip))
            case {"command": "clear-peer", "peer": str(peer)}:
                soft = request.get("soft") is True
                return clear_peer(self.engine, peer, self._turn_soon, soft=soft)
            case {"command": "reload"}:
                return await self._reload()
            case {"command": "plan", "path": str(path)}:
                return await self._file_questions.plan(Path(path))
            case {"command": "rehearse", "path": str(path)}:
                return await self._file_questions.rehearse(Path(path))
            case {"command": "explain", "what": str(what), "value": str(value)}:
                given = request.get("vni")
                within = given if isinstance(given, int) else None
                return self._copies.ask(
                    partial(explain, self.engine, what, value, within)
                )
            case _:
                return {"ok": False, "error": "there is no such command"}

    def _clear(self, vni: int, address: bytes) -> dict[str, object]:
        if not self.engine.clear_duplicate(vni, address):
            return {"ok": False, "error": f"it is no duplicate in VNI {vni}"}
        self._turn_soon()
        return {"ok": True}

    def _check_descriptors(self, ports: int) -> None:
        """Warn where tenant ports, a socket each, need more than the limit allows."""
        needed, limit = descriptors.needed(ports), descriptors.limit()
        if needed > limit and ports > self._ports_told:
            self._ports_told = ports
            fields = {
                "ports": ports,
                "limit": limit,
                "fix": f"set LimitNOFILE= of the service to {needed} at least",
            }
            self.reports.notice(Notice("warning", "descriptors_short", fields))

    def _reload_soon(self) -> None:
        self._signals += 1
        if self._signals == 1:
            self._spawn(self._reload_when_quiet())

    async def _reload_when_quiet(self) -> None:
        """Reload once for all signals that came before the file is read."""
        heard = 0
        for _ in range(RELOAD_PAUSES):
            if heard == self._signals:
                break
            heard = self._signals
            await asyncio.sleep(RELOAD_PAUSE)
        async with self._reloading:
            if self._signals:
                await self._reload_now()

    def _spawn(self, work: "asyncio._CoroutineLike[object]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> dict[str, object]:
        async with self._reloading:
            return await self._reload_now()

    async def _reload_now(self) -> dict[str, object]:
        self._signals = 0
        if self._stopping:
            return {"ok": False, "error": "evpnd is about to end"}
        try:
            new = await read_config(self.config.path)
        except Unreadable as refused:
            fields: dict[str, object] = {"errors": list(refused.errors)}
            self.reports.notice(Notice("warning", "reload_refused", fields))
            return refusal_of(refused, "; nothing was changed")
        await asyncio.to_thread(self._keep, new)
        old, self.config = self.config, new
        inventory = self.engine.inventory
        changes = describe_reload(old, new, inventory.links, inventory.vrfs)
        self._reader.configure(new)
        if (old.peers, old.asn, old.router_id) != (
            new.peers,
            new.asn,
            new.router_id,
        ):
            self._output.write([encode(peers_of(new))])
        self._turn()  # what waits is no doing of the new configuration
        self.engine.handle(ConfigChanged(new), time.monotonic())
        staying = sessions_that_stay(old, new)
        hearers = [
            session.peer
            for session in self.engine.peering.sessions.values()
            if session.established and session.peer in staying
        ]
        changes += summarise(self._turn(), hearers)
        self.reports.notice(Notice("info", "reloaded", {"changes": changes}))
        return {"ok": True, "changes": changes}

    def _keep(self, config: Config) -> None:
        """Keep what is in force now for the agent after this one."""
        if self._kept is None:
            return
        as_before = {name: getattr(self.config, name) for name in NEEDS_RESTART}
        try:
            accepted.keep(replace(config, **as_before), self._kept)
        except OSError as error:
            log.warning("accepted_not_kept", path=self._kept, reason=error.strerror)
