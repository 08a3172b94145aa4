"""Settings for all tests: their order, which measure coverage, and which cannot run.

`scripts/check.sh` runs tests side by side with pytest-xdist, each by the worker that is
free. Every worker has namespaces, folders and ports of its own: their names have its
pid (`integration.lab_netns.OWN`), and ports are in its namespaces, or picked by the
kernel. Tests that share what takes long to make bear the mark `xdist_group`: one worker
runs them all. One worker also runs all tests of a file with short ones (`_SHORT`): to
hand out thousands of them one by one takes longer than to run many of them.
"""

import os
import shutil
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).with_name("tests")
_MEASURED = tuple(_TESTS / name for name in ("unit", "property", "conformance"))
"""What branch coverage comes from (`[tool.coverage]` in pyproject.toml). Those of
their tests that are too slow with it have the mark `no_cover`."""
_SHORT = (
    "tests/unit/",
    "tests/golden/",
    "tests/golden_errors/",
    "tests/golden_views/",
    "tests/conformance/",
    "lab/tests/unit/",
)
"""How the names of tests begin that one worker runs together with their file."""


def _missing(item: pytest.Item) -> str | None:
    needs = item.get_closest_marker("needs")
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return "needs root"
    if item.get_closest_marker("frr") and not Path("/usr/lib/frr/bgpd").exists():
        return "needs the Debian package frr"
    if item.get_closest_marker("gobgp") and not shutil.which("gobgpd"):
        return "needs the Debian package gobgpd"
    if item.get_closest_marker("promtool") and not shutil.which("promtool"):
        return "needs the Debian package prometheus"
    return None if needs is None else f"needs {needs.args[0]}"


def pytest_configure() -> None:
    """Clean up after SIGTERM, too: a cancelled job leaves no namespaces."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:  # noqa: ANN401
    """Hand out short tests by files, the others as `--dist loadgroup` does."""
    # The guest has no pytest-xdist.
    from xdist.scheduler import LoadGroupScheduling  # noqa: PLC0415

    class Scheduling(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(_SHORT):
                return nodeid.partition("::")[0]
            return super()._split_scope(nodeid)

        def mark_test_complete(
            self,
            node: Any,  # noqa: ANN401
            item_index: int,
            duration: float = 0,
        ) -> None:
            super().mark_test_complete(node, item_index, duration)
            # It looks through all that was handed out, again and again.
            handed_out = self.assigned_work[node]
            for scope in [each for each, of in handed_out.items() if all(of.values())]:
                del handed_out[scope]

    return Scheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that cannot run here; if CI must run all tests, fail instead."""
    reason = _missing(item)
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and leave coverage to the tests of the core."""
    for item in items:
        if not any(item.path.is_relative_to(each) for each in _MEASURED):
            item.add_marker(pytest.mark.no_cover)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Leave a test that measures no coverage untraced.

    In a worker of pytest-xdist, pytest-cov stops one of two measurements, and the other
    goes on: its result is thrown away, and the test is as slow as before.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
