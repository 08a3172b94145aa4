"""Nothing is left of a lab: after down, a refusal, an interrupt or a crash."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.deploy import deploy
from lab.images import TABLE, read_images
from lab.netns import LabError, wait_until
from lab.place import Place
from lab.support import load
from lab.tests.namespaces.labs import ALPINE, NAME, Up, lab, leftovers, running, said

pytestmark = pytest.mark.root
MARK = f"3.{os.getpid()}"
ONE = ALPINE + "  nodes: {a: }"


def start_slowly(directory: Path) -> subprocess.Popen[bytes]:
    """Start ``up`` of a lab that takes long; ends when its command runs there."""
    file = directory / "t.clab.yml"
    file.write_text(
        f"name: t\n{ALPINE}  nodes:\n"
        f"    a: {{cmd: sh -c 'while sleep {MARK}; do true; done'}}\n"
        f"    b: {{exec: [sleep 1{MARK}]}}\n"
    )
    words = ["-m", "lab", "up", str(file), "--name", NAME]
    with (directory / "said").open("w") as said:
        popen = subprocess.Popen(
            [sys.executable, *words], stdout=said, start_new_session=True
        )
    wait_until(lambda: running("1" + MARK), 20, "the command of a node")
    return popen


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("cmd: /no/such/program --x", "cmd: a: /no/such/program cannot be started"),
        ("entrypoint: /etc/passwd", "entrypoint: a: .*Permission denied"),
        ("binds: ['t.clab.yml:/etc']", r"binds\[0\]: a: .*"),
        ("sysctls: {net.ipv4.ip_forward: maybe}", "sysctls.*: 'maybe' cannot be"),
        ("exec: [sh -c 'exit 3']", ""),
    ],
)
def test_a_node_that_cannot_be_had_names_its_line(
    up: Up, setting: str, reason: str
) -> None:
    line = f"t.clab.yml:5: topology.nodes.a.{reason}" if reason else "status 3"
    with pytest.raises(LabError, match=line):
        up(f"{ALPINE}  nodes: {{a: {{\n    {setting}}}}}")

    assert leftovers() == []


def test_two_that_come_up_at_once_do_not_harm_each_other(
    up: Up, tmp_path: Path
) -> None:
    up(ONE)
    topology = load(tmp_path / "t.clab.yml", NAME, read_images(TABLE))

    with pytest.raises(LabError, match="there already"):
        deploy(topology, strict=True, say=print)
    assert said(Place(NAME), "a", "hostname") == "a\n"


def test_a_lab_that_is_removed_on_its_way_up_is_not_up(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path)
    lab("down", NAME)

    assert popen.wait(60) == 1
    assert "is up" not in (tmp_path / "said").read_text()
    assert leftovers() == []
    del up


def test_a_lab_goes_also_where_nobody_listens(up: Up, tmp_path: Path) -> None:
    up(ONE).remove()
    topology = load(tmp_path / "t.clab.yml", NAME, read_images(TABLE))

    def say(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        deploy(topology, strict=True, say=say)
    assert leftovers() == []


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("gap", [None, 0.003, 0.05])
def test_nothing_is_left_after_an_interrupt_or_two(
    up: Up, tmp_path: Path, sign: signal.Signals, gap: float | None
) -> None:
    popen = start_slowly(tmp_path)
    os.killpg(popen.pid, sign)
    if gap is not None:
        time.sleep(gap)
        os.killpg(popen.pid, sign)

    assert popen.wait(60) == 130
    assert f"lab {NAME} is removed" in (tmp_path / "said").read_text()
    assert leftovers() == []
    assert not running(MARK)
    del up


def test_exec_is_its_command_and_leaves_ctrl_c_to_it(up: Up) -> None:
    place = up(ONE)
    script = f"trap 'echo heard' INT; sleep 5{MARK}; echo done; kill -9 $$"
    words = ["-m", "lab", "exec", NAME, "a", "sh", "-c"]
    with subprocess.Popen(
        [sys.executable, *words, script], stdout=subprocess.PIPE, start_new_session=True
    ) as popen:
        wait_until(lambda: running("5" + MARK), 20, "the program")
        os.killpg(popen.pid, signal.SIGINT)
        output, _ = popen.communicate(timeout=40)

    assert popen.returncode == -signal.SIGKILL
    assert output == b"heard\ndone\n"
    assert place.exists()


def test_a_node_that_was_killed_is_told_apart(up: Up) -> None:
    place = up(ALPINE + "  nodes: {a: , b: }")
    os.kill(place.init_of("a"), signal.SIGKILL)
    wait_until(lambda: place.standing("a") == "ended", 5, "the end of a")

    listed = lab("list").stdout
    assert re.search(rf"^{NAME} +a +ended\n{NAME} +b +running$", listed, re.MULTILINE)


def test_down_removes_what_a_crash_left(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path)
    popen.kill()
    popen.wait(60)

    assert leftovers() != []
    assert running(MARK)
    assert f"lab {NAME} is removed" in lab("down", NAME).stdout
    assert leftovers() == []
    assert not running(MARK)
    del up


def test_down_touches_nothing_but_a_labs_own(up: Up, tmp_path: Path) -> None:
    place = up(ONE)
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()

    for word in (".", "..", elsewhere, tmp_path / "none.clab.yml", "../" + NAME):
        assert lab("down", word).returncode != 0, word
    assert elsewhere.is_dir()
    assert place.exists()
    file = tmp_path / "t.clab.yml"
    file.write_text(f"name: {NAME}\n{ONE}")
    assert f"lab {NAME} is removed" in lab("down", tmp_path).stdout
    assert file.exists()
    assert leftovers() == []
