"""The configuration in force, and its reload.

A child reads the file; what it accepts is kept for the agent after this one, then told
to the speaker and the core. One reload at a time, and none once the end has begun.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from evpnd import log
from evpnd.adapters import accepted
from evpnd.adapters.config_child.parent import Unreadable, read_config
from evpnd.adapters.file_questions import refusal_of
from evpnd.adapters.reports import Reports
from evpnd.core.engine import Engine
from evpnd.core.evi.discovery import describe_reload
from evpnd.model.actions import Action, Notice
from evpnd.model.config import Config
from evpnd.model.config_changes import NEEDS_RESTART, sessions_that_stay
from evpnd.model.events import ConfigChanged, Event
from evpnd.views.query import Query
from evpnd.views.summary import summarise

PAUSE = 0.1
"""Seconds without a signal, after which those that came in a row are one reload."""
PAUSES = 10
"""Pauses after which it begins though signals keep coming."""


class Reloads:
    """The configuration in force; reads the file again when asked to."""

    def __init__(
        self,
        config: Config,
        kept: Path | None,
        engine: Engine,
        reports: Reports,
        *,
        tell: Callable[[Config, Config], None],
        handle: Callable[[Event], object],
        turn: Callable[[], list[Action]],
    ) -> None:
        """Store what is in force, and the file where it is kept, if any.

        `tell` lets those outside the core know the old and the new one; `handle` has
        the core handle an event; `turn` does what the core has to do now, and
        returns it.
        """
        self.config = config
        self._kept = kept
        self._engine = engine
        self._reports = reports
        self._tell = tell
        self._handle = handle
        self._turn = turn
        self._one = asyncio.Lock()
        self._signals = 0
        """How often `soon` was called since the file was read last."""
        self._waiting: set[asyncio.Task[None]] = set()
        self._refused = False

    def soon(self) -> None:
        """Reload once for all signals that come before the file is read."""
        self._signals += 1
        if self._signals == 1:
            task = asyncio.create_task(self._when_quiet())
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def now(self) -> dict[str, object]:
        """Reload; return what changed, or every error of the file."""
        async with self._one:
            return await self._reload()

    def refuse(self) -> None:
        """Refuse to reload from now on."""
        self._refused = True

    async def forget(self) -> None:
        """Leave nothing for an agent after this one; a reload that runs ends first."""
        if self._kept is not None:
            async with self._one:
                accepted.forget(self._kept)

    async def _when_quiet(self) -> None:
        heard = 0
        for _ in range(PAUSES):
            if heard == self._signals:
                break
            heard = self._signals
            await asyncio.sleep(PAUSE)
        async with self._one:
            if self._signals:
                await self._reload()

    async def _reload(self) -> dict[str, object]:
        self._signals = 0
        if self._refused:
            return {"ok": False, "error": "evpnd is stopping"}
        try:
            new = await read_config(self.config.path)
        except Unreadable as refused:
            fields: dict[str, object] = {"errors": list(refused.errors)}
            self._reports.tell(Notice("warning", "reload_refused", fields))
            return refusal_of(refused, "; nothing was changed")
        await asyncio.to_thread(self._keep, new)
        changes = self._put_in_force(new)
        self._reports.tell(Notice("info", "reloaded", {"changes": changes}))
        return {"ok": True, "changes": changes}

    def _put_in_force(self, new: Config) -> list[str]:
        """Return the changes that this makes, for the operator."""
        old, self.config = self.config, new
        query = Query(self._engine)
        changes = describe_reload(old, new, query.links, query.vrfs)
        self._tell(old, new)
        self._turn()  # what waits is no doing of the new configuration
        self._handle(ConfigChanged(new))
        staying = sessions_that_stay(old, new)
        hearers = [
            session.peer
            for session in query.sessions.values()
            if session.established and session.peer in staying
        ]
        return changes + summarise(self._turn(), hearers)

    def _keep(self, config: Config) -> None:
        """Keep what is in force now for the agent after this one."""
        if self._kept is None:
            return
        as_before = {name: getattr(self.config, name) for name in NEEDS_RESTART}
        try:
            accepted.keep(replace(config, **as_before), self._kept)
        except OSError as error:
            log.warning("accepted_not_kept", path=self._kept, reason=error.strerror)
