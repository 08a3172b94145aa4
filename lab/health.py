"""Whether the nodes' programs take commands, are healthy, and answer."""

import time
from subprocess import CompletedProcess

from lab.commands import with_lines
from lab.images import Image, find
from lab.model import CONTAINERS, Node, StageExec, Topology
from lab.patience import Patience
from lab.place import Place
from lab.support import image_of

START = 30.0
"""Seconds that a node may take on a busy machine until it is there."""
READY = 20.0
"""Seconds that `exec` waits for a program that is to take it."""
ANSWER = 10.0
"""Seconds that a lab's coming up waits for the programs of its nodes."""
ANSWER_AGAIN = 3.0
"""The same for a program that ended, and is started again and again."""


class Health:
    """Asks the nodes of one deployment."""

    def __init__(
        self, topology: Topology, place: Place, images: list[Image], patience: Patience
    ) -> None:
        self._topology = topology
        self._place = place
        self._images = images
        self._patience = patience
        self._told: set[str] = set()
        """Nodes of which it is said already that they do not answer."""

    def get_ready(self, node: Node) -> None:
        """Wait until the node's program takes commands, where there will be any."""
        image = self._own(node)
        if image is None or not image.ready:
            return
        if not (node.exec or any(map(_is_inside, node.stage_exec))):
            return
        deadline = time.monotonic() + READY
        while not self._succeeds(node, image.ready, 5):
            if time.monotonic() > deadline:
                text = f"{node.name}: {image.title} does not answer within {READY:g} s"
                self._tell(node, f"{text}; `exec` runs all the same")
                return
            self._patience.sleep(0.1)

    def get_healthy(self, node: Node) -> None:
        """Wait for what others wait for; raises FileErrors where it does not come."""
        check = node.healthcheck
        assert check is not None
        self._patience.sleep(check.start_period)
        longest = START + check.retries * (check.interval + check.timeout)
        deadline = time.monotonic() + longest
        while not self._succeeds(node, check.argv, check.timeout):
            if time.monotonic() > deadline:
                command = " ".join(check.argv)
                text = f"{node.name} does not get healthy: {command} does not succeed"
                log = self._place.log(node.name)
                key = node.origin("healthcheck")
                raise self._topology.failure(key, f"{text}\n{log}".strip())
            self._patience.sleep(min(check.interval, 1))

    def get_answer(self, node: Node) -> None:
        """Wait for a node's program a little; where it does not answer, say how.

        Whoever brought the lab up finds it there, or knows why not. It answers when its
        own health check succeeds, or else what its image has for that.
        """
        question, what = self._question(node)
        if not question or node.name in self._told:
            return
        text, begin = f"{node.name}: {what}", time.monotonic()
        longest = {"exited": 0.0, "restarting": ANSWER_AGAIN}
        while True:
            left = ANSWER - (time.monotonic() - begin)
            asked = self._ask(node, question, max(left, 0.5))
            if asked is not None and asked.returncode == 0:
                return
            state, _, status = self._place.state(node.name).partition(" ")
            if time.monotonic() - begin > longest.get(state, ANSWER):
                break
            self._patience.sleep(0.1)
        if state in longest:
            text += f": its program ended with status {status}"
        elif asked is not None:
            text += f": status {asked.returncode}"
        # Where the program ended, its own words say why, and the check's do not.
        said = asked.stdout + asked.stderr if asked and state not in longest else ""
        self._tell(node, text, said)

    def _question(self, node: Node) -> tuple[tuple[str, ...], str]:
        """Find what a node is asked, and what to say where it does not succeed."""
        image = find(self._images, image_of(node))
        usual = None if image is None else image.healthcheck
        check = node.healthcheck
        if check is not None and check is not usual:
            return check.argv, f"{' '.join(check.argv)} does not succeed"
        if image is None or image is not self._own(node):
            return (), ""
        argv = image.ready or (usual.argv if usual is not None else ())
        return argv, f"{image.title} does not answer"

    def _tell(self, node: Node, text: str, more: str = "") -> None:
        """Say what is wrong with a node, once, with the end of its log."""
        self._told.add(node.name)
        lines = dict.fromkeys([*more.splitlines(), *self._log(node)])
        self._patience.say(with_lines(text, "\n".join(lines)))

    def _log(self, node: Node) -> list[str]:
        return self._place.log(node.name).splitlines()

    def _own(self, node: Node) -> Image | None:
        """Find the image of a node that runs the image's own program."""
        if node.kind not in CONTAINERS or node.text("entrypoint"):
            return None
        return find(self._images, image_of(node))

    def _succeeds(self, node: Node, argv: tuple[str, ...], timeout: float) -> bool:
        """Tell whether a command ends with status 0, and in time."""
        asked = self._ask(node, argv, timeout)
        return asked is not None and asked.returncode == 0

    def _ask(
        self, node: Node, argv: tuple[str, ...], timeout: float
    ) -> CompletedProcess[str] | None:
        """Run a command in a node; None where it took longer."""
        return self._place.execute_until(
            node.name,
            argv,
            lambda seconds: seconds > timeout or self._patience.is_over,
        )


def _is_inside(command: StageExec) -> bool:
    return not command.on_host
