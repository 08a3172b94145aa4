"""What `ps` and the like call a process."""

import subprocess
import sys
from pathlib import Path

NAMED = """\
import sys, threading
from pathlib import Path
from evpnd.process_title import set_title
set_title(*sys.argv[1].split("|"))
comm = []
thread = threading.Thread(
    target=lambda: comm.append(Path("/proc/thread-self/comm").read_text())
)
thread.start()
thread.join()
here = Path("/proc/self")
print(here.joinpath("comm").read_text().strip(), comm[0].strip(), sep="|")
print(here.joinpath("cmdline").read_bytes().rstrip(b"\\0").decode())
print(sys.argv[2:], Path(sys.executable).exists())
"""


def named(title: str, *more: str) -> list[str]:
    command = [sys.executable, "-c", NAMED, title, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_kernel_shows_the_name_and_python_keeps_its_arguments() -> None:
    name, line, arguments = named("agent|-c|/etc/evpnd/é.yaml", "x", "y z")

    assert name == "evpnd: agent|evpnd: agent"
    assert line == "evpnd: agent -c /etc/evpnd/é.yaml"
    assert arguments == "['x', 'y z'] True"


def test_what_is_too_long_is_cut_off() -> None:
    long = "x" * 5000
    name, line, _ = named("speaker|" + long)
    room = len(sys.executable) + len("-c") + len(NAMED) + len("speaker|" + long) + 3

    assert name.startswith("evpnd: speaker|")
    assert line == f"evpnd: speaker {long}"[:room]
    assert len(named("a", "b")) == 3


def test_ps_shows_it() -> None:
    code = (
        "import os, subprocess; from evpnd.process_title import set_title; "
        "set_title('speaker'); "
        "subprocess.run(['ps', '-o', 'comm=,args=', '-p', str(os.getpid())])"
    )
    before = Path("/proc/self/comm").read_text()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["evpnd:", "speaker", "evpnd:", "speaker"]
    assert Path("/proc/self/comm").read_text() == before
