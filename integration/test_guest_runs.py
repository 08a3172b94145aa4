"""A command in the guest: its output, its status, its time, and its end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from integration import guest
from integration.bed import CHECKOUT
from integration.lab_netns import LabError, wait_until

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest_kernel,
    pytest.mark.xdist_group("guest"),
]


def test_output_status_and_files_come_back(tmp_path: Path) -> None:
    script = 'echo "$WORD"; echo two >&2; cp /etc/hostname /bed/job; exit 3'

    done = guest.run(
        ["sh", "-c", script], timeout=60, files=tmp_path, environ={"WORD": "it's one"}
    )

    assert done == guest.Done(3, "it's one\ntwo\n")
    assert (tmp_path / "hostname").exists()


def test_the_checkout_is_there_and_cannot_be_written() -> None:
    text = guest.check(["sh", "-c", "pwd; touch x || echo refused"], timeout=60)

    assert text.splitlines()[0] == str(CHECKOUT)
    assert text.splitlines()[-1] == "refused"
    assert not (CHECKOUT / "x").exists()


def test_what_takes_longer_is_ended_and_its_output_told() -> None:
    before = time.monotonic()

    with pytest.raises(LabError, match=r"still ran after 2 s\n.*output\nbegun"):
        guest.run(["sh", "-c", "echo begun; sleep 600"], timeout=2)
    assert time.monotonic() - before < guest.BOOT


def test_a_guest_ends_with_who_started_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from integration import guest;"
        "guest.run(['sh', '-c', 'touch /bed/job/up; sleep 600'], timeout=600,"
        " files=Path(sys.argv[1]))"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=CHECKOUT)
    wait_until((tmp_path / "up").exists, 30, "the guest")
    assert kernels(caller.pid)
    mine = kernels(caller.pid)

    caller.kill()
    caller.wait()

    wait_until(lambda: not any(map(is_kernel, mine)), 10, "the end of the guest")


def kernels(pid: int) -> set[int]:
    """Return the guest's processes below another."""
    below = {pid}
    for path in sorted(
        Path("/proc").glob("[0-9]*/stat"), key=lambda p: int(p.parent.name)
    ):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in below:
            below.add(int(path.parent.name))
    return {each for each in below if is_kernel(each)}


def is_kernel(pid: int) -> bool:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).endswith(guest.KERNEL)
    except OSError:
        return False
