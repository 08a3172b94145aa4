"""`evpnd doctor` on a host of a lab: what it finds, and whether its fix mends it."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from evpnd.cli.main import call
from integration.lab import Host, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import LabError, inside, run

VNI = 10100
BRIDGE, VXLAN, PORT = f"br{VNI}", f"vx{VNI}", "t1"
FAR = "10.0.0.2"
"""A remote VTEP."""

Row = Mapping[str, str | None]


class Doctor:
    """`evpnd doctor` on a host, with a configuration of its own."""

    def __init__(self, host: Host, config: Mapping[str, object]) -> None:
        """Write the configuration; no daemon is started."""
        self.host = host
        self.namespace = host.namespace
        self.path = self._write(config)

    def _write(self, config: Mapping[str, object]) -> Path:
        return Evpnd(self.namespace, self.host.lab.directory, "patient", config).path

    def shell(self, line: str) -> None:
        """Run a command line here, as an operator would."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace, "sh", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )
        if done.returncode:
            raise LabError(f"{line}: {done.stdout}{done.stderr}")

    def ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `evpnd doctor` here, in this process."""
        argv = ["doctor", "-c", str(self.path), *words]
        with (
            inside(self.namespace),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            status = call(argv)
        return subprocess.CompletedProcess(argv, status, out.getvalue(), err.getvalue())

    def examine(self, *words: str) -> list[Row]:
        """Return all findings."""
        done = self.ask("--json", *words)
        if done.returncode > 1 or done.stderr:
            raise LabError(f"evpnd doctor: {done.returncode} {done.stderr}")
        rows: list[Row] = json.loads(done.stdout)
        bad = any(row["level"] in ("warning", "fault") for row in rows)
        assert done.returncode == int(bad), rows
        return rows

    def findings(self, check: str | None = None) -> list[Row]:
        """Return what is not `ok`, of one check or of all."""
        return [
            row
            for row in self.examine()
            if row["level"] != "ok" and check in (None, row["check"])
        ]

    def worse(self) -> list[Row]:
        """Return the warnings and faults of all checks."""
        return [r for r in self.examine() if r["level"] in ("warning", "fault")]

    def only(self, check: str, level: str, subject: str) -> Row:
        """Return the one warning or fault there is; LabError for any other."""
        found = self.worse()
        if level == "note":
            found = self.findings(check)
        seen = [(row["check"], row["level"], row["subject"]) for row in found]
        if seen != [(check, level, subject)]:
            raise LabError(f"findings: {found}")
        return found[0]

    def mend(self, row: Row) -> None:
        """Do what the fix of a finding says, and see that nothing is left to find."""
        fix = row["fix"]
        assert fix is not None, row
        self.shell(fix)
        left = self.worse()
        assert left == [], left


class Patient(Doctor):
    """A host with one EVI, one tenant and one remote VTEP, all in order."""

    def __init__(self, host: Host, **config: object) -> None:
        """Make the devices, and write the configuration."""
        host.prepare(VNI)
        host.tenant(PORT, VNI, 11)
        super().__init__(host, self._config(host) | config)
        self.flood(FAR)

    @staticmethod
    def _config(host: Host) -> dict[str, object]:
        return host.config(FAR.replace("10.0", "10.1"), evis=[evi(VNI)])

    def write(self, **config: object) -> None:
        """Write the configuration anew, with other keys."""
        self._write(self._config(self.host) | config)

    def flood(self, vtep: str) -> None:
        """Put a VTEP into the flood list, as evpnd does."""
        row = ["00:00:00:00:00:00", "dev", VXLAN, "dst", vtep, "self", "permanent"]
        run(["bridge", "-n", self.namespace, "fdb", "append", *row, "extern_learn"])


def program(name: str) -> str:
    """Return a command of this environment."""
    return str(Path(sys.executable).with_name(name))
