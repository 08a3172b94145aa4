"""Topologies from a few lines of YAML."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.model import Topology
from lab.reader import read
from lab.support import load

Refusal = tuple[int | None, str, str]
"""Line, key and reason."""
Parse = Callable[..., Topology]
Refusals = Callable[[str], list[Refusal]]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Read the body of a file."""

    def parse(body: str, **environment: str) -> Topology:
        file = tmp_path / "t.clab.yml"
        file.write_text(body)
        return read(file, environment=environment)

    return parse


@pytest.fixture
def refusals(parse: Parse) -> Refusals:
    """Return what is refused of a file, before anything would be made."""

    def refusals(body: str) -> list[Refusal]:
        try:
            load(parse(body).path, None, read_images(TABLE))
        except FileErrors as errors:
            return [(each.line, each.key, each.reason) for each in errors.errors]
        return []

    return refusals
