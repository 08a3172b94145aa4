"""The bed is made once, whoever wants it, and from the start where one was killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.bed import BedError, make_once
from integration.lab_netns import wait_until

# Fills a folder as the bed's own maker does, in less time: by commands, one by one.
_MAKER = """
import sys, time
from pathlib import Path
from integration.bed import make_once

folder, name, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

def maker(part):
    with (folder / "makers").open("a") as file:
        file.write(name + "\\n")
    assert list(part.iterdir()) == []
    (part / name).touch()
    time.sleep(seconds)

make_once(folder / "bed", maker)
"""


def maker(folder: Path, name: str, seconds: float) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", _MAKER, str(folder), name, str(seconds)]
    environ = os.environ | {"EVPND_BEDS": str(folder)}
    return subprocess.Popen(words, env=environ, cwd=Path(__file__).parents[1])


def makers(folder: Path) -> list[str]:
    file = folder / "makers"
    return file.read_text().split() if file.exists() else []


def test_of_two_that_want_it_one_makes_it(tmp_path: Path) -> None:
    both = [maker(tmp_path, name, 1) for name in ("a", "b")]

    assert [each.wait(60) for each in both] == [0, 0]
    assert len(makers(tmp_path)) == 1
    assert (tmp_path / "bed" / makers(tmp_path)[0]).exists()


def test_what_a_killed_maker_left_is_made_anew(tmp_path: Path) -> None:
    first = maker(tmp_path, "a", 600)
    wait_until((tmp_path / "bed.part" / "a").exists, 10, "a half-made bed")
    first.kill()
    first.wait()

    assert maker(tmp_path, "b", 0).wait(60) == 0
    assert makers(tmp_path) == ["a", "b"]
    found = {path.name for path in (tmp_path / "bed").iterdir()}
    assert "b" in found
    assert "a" not in found


def test_a_failed_maker_leaves_no_bed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVPND_BEDS", str(tmp_path))

    def fail(_: Path) -> None:
        raise BedError("no mirror")

    with pytest.raises(BedError, match="no mirror"):
        make_once(tmp_path / "bed", fail)
    assert not (tmp_path / "bed").exists()
    make_once(tmp_path / "bed", lambda part: (part / "x").touch())
    assert (tmp_path / "bed" / "x").exists()


def test_a_folder_that_is_no_bed_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVPND_BEDS", str(tmp_path))
    (tmp_path / "bed").mkdir()

    with pytest.raises(BedError, match="not complete; remove it"):
        make_once(tmp_path / "bed", lambda _: None)
