"""Labs that are gone after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.deploy import deploy
from lab.images import TABLE, read_images
from lab.netns import is_running
from lab.place import Place
from lab.support import load
from lab.tests.namespaces.labs import NAME, Up, leftovers


@pytest.fixture(scope="session", autouse=True)
def _sweep_the_labs_of_crashed_runs() -> None:
    for name in Place.names():
        pid = name.removeprefix("evt")
        if name.startswith("evt") and pid.isdigit() and not is_running(int(pid)):
            Place(name).remove()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Bring up a topology from its text without the name; gone after the test."""

    def bring_up(body: str) -> Place:
        file = tmp_path / "t.clab.yml"
        file.write_text(f"name: t\n{body}")
        topology = load(file, NAME, read_images(TABLE))
        return deploy(topology, strict=True, say=print)

    yield bring_up
    Place(NAME).remove()
    assert leftovers() == []
