"""`evpnd doctor --fix` and `--bundle`."""

import io
import json
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from evpnd.adapters.recording.reading import records
from evpnd.recording.records import Header, State
from evpnd.recording.state import thaw
from integration.lab import Lab, MakeLab, evi
from integration.lab_doctor import BRIDGE, PORT, VNI, VXLAN, Patient, program
from integration.lab_evpnd import Evpnd
from integration.lab_netns import run

pytestmark = pytest.mark.root
SECRET = 'Tru\\stno"1-ä'
OTHER_SECRET = "hunter2-in-a-comment"


def doctor(patient: Patient, *words: str, answers: str = "") -> str:
    """Run the command as a process, with answers on its standard input."""
    argv = ["ip", "netns", "exec", patient.namespace, program("evpnd"), "doctor"]
    done = subprocess.run(
        [*argv, "-c", str(patient.path), *words],
        input=answers,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return f"{done.stdout}{done.stderr}status {done.returncode}"


def at(daemon: Evpnd) -> tuple[str, str]:
    return "--socket", str(daemon.socket)


def break_it(patient: Patient) -> None:
    patient.shell(f"bridge link set dev {VXLAN} learning on neigh_suppress off")
    patient.shell(f"ip link set {BRIDGE} type bridge ageing_time 1000")
    patient.shell(f"ip addr del {patient.host.vtep}/32 dev lo")


def test_what_is_safe_is_done_after_asking(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    break_it(patient)
    checks = {row["check"] for row in patient.worse()}
    assert checks == {"learning", "suppression", "ageing", "vtep-address"}

    said = doctor(patient, "--fix", answers="y\nn\ny\n")

    assert f"run `ip link set dev {VXLAN} type bridge_slave learning off`?" in said
    assert f"done: ip link set dev {VXLAN} type bridge_slave learning off" in said
    assert "left as it is" in said
    # An address is somebody's decision.
    fix = f"ip addr add {patient.host.vtep}/32 dev lo"
    assert f"not for --fix, decide yourself: {fix}" in said
    assert "warnings and faults left: 2" in said
    assert said.endswith("status 1")
    assert {row["check"] for row in patient.worse()} == {"suppression", "vtep-address"}

    patient.shell(fix)
    assert doctor(patient, "--fix", "--yes").endswith("left: 0\nstatus 0")
    assert patient.worse() == []
    assert "nothing to do that is safe" in doctor(patient, "--fix", "--yes")


def test_a_command_that_fails_is_told(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])
    patient.shell(f"ip link set {PORT} down")
    unprivileged = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    argv = ["ip", "netns", "exec", patient.namespace, *unprivileged]
    done = subprocess.run(
        [*argv, program("evpnd"), "doctor", "-c", str(patient.path), "--fix", "-y"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "failed: RTNETLINK answers: Operation not permitted" in done.stdout
    assert done.returncode == 1


def test_fix_and_json_do_not_go_together(make_lab: MakeLab) -> None:
    patient = Patient(make_lab(1)[1])

    assert patient.ask("--fix", "--json").returncode == 2


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        found = {}
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read().decode(errors="replace")
    return found


def started(lab: Lab) -> Evpnd:
    """Start a daemon whose peer has a password."""
    host = lab[1]
    host.prepare(VNI)
    host.tenant(PORT, VNI, 11)
    key = lab.directory / "key"
    key.write_text(SECRET)
    policy = lab.directory / "p.yaml"
    policy.write_text("policy: p\nrules: [{name: a, match: {}, accept: true}]\n")
    peer: dict[str, object] = {
        "address": lab[2].session,
        "password-file": str(key),
        "import": ["p"],
    }
    config = host.config(peer, evis=[evi(VNI)]) | {"policies": [str(policy)]}
    daemon = host.evpnd(config)
    daemon.wait_ready(1)
    return daemon


def test_a_bundle_has_everything_but_secrets(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(2)
    daemon = started(lab)
    text = f"# password: {OTHER_SECRET}\n{daemon.path.read_text()}"
    daemon.path.write_text(text)
    # The kernel may show it, too.
    run(["ip", "-n", lab[1].namespace, "link", "set", PORT, "alias", SECRET])
    path = tmp_path / "host1.tar.gz"
    recording = tmp_path / "night"
    assert daemon.run("record", "start", str(recording), *at(daemon)).returncode == 0

    done = daemon.run("doctor", "-c", str(daemon.path), "--bundle", str(path))

    assert f"{path}: " in done.stderr, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files = contents(path)
    assert {"version", "doctor.json", "config/evpnd.yaml", "state/peers.json"} <= set(
        files
    )
    assert f"{VXLAN}" in files["kernel/links"]
    assert "alias (cut)" in files["kernel/links"]
    assert VXLAN in files["kernel/fdb"]
    assert "policy: p" in files["config/policies/p.yaml"]
    assert json.loads(files["state/evis.json"])[0]["state"] == "ready"
    assert yaml.safe_load(files["config/evpnd.yaml"])["peers"][0]["password-file"]
    octets = path.read_bytes()
    recorded = list(records(recording))
    assert isinstance(recorded[0], Header)
    state = next(each for each in recorded if isinstance(each, State))
    assert isinstance(thaw(state.octets), tuple)
    files["recording"] = repr(recorded)
    forms = [SECRET, json.dumps(SECRET)[1:-1], OTHER_SECRET]
    for name, content in files.items():
        assert not [each for each in forms if each in content], name
    with tarfile.open(fileobj=io.BytesIO(octets)) as tar:
        (packed,) = (
            each for each in tar.getmembers() if each.name.endswith("/recording")
        )
        file = tar.extractfile(packed)
        assert file is not None
        assert recording.read_bytes().startswith(file.read())
        assert all(member.mode == 0o600 for member in tar.getmembers())


def test_a_bundle_without_a_daemon(make_lab: MakeLab, tmp_path: Path) -> None:
    patient = Patient(make_lab(1)[1])
    path = tmp_path / "b.tar.gz"

    said = doctor(patient, "--bundle", str(path))

    assert said.endswith("status 0")
    files = contents(path)
    assert "no evpnd at" in files["state/peers"]
    assert "br10100" in files["kernel/bridge-ports"]
