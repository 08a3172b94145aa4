"""Topology files from their text below `topology`."""

from pathlib import Path

import pytest

from lab.document import FileErrors
from lab.model import Topology
from lab.reader import read

HEAD = "name: t\ntopology:\n"


def parse(directory: Path, body: str, **environment: str) -> Topology:
    file = directory / "t.clab.yml"
    file.write_text(HEAD + body)
    return read(file, environment=environment)


def refusals(directory: Path, body: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(FileErrors) as refused:
        parse(directory, body)
    return [(each.line, each.key, each.reason) for each in refused.value.errors]
