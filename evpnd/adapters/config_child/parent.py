"""Starts the child, waits for it, and checks its answer.

A child that dies, or does not come to an end, is an error too.
"""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Final, TypeVar

from evpnd.adapters.config_child import CONFIG, POLICY
from evpnd.adapters.handover import OtherCode, unpack
from evpnd.model.config import Config
from evpnd.model.policy import Policy

PATIENCE: Final = 60.0
"""Seconds after which a child is ended."""
_COMMAND: Final = (sys.executable, "-P", "-m", __package__)

T = TypeVar("T")


class Unreadable(Exception):  # noqa: N818 - it says what is wrong
    """A file was not accepted, or not read; nothing of it can be used."""

    def __init__(self, summary: str, errors: tuple[str, ...]) -> None:
        super().__init__(*errors)
        self.summary = summary
        """Half a sentence for the operator."""
        self.errors = errors
        """A line for each error, with file, line and key where there are."""

    def __str__(self) -> str:
        return "\n".join(self.errors)


async def read_config(path: Path) -> Config:
    """Read, check and complete a configuration file; raises Unreadable."""
    return await _read(CONFIG, path, Config, "the configuration")


async def read_policy(path: Path) -> Policy:
    """Read and check a policy file; raises Unreadable."""
    return await _read(POLICY, path, Policy, "the policy")


async def _read(what: str, path: Path, kind: type[T], subject: str) -> T:
    try:
        octets = await _ask(what, path)
    except _Died as died:
        raise Unreadable(f"{subject} was not read", (f"{path}: {died}",)) from None
    try:
        found = unpack(octets)
    except OtherCode:
        reason = (
            f"{path}: evpnd was upgraded, but the old version is still running; "
            "restart it"
        )
        raise Unreadable(f"{subject} was not read", (reason,)) from None
    if isinstance(found, kind):
        return found
    assert isinstance(found, tuple)
    raise Unreadable(f"{subject} is invalid", found)


class _Died(Exception):  # noqa: N818 - it says what happened
    """The child sent no answer; the text is a sentence."""


async def _ask(what: str, path: Path) -> bytes:
    try:
        child = await asyncio.create_subprocess_exec(
            *(*_COMMAND, what, str(path)), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    except OSError as error:
        raise _Died(f"no process can be started to read it: {error.strerror}") from None
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await child.communicate()
    except TimeoutError:
        raise _Died(f"reading it took longer than {PATIENCE:g} seconds") from None
    finally:
        await _end(child)
    status = child.returncode
    assert status is not None
    if status < 0:
        name = signal.Signals(-status).name
        raise _Died(f"the process that reads it was ended by {name}")
    if status:
        *_, last = err.decode(errors="replace").strip().splitlines() or ["no message"]
        raise _Died(f"the process that reads it failed: {last}")
    return out


async def _end(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
