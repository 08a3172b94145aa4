"""What a check says: how bad it is, of what, what it means, and what mends it."""

from enum import IntEnum
from typing import NamedTuple

from evpnd.doctor.fix import Fix


class Level(IntEnum):
    """How bad a finding is, from best to worst."""

    OK = 0
    NOTE = 1
    """Worth knowing; nothing has to be done."""
    WARNING = 2
    """Something works less well than it can, or will fail under some condition."""
    FAULT = 3
    """Packets or sessions are lost now."""

    @property
    def word(self) -> str:
        """Return its name as operators see it."""
        return self.name.lower()


class Finding(NamedTuple):
    """One finding, without the name of its check."""

    level: Level
    subject: str
    """The device, address, peer or file."""
    text: str
    """A sentence: what was seen, and what it means for packets."""
    fix: Fix | None = None


def note(subject: str, text: str, fix: Fix | None = None) -> Finding:
    """Return a note."""
    return Finding(Level.NOTE, subject, text, fix)


def warning(subject: str, text: str, fix: Fix | None = None) -> Finding:
    """Return a warning."""
    return Finding(Level.WARNING, subject, text, fix)


def fault(subject: str, text: str, fix: Fix | None = None) -> Finding:
    """Return a fault."""
    return Finding(Level.FAULT, subject, text, fix)
