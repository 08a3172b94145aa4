"""Fixtures: labs that are removed after the test, and tests that need the bed."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from integration import bed, guest, guest_tests, recordings, speaker_lab, system
from integration.lab import Lab, MakeLab
from integration.lab_netns import OWN, sweep, sweep_dead
from integration.roots import MACHINE, Root

_labs = pytest.StashKey[list[Lab]]()


_BED = "the Debian 13 bed: scripts/setup.sh --bed"
_SYSTEMS = "the Debian 12 and 13 roots with systemd: scripts/setup.sh --bed"


def _needs_guest(item: pytest.Item) -> bool:
    marks = ("guest_kernel",) if guest_tests.is_inside() else ("guest", "guest_kernel")
    return any(item.get_closest_marker(mark) for mark in marks)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests whose bed or guest is missing; run the tests of the guest there."""
    has_bed, has_guest = bed.is_made(), guest.is_installed()
    has_systems = system.are_made()
    for item in items:
        if item.get_closest_marker("bed") and not has_bed:
            item.add_marker(pytest.mark.needs(_BED))
        elif item.get_closest_marker("systemd") and not has_systems:
            item.add_marker(pytest.mark.needs(_SYSTEMS))
        elif _needs_guest(item) and not has_guest:
            item.add_marker(pytest.mark.needs(f"the guest of {_BED}"))
    guest_tests.stand_in(items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell the machine what became of a test in the guest."""
    guest_tests.report(report)


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    recordings.wanted = recordings.is_recorded(item.path)


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
