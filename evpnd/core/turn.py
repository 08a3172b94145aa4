"""One turn of the engine: from the first event that it absorbs to what it hands out.

The engine hands the turn down to every part that has something to do or to tell, so
that no part keeps a queue that another one has to empty.
"""

from collections.abc import Iterable
from typing import final

from evpnd.model.actions import Action, Notice
from evpnd.model.ids import Peer


@final
class Turn:
    """What time it is, and what is to be done and told at the end of the turn."""

    __slots__ = ("_actions", "_last", "_notices", "new_peers", "now", "settled")

    def __init__(self, now: float) -> None:
        """Begin with nothing to do; `now` is in monotonic seconds."""
        self.now = now
        """Monotonic seconds of the event that is absorbed, or of the reconciliation."""
        self.settled = False
        """Every configured peer sent End-of-RIB, or its timer expired."""
        self.new_peers: list[Peer] = []
        """Peers that a configuration added, who know nothing of us yet."""
        self._actions: list[Action] = []
        self._last: list[Action] = []
        self._notices: list[Notice] = []

    def do(self, action: Action) -> None:
        """Add an action behind those that are there."""
        self._actions.append(action)

    def do_all(self, actions: Iterable[Action]) -> None:
        """Add actions behind those that are there."""
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
        """Add a notice of what went as it should."""
        self._notices.append(Notice("info", event, fields))

    def warn(self, event: str, **fields: object) -> None:
        """Add a notice of what an operator should look at."""
        self._notices.append(Notice("warning", event, fields))

    @property
    def has_news(self) -> bool:
        """Return whether there is something to tell."""
        return bool(self._notices)

    def take_actions(self) -> list[Action]:
        """Return the actions in their order, and begin anew."""
        actions = [*self._actions, *self._last]
        self._actions.clear()
        self._last.clear()
        return actions

    def take_notices(self) -> list[Notice]:
        """Return the notices in their order, and begin anew."""
        notices, self._notices = self._notices, []
        return notices
