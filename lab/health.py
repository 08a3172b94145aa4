"""Whether the nodes' programs take commands, and whether they answer."""

import threading
import time
from collections.abc import Callable, Sequence

from lab.commands import with_lines
from lab.images import Image
from lab.model import Node
from lab.place import Place

PATIENCE = 30.0
"""Seconds that a lab's coming up waits for the program of a node."""
PATIENCE_AGAIN = 3.0
"""The same for a program that ended, and is started again and again."""


class Health:
    """Asks the nodes of one deployment, and reports once which do not answer."""

    def __init__(
        self, place: Place, over: threading.Event, say: Callable[[str], None]
    ) -> None:
        """Prepare; ``over`` is set when nobody is to wait any longer."""
        self._place = place
        self._over = over
        self._say = say
        self._told: set[str] = set()
        """Nodes of which it is said already that they do not answer."""

    def get_ready(self, node: Node) -> None:
        """Wait until the node's program takes commands, where there are any."""
        image = _own(node)
        if image and image.ready and node.exec:
            self._wait(node, image.ready, f"{image.title} does not answer")

    def get_answer(self, node: Node) -> None:
        """Wait for a node's program a little; report how it does not answer.

        Whoever brought the lab up finds it there, or knows why not. It answers when its
        own health check succeeds, or else what its image has for that.
        """
        image = _own(node)
        if node.check:
            self._wait(node, node.check, f"{' '.join(node.check)} does not succeed")
        elif image and (question := image.ready or image.healthcheck):
            self._wait(node, question, f"{image.title} does not answer")

    def _wait(self, node: Node, question: Sequence[str], otherwise: str) -> None:
        """Run a command until it succeeds; where it does not, report so."""
        if node.name in self._told:
            return
        begin = time.monotonic()
        while True:
            left = max(begin + PATIENCE - time.monotonic(), 0.5)
            asked = self._place.execute_until(node.name, question, self._give_up(left))
            if asked is not None and asked.returncode == 0:
                return
            state, _, ended = self._place.state(node.name).partition(" ")
            patience = PATIENCE_AGAIN if state == "restarting" else PATIENCE
            if self._over.wait(0.3):
                return
            if time.monotonic() - begin > patience:
                break
        self._told.add(node.name)
        text, said = f"{node.name}: {otherwise}", ""
        if ended:
            # Its own words say why, and the check's do not.
            text += f": its program ended with status {ended}"
        elif asked is not None:
            text += f": status {asked.returncode}"
            said = asked.stdout + asked.stderr
        log = self._place.log(node.name)
        lines = dict.fromkeys([*said.splitlines(), *log.splitlines()])
        self._say(with_lines(text, "\n".join(lines)))

    def _give_up(self, longest: float) -> Callable[[float], bool]:
        return lambda spent: spent > longest or self._over.is_set()


def _own(node: Node) -> Image | None:
    """Return the image of a node that runs the image's own program."""
    return None if node.text("entrypoint") else node.image
