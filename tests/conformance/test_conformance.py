"""Every case of this folder, played with the real core, loader and codec."""

import re
from functools import partial
from pathlib import Path

import pytest

from tests.conformance.case import find_cases, read_case, run_case
from tests.fakes.kernel import FakeKernel

CASES = find_cases()


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_case(folder: Path) -> None:
    run_case(read_case(folder))


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_case_where_tables_are_read_by_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = partial(FakeKernel, large=True)
    monkeypatch.setattr("tests.conformance.kernel.FakeKernel", large)
    run_case(read_case(folder))


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_case_says_what_and_why_and_by_which_standard(folder: Path) -> None:
    said = (folder / "case.md").read_text()

    assert re.match(r"# \S.+\n\n\S", said)
    assert re.search(r"\n\nStandard: \S.+\n(Vendors: \S.+\n)?\Z", said)
