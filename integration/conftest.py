"""Fixtures: labs that are gone after the test, and why a test cannot run here."""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from integration import bed, frr, gobgp, guest, guest_tests, speaker_lab
from integration.lab import Lab, MakeLab
from integration.lab_netns import OWN, sweep, sweep_dead
from integration.roots import MACHINE, Root

_labs = pytest.StashKey[list[Lab]]()


def _missing(item: pytest.Item) -> str | None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return "needs root"
    if item.get_closest_marker("frr") and not frr.is_installed():
        return "needs the Debian package frr"
    if item.get_closest_marker("gobgp") and not gobgp.is_installed():
        return "needs the Debian package gobgpd"
    if item.get_closest_marker("bed") and not bed.is_made():
        return "needs the Debian 13 bed: scripts/setup.sh --bed"
    if _needs_guest(item) and not guest.is_installed():
        return "needs the guest of the Debian 13 bed: scripts/setup.sh --bed"
    return None


def _needs_guest(item: pytest.Item) -> bool:
    marks = ("guest_kernel",) if guest_tests.is_inside() else ("guest", "guest_kernel")
    return any(item.get_closest_marker(mark) for mark in marks)


def pytest_configure() -> None:
    """Clean up after SIGTERM, too: a cancelled job leaves no namespaces."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of the guest run there."""
    guest_tests.stand_in(items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell the machine what became of a test in the guest."""
    guest_tests.report(report)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; where everything must run, fail instead."""
    reason = _missing(item)
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of the lab to the report of a failure."""
    report = yield
    if report.failed and report.when == "call":
        for lab in item.stash.get(_labs, []):
            report.sections.append((f"logs of {lab.prefix}", lab.logs()))
    return report


@pytest.fixture(scope="session", autouse=True)
def _sweep_the_labs_of_crashed_runs() -> None:
    sweep_dead()


@pytest.fixture
def root(request: pytest.FixtureRequest) -> Root:
    """Return where labs have FRR and GoBGP from; `lab_roots` has more than one."""
    found = getattr(request, "param", MACHINE)
    assert isinstance(found, Root)
    return found


@pytest.fixture
def make_lab(request: pytest.FixtureRequest, root: Root) -> Iterator[MakeLab]:
    """Make labs: ``make_lab(hosts=2, underlay=4)``; removed after the test."""
    labs = request.node.stash.setdefault(_labs, [])
    with ExitStack() as stack:

        def make(hosts: int = 2, underlay: int = 4) -> Lab:
            lab = Lab(OWN, hosts, underlay, root=root)
            labs.append(lab)
            return stack.enter_context(lab)

        yield make


@pytest.fixture(scope="module")
def _speaker_namespaces() -> Iterator[None]:
    """Make the two namespaces of `speaker_lab`; gone after the module."""
    speaker_lab.build()
    yield
    sweep(speaker_lab.PREFIX)
