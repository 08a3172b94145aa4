"""Requests of the control socket: answered at once or by a copy."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from evpnd.adapters.clearing import clear_peer
from evpnd.adapters.control.server import Answer
from evpnd.adapters.copy import Copies
from evpnd.adapters.explaining import explain
from evpnd.adapters.file_questions import FileQuestions
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.model.ids import parse_ip, parse_mac

SHOWN_AT_ONCE = 5_000
"""Routes and local MACs above which a copy writes the tables: some 25 ms."""


class Requests:
    """Answers requests, which `adapters/control/requests.py` has checked."""

    def __init__(
        self,
        engine: Engine,
        reports: Reports,
        *,
        reload: Callable[[], Awaitable[dict[str, object]]],
        turn_soon: Callable[[], None],
    ) -> None:
        """Store what is asked, and what is done for those who ask for more."""
        self._engine = engine
        self._reports = reports
        self._reload = reload
        self._turn_soon = turn_soon
        self._copies = Copies()
        self._file_questions = FileQuestions(engine, self._copies)

    async def answer(self, request: dict[str, object]) -> Answer:
        """Return the answer, or a generator of its pieces."""
        match request:
            case {"command": "show", "what": str(what)}:
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
                return {"ok": True, "result": self._reports.status()}
            case {"command": "clear", "vni": int(vni)}:
                mac, ip = request.get("mac"), str(request.get("ip"))
                return self._clear(vni, parse_mac(str(mac)) if mac else parse_ip(ip))
            case {"command": "clear-peer", "peer": str(peer)}:
                soft = request.get("soft") is True
                return clear_peer(self._engine, peer, self._turn_soon, soft=soft)
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

    def _clear(self, vni: int, address: bytes) -> dict[str, object]:
        if not self._engine.clear_duplicate(vni, address):
            return {"ok": False, "error": f"it is not a duplicate in VNI {vni}"}
        self._turn_soon()
        return {"ok": True}
