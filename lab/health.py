"""Whether the nodes' programs take commands, and whether they answer."""

import threading
import time
from collections.abc import Callable, Sequence
from subprocess import CompletedProcess

from lab.commands import with_lines
from lab.images import Image, find
from lab.model import Node
from lab.place import Place

READY = 20.0
"""Seconds that `exec` waits for a program that is to take it."""
ANSWER = 30.0
"""Seconds that a lab's coming up waits for the programs of its nodes."""
ANSWER_AGAIN = 3.0
"""The same for a program that ended, and is started again and again."""


class Health:
    """Asks the nodes of one deployment; ``over``: nobody is to wait any longer."""

    def __init__(
        self,
        place: Place,
        images: list[Image],
        over: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._place = place
        self._images = images
        self._over = over
        self._say = say
        self._told: set[str] = set()
        """Nodes of which it is said already that they do not answer."""

    def get_ready(self, node: Node) -> None:
        """Wait until the node's program takes commands, where there are any."""
        image = self._own(node)
        if image and image.ready and node.exec:
            asked = self._ask(node, image.ready, READY)
            if asked is None or asked.returncode != 0:
                text = f"{image.title} does not answer within {READY:g} s"
                self._tell(node, f"{text}; `exec` runs all the same")

    def get_answer(self, node: Node) -> None:
        """Wait for a node's program a little; report how it does not answer.

        Whoever brought the lab up finds it there, or knows why not. It answers when its
        own health check succeeds, or else what its image has for that.
        """
        image = self._own(node)
        question: Sequence[str] = node.check
        text = f"{' '.join(question)} does not succeed"
        if not question and image is not None:
            question = image.ready or image.healthcheck
            text = f"{image.title} does not answer"
        if not question or node.name in self._told:
            return
        asked = self._ask(node, question, ANSWER)
        if asked is not None and asked.returncode == 0:
            return
        state, *words = self._place.state(node.name).split()
        if state == "restarting" or len(words) > 1:
            # Its own words say why, and the check's do not.
            self._tell(node, f"{text}: its program ended with status {words[-1]}")
        elif asked is None:
            self._tell(node, text)
        else:
            said = asked.stdout + asked.stderr
            self._tell(node, f"{text}: status {asked.returncode}", said)

    def _tell(self, node: Node, text: str, more: str = "") -> None:
        """Report what is wrong with a node, once, with the end of its log."""
        self._told.add(node.name)
        log = self._place.log(node.name).splitlines()
        lines = dict.fromkeys([*more.splitlines(), *log])
        self._say(with_lines(f"{node.name}: {text}", "\n".join(lines)))

    def _own(self, node: Node) -> Image | None:
        """Return the image of a node that runs the image's own program."""
        own = not node.text("entrypoint")
        return find(self._images, node.text("image")) if own else None

    def _ask(
        self, node: Node, argv: Sequence[str], patience: float
    ) -> CompletedProcess[str] | None:
        """Run a command until it succeeds, or time is over; None where it hung."""
        begin = time.monotonic()
        while True:
            left = max(begin + patience - time.monotonic(), 0.5)
            asked = self._place.execute_until(node.name, argv, self._give_up(left))
            if asked is not None and asked.returncode == 0:
                return asked
            state, _, _ = self._place.state(node.name).partition(" ")
            longest = ANSWER_AGAIN if state == "restarting" else patience
            if time.monotonic() - begin > longest or self._over.wait(0.3):
                return asked

    def _give_up(self, longest: float) -> Callable[[float], bool]:
        return lambda spent: spent > longest or self._over.is_set()
