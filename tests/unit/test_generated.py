"""Man pages and completions are what `--help` and the schemas say now."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
NAMES = (
    *("man/evpnd.8", "man/evpnd.yaml.5", "man/evpnd-policy.5"),
    *("completion/evpnd.bash", "completion/_evpnd", "completion/evpnd.fish"),
)


def test_every_file_is_what_the_program_writes(tmp_path: Path) -> None:
    # Anew: what other tests set is in the help of commands that they imported.
    subprocess.run([sys.executable, PACKAGING / "generate.py", tmp_path], check=True)

    written = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")}
    assert written == set(NAMES)
    for name in NAMES:
        why = f"{name} is old: run .venv/bin/python packaging/generate.py"
        assert (PACKAGING / name).read_text() == (tmp_path / name).read_text(), why


def test_the_pages_have_commands_options_and_keys() -> None:
    commands = (PACKAGING / "man/evpnd.8").read_text().replace("\\-", "-")
    for words in ("evpnd run", "evpnd show macs", "evpnd flush", "--flush-on-exit"):
        assert words in commands
    keys = (PACKAGING / "man/evpnd.yaml.5").read_text().replace("\\-", "-")
    for key in ("peers[].hold-time", "evis[].advertise.macs", "metrics.listen"):
        assert f"\\fB{key}\\fR" in keys
    assert "number None" not in keys


# What a shell asks: the words so far, and which of them is to be completed.
@pytest.mark.parametrize(
    ("words", "number", "expected"),
    [
        ("evpnd ", 1, "restart-agent"),
        ("evpnd show ", 2, "neighbors"),
        ("evpnd show ma", 2, "macs"),
        ("evpnd flush --", 2, "--yes"),
    ],
)
def test_a_shell_is_told_what_may_follow(
    words: str, number: int, expected: str
) -> None:
    environment = os.environ | {
        "_EVPND_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(number),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("evpnd")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"plain,{expected}" in done.stdout.split()


def test_bash_completes_with_the_file(tmp_path: Path) -> None:
    bin_folder = Path(sys.executable).parent
    script = (
        f"PATH={bin_folder}:$PATH; source {PACKAGING / 'completion/evpnd.bash'}\n"
        "COMP_WORDS=(evpnd show pe); COMP_CWORD=2\n"
        "_evpnd_completion evpnd\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout.split() == ["peers"]
