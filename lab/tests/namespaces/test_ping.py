"""Echo requests on a machine that lets their sender wait."""

import os
import time
from collections.abc import Iterator

import pytest

from lab.netns import run
from lab.ping import Ping

pytestmark = [pytest.mark.root]


class Delayed(Ping):
    """A sender that gets no processor for a while, in the middle of its requests."""

    def _send(self, sequence: int) -> None:
        if sequence == 20:
            time.sleep(1)
        super()._send(sequence)


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"evping{os.getpid()}"
    run(["ip", "netns", "add", name])
    yield name
    run(["ip", "netns", "delete", name])


def test_a_sender_that_was_delayed_loses_no_answers(namespace: str) -> None:
    run(["ip", "-n", namespace, "link", "set", "lo", "up"])
    done = Delayed(namespace, "127.0.0.1", interval=0.0005).count(2000)
    assert (done.sent, done.loss, done.duplicates) == (2000, 0, 0)
