"""What holds for all tests: which of them stay together, and which measure coverage.

`scripts/check.sh` runs tests side by side with pytest-xdist, each by the worker that is
free. Every worker has namespaces, folders and ports of its own: their names have its
pid (`integration.lab_netns.OWN`), and ports are in its namespaces, or picked by the
kernel. Tests that share what takes long to make bear the mark `xdist_group`: one worker
runs them all.
"""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

_TESTS = Path(__file__).with_name("tests")
_MEASURED = tuple(_TESTS / name for name in ("unit", "property", "conformance"))
"""What branch coverage comes from (`[tool.coverage]` in pyproject.toml). Those of
their tests that are too slow with it have the mark `no_cover`."""


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
