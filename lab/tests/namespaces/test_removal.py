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
from lab.document import FileErrors
from lab.images import TABLE, read_images
from lab.netns import LabError, run, wait_until
from lab.place import Place
from lab.support import load
from lab.tests.namespaces.labs import NAME, Up, leftovers, running, said

pytestmark = pytest.mark.root


MARK = f"3.{os.getpid()}"


def start_slowly(directory: Path) -> subprocess.Popen[bytes]:
    """Start ``up`` of a lab that takes long; ends when its command runs there."""
    file = directory / "t.clab.yml"
    file.write_text(
        "name: t\ntopology:\n  defaults: {kind: linux, image: alpine}\n  nodes:\n"
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
    ("setting", "line", "reason"),
    [
        ("cmd: /no/such/program --x", 6, "cmd: a: /no/such/program cannot be started"),
        ("cmd: A=1 sleep 5", 6, "cmd: a: A=1 cannot be started"),
        ("entrypoint: /etc/passwd", 6, "entrypoint: a: .*Permission denied"),
        ("binds: ['t.clab.yml:/etc']", 6, r"binds\[0\]: a: .*"),
        ("sysctls: {net.ipv4.ip_forward: maybe}", 6, "sysctls.*: 'maybe' cannot be"),
    ],
)
def test_a_node_that_cannot_be_had_names_its_line(
    up: Up, setting: str, line: int, reason: str
) -> None:
    with pytest.raises(LabError, match=f"t.clab.yml:{line}: topology.nodes.a.{reason}"):
        up(f"""topology:
  nodes:
    a:
      {{kind: linux, image: alpine,
      {setting}}}
""")

    assert leftovers() == []


def test_two_that_come_up_at_once_do_not_harm_each_other(
    up: Up, tmp_path: Path
) -> None:
    up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    topology = load(tmp_path / "t.clab.yml", NAME, read_images(TABLE))

    with pytest.raises(LabError, match="there already"):
        deploy(topology, strict=True, say=print)
    assert said(Place(NAME), "a", "hostname") == "a\n"


def test_what_fails_half_way_leaves_nothing(up: Up) -> None:
    with pytest.raises(LabError, match="status 3"):
        up(
            "topology:\n  nodes:\n"
            "    a: {kind: linux, image: alpine, exec: [sh -c 'exit 3']}\n"
        )

    assert leftovers() == []


def test_a_lab_that_is_removed_on_its_way_up_is_not_up(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path)
    run([sys.executable, "-m", "lab", "down", NAME])

    assert popen.wait(60) == 1
    assert "is up" not in (tmp_path / "said").read_text()
    assert leftovers() == []
    del up


def test_a_lab_goes_also_where_nobody_listens(up: Up, tmp_path: Path) -> None:
    up("topology: {nodes: {a: {kind: linux, image: alpine}}}").remove()
    topology = load(tmp_path / "t.clab.yml", NAME, read_images(TABLE))

    def say(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        deploy(topology, strict=True, say=say)
    assert leftovers() == []


def test_what_is_not_done_here_makes_nothing(up: Up) -> None:
    with pytest.raises(FileErrors, match=r":2: .*needs its own image"):
        up("topology: {nodes: {a: {kind: arista_ceos, image: ceos}}}")

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


def test_ctrl_c_is_left_to_a_program_on_the_terminal(up: Up) -> None:
    place = up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    script = f"trap 'echo heard' INT; sleep 5{MARK}; echo done; exit 7"
    words = ["-m", "lab", "exec", NAME, "a", "sh", "-c"]
    with subprocess.Popen(
        [sys.executable, *words, script], stdout=subprocess.PIPE, start_new_session=True
    ) as popen:
        wait_until(lambda: running("5" + MARK), 20, "the program")
        os.killpg(popen.pid, signal.SIGINT)
        output, _ = popen.communicate(timeout=40)

    assert popen.returncode == 7
    assert output == b"heard\ndone\n"
    assert place.exists()


def test_a_node_that_was_killed_is_told_apart(up: Up) -> None:
    place = up("topology: {defaults: {kind: linux, image: alpine}, nodes: {a: , b: }}")
    os.kill(place.init_of("a"), signal.SIGKILL)
    wait_until(lambda: place.standing("a") == "ended", 5, "the end of a")

    assert place.standing("b") == "running"
    words = [sys.executable, "-m", "lab", "list"]
    assert re.search(rf"^{NAME} +a +ended$", run(words), re.MULTILINE)


def test_down_removes_what_a_crash_left(up: Up, tmp_path: Path) -> None:
    popen = start_slowly(tmp_path)
    popen.kill()
    popen.wait(60)

    assert leftovers() != []
    assert running(MARK)
    words = [sys.executable, "-m", "lab", "down", NAME]
    assert f"lab {NAME} is removed" in run(words)
    assert leftovers() == []
    assert not running(MARK)
    del up


def test_down_touches_nothing_but_a_labs_own(up: Up, tmp_path: Path) -> None:
    place = up("topology: {nodes: {a: {kind: linux, image: alpine}}}")
    file = tmp_path / "t.clab.yml"
    elsewhere = tmp_path / "other"
    inner = elsewhere / "inner"
    inner.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    def down(word: object) -> "subprocess.CompletedProcess[str]":
        # No topology is in or above the directory, whatever stands beside the project.
        return subprocess.run(
            [sys.executable, "-m", "lab", "down", str(word)],
            cwd=inner,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for word in (".", "..", elsewhere, tmp_path / "none.clab.yml", "../" + NAME):
        assert down(word).returncode != 0, word
    assert elsewhere.is_dir()
    assert place.exists()
    file.write_text(f"name: {NAME}\ntopology: {{nodes: {{a: {{kind: linux}}}}}}")
    assert f"lab {NAME} is removed" in down(tmp_path).stdout
    assert file.exists()
    assert leftovers() == []
