"""Requests of the control socket: answered at once or by a copy."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from evpnd import log
from evpnd.adapters.clearing import clear_peer
from evpnd.adapters.control.server import Answer
from evpnd.adapters.copy import Copies
from evpnd.adapters.explaining import evis_with_losses, explain
from evpnd.adapters.file_questions import FileQuestions
from evpnd.adapters.recording.recorder import Recorder
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.config import RING_SIZE
from evpnd.model.ids import parse_ip, parse_mac

LEAVE = 0.1
"""Seconds between the answer to who asks the agent to end, and its end."""
SHOWN_AT_ONCE = 5_000
"""Routes and local MACs above which a copy writes the tables: some 25 ms."""


class Requests:
    """Answers requests, which `adapters/control/requests.py` has checked."""

    def __init__(
        self,
        engine: Engine,
        reports: Reports,
        recorder: Recorder,
        *,
        turn: Callable[[], object],
        reload: Callable[[], Awaitable[dict[str, object]]],
        turn_soon: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        """Store what is asked, and what is done for those who ask for more."""
        self._engine = engine
        self._reports = reports
        self._recorder = recorder
        self._turn = turn
        self._reload = reload
        self._turn_soon = turn_soon
        self._end = end
        self._copies = Copies()
        self._file_questions = FileQuestions(engine, self._copies)

    async def answer(self, request: dict[str, object]) -> Answer:
        """Return the answer, or a generator of its pieces."""
        match request:
            case {"command": "show", "what": str(what)}:
                if what == "evis" and request.get("losses") is True:
                    return self._copies.ask(
                        partial(evis_with_losses, self._engine, self._reports, request)
                    )
                # Counting for policies disturbs the counters that metrics read. Events
                # are few, however many routes there are.
                if what == "policies" or (
                    what != "events" and self._reports.size() > SHOWN_AT_ONCE
                ):
                    return self._copies.ask(
                        partial(self._reports.show, what, request, at_once=False)
                    )
                return self._reports.show(what, request)
            case {"command": "status"}:
                return {"ok": True, "result": self._reports.service()}
            case {"command": "clear", "vni": int(vni)}:
                mac, ip = request.get("mac"), str(request.get("ip"))
                return self._clear(vni, parse_mac(str(mac)) if mac else parse_ip(ip))
            case {"command": "clear-peer", "peer": str(peer)}:
                soft = request.get("soft") is True
                self._recorder.clear_peer(time.monotonic(), peer, soft=soft)
                return clear_peer(self._engine, peer, self._turn_soon, soft=soft)
            case {"command": "record"}:
                return await self._record(request)
            case {"command": "restart-agent"}:
                log.info("agent_restart_requested")
                asyncio.get_running_loop().call_later(LEAVE, self._end)
                return {"ok": True}
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
                    partial(explain, self._engine, what, value, within)
                )
            case _:
                return {"ok": False, "error": "there is no such command"}

    async def _record(self, request: dict[str, object]) -> dict[str, object]:
        """Begin or end a recording; without `do`, say whether there is one."""
        recorder = self._recorder
        match request:
            case {"do": "start", "file": str(file)}:
                if recorder.on:
                    error = f"{recorder.status['file']} is recorded already; stop it"
                    return {"ok": False, "error": error}
                given = request.get("size")
                size = given if isinstance(given, int) else RING_SIZE
                self._turn()  # a state is what it is after a turn
                try:
                    recorder.start(Path(file), size, time.monotonic(), fresh=False)
                except OSError as error:
                    return {"ok": False, "error": f"{file}: {error.strerror}"}
            case {"do": "stop"}:
                if not recorder.on:
                    return {"ok": False, "error": "nothing is recorded"}
                await recorder.stop("evpnd record stop")
            case _:
                pass
        return {"ok": True, "result": recorder.status}

    def _clear(self, vni: int, address: bytes) -> dict[str, object]:
        self._recorder.clear(time.monotonic(), vni, address)
        if not self._engine.clear_duplicate(vni, address):
            return {"ok": False, "error": f"it is not a duplicate in VNI {vni}"}
        self._turn_soon()
        return {"ok": True}
