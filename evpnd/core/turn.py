"""One turn of the engine: from the first event to the actions.

The engine hands the turn down to every part that has something to do or to tell, so
that no part keeps a queue that another one has to empty.
"""

from collections.abc import Iterable
from typing import final

from evpnd.model.actions import Action, Notice


def soonest(*dues: float | None) -> float | None:
    """Return the first of some times; None: there is none."""
    found = None
    for due in dues:  # half the time of min()
        if due is not None and (found is None or due < found):
            found = due
    return found


@final
class Turn:
    """The time, the actions and the notices of a turn."""

    __slots__ = ("_actions", "_last", "_notices", "now", "settled")

    def __init__(self, now: float) -> None:
        """Start with nothing to do; `now` is in monotonic seconds."""
        self.now = now
        """Monotonic seconds of the event that is absorbed, or of the reconciliation."""
        self.settled = False
        """Every configured peer sent End-of-RIB, or its timer expired."""
        self._actions: list[Action] = []
        self._last: list[Action] = []
        self._notices: list[Notice] = []

    def do(self, action: Action) -> None:
        """Add an action after the others."""
        self._actions.append(action)

    def do_all(self, actions: Iterable[Action]) -> None:
        """Add actions after the others."""
        self._actions.extend(actions)

    def do_last(self, actions: Iterable[Action]) -> None:
        """Add actions that come after all others of the turn."""
        self._last.extend(actions)

    def tell(self, notice: Notice) -> None:
        """Add a notice for log and `show events`."""
        self._notices.append(notice)

    def tell_all(self, notices: Iterable[Notice]) -> None:
        """Add notices for log and `show events`."""
        self._notices.extend(notices)

    def inform(self, event: str, **fields: object) -> None:
        """Add a notice at level info."""
        self._notices.append(Notice("info", event, fields))

    def warn(self, event: str, **fields: object) -> None:
        """Add a notice at level warning."""
        self._notices.append(Notice("warning", event, fields))

    @property
    def has_news(self) -> bool:
        """Return whether there are notices."""
        return bool(self._notices)

    def take_actions(self) -> list[Action]:
        """Return the actions in order, and clear them."""
        actions = self._actions
        if self._last:
            actions += self._last
            self._last = []
        self._actions = []
        return actions

    def take_notices(self) -> list[Notice]:
        """Return the notices in order, and clear them."""
        notices, self._notices = self._notices, []
        return notices
