"""Answers `plan` and `policy test --live`: what the change of a file would do.

A child reads the file, then a copy of the agent, which it uses up, takes the values.
"""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Final

from evpnd.adapters.config_child.parent import Unreadable, read_config, read_policy
from evpnd.adapters.control.server import Answer
from evpnd.adapters.copy import Copies
from evpnd.adapters.planning import plan_reload
from evpnd.core.engine import Engine
from evpnd.model.policy import Policy
from evpnd.views.rehearse import rehearse

AT_ONCE: Final = 2
"""Children that may read at the same time."""


class FileQuestions:
    """Questions about a file that the daemon does not use, or not yet."""

    def __init__(self, engine: Engine, copies: Copies) -> None:
        """Store the engine, which stays as it is."""
        self._engine = engine
        self._copies = copies
        self._free = asyncio.Semaphore(AT_ONCE)

    async def plan(self, path: Path) -> Answer:
        """Return what a reload with a configuration file would change."""
        try:
            async with self._free:
                config = await read_config(path)
        except Unreadable as refused:
            return refusal_of(refused)
        return self._copies.ask(partial(plan_reload, self._engine, config))

    async def rehearse(self, path: Path) -> Answer:
        """Return what the policy of a file would change."""
        try:
            async with self._free:
                policy = await read_policy(path)
        except Unreadable as refused:
            return refusal_of(refused)
        return self._copies.ask(partial(_rehearse, self._engine, policy))


def refusal_of(refused: Unreadable, more: str = "") -> dict[str, object]:
    """Return the answer that names every error of a file."""
    summary = f"{refused.summary}{more}"
    return {"ok": False, "error": summary, "errors": list(refused.errors)}


def _rehearse(engine: Engine, policy: Policy) -> dict[str, object]:
    return {"ok": True, "result": rehearse(engine, policy, time.monotonic())}
