"""What comes after what: exec, and programs that end."""

import os
import time

import pytest

from lab.netns import wait_until
from lab.tests.namespaces.labs import ALPINE, Up, running, said

pytestmark = pytest.mark.root


def test_a_program_that_ends_is_started_again(up: Up) -> None:
    place = up(ALPINE + "  nodes: {a: {cmd: sh -c 'echo x >> /count; exit 1'}}")

    wait_until(lambda: said(place, "a", "cat", "/count").count("x") >= 3, 5, "restarts")


def test_exec_finds_all_nodes_and_links(up: Up) -> None:
    up(
        ALPINE
        + """
  nodes:
    first: {exec: [sh -c 'ip addr add 10.3.1.1/24 dev eth2; sleep 1']}
    late: {exec: [ip addr add 10.3.1.2/24 dev eth2, ping -c1 -w5 10.3.1.1]}
  links:
    - endpoints: ["first:eth2", "late:eth2"]
"""
    )


def test_a_command_may_leave_something_behind(up: Up) -> None:
    mark = f"1234.{os.getpid()}"
    start = time.monotonic()
    place = up(
        ALPINE + f"  nodes: {{a: {{exec: [sh -c 'sleep {mark} & echo started']}}}}"
    )

    assert time.monotonic() - start < 30
    wait_until(lambda: running(mark), 5, "what is left behind")
    place.remove()
    assert not running(mark)
