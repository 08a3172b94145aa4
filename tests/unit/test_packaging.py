"""The systemd unit: what stands in it does what it says."""

import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging/evpnd.service"


@pytest.mark.parametrize(("status", "starts"), [(0, True), (1, False), (2, True)])
def test_a_host_that_is_not_fit_ends_the_start_and_a_wrong_file_is_left_to_run(
    status: int, tmp_path: Path, *, starts: bool
) -> None:
    (line,) = (
        line.removeprefix("ExecStartPre=+")
        for line in UNIT.read_text().splitlines()
        if line.startswith("ExecStartPre=")
    )
    evpnd = tmp_path / "evpnd"
    evpnd.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/asked\nexit {status}\n")
    evpnd.chmod(0o755)
    # systemd reads $$ as $.
    command = line.replace("$$", "$").replace("/usr/bin/evpnd", str(evpnd))

    done = subprocess.run(["/bin/sh", "-c", command], check=False)

    assert (done.returncode == 0) is starts
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["check", "--this-host", "-c", "/etc/evpnd/evpnd.yaml"]
