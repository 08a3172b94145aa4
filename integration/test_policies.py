"""Operators' policies between a real peer and the kernel."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import pytest

from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import heard
from integration.lab_kernel import remote_macs
from integration.lab_monitor import RowMonitor
from integration.lab_netns import inside, wait_until
from integration.peer import END_OF_RIB, REFRESH, UPDATE, BgpPeer, message
from integration.test_targets import (
    ASN,
    PLAIN,
    VNI,
    VXLAN,
    mac_nlri,
    mac_text,
    peer,
    say,
)

pytestmark = pytest.mark.root

GUARD = """policy: guard
rules:
  - {name: third, match: {mac: 02:00:00:00:00:03}, reject: not welcome}
"""
WEAKER = GUARD.replace("00:03}", "00:02}")
TWO = "policy: two\nlimits: [{macs: 2, per: [peer, vni]}]\n"
MARK = """policy: mark
rules:
  - match: {type: mac-ip}
    set: {community: ["65000:7"], local-preference: 300}
"""
SILENT = "policy: silent\nrules: [{name: no, match: {type: mac-ip}, reject: true}]\n"


def write(lab: Lab, **texts: str) -> list[str]:
    """Write policy files; returns their paths."""
    paths = []
    for name, text in texts.items():
        path = Path(lab.directory) / f"{name}.yaml"
        path.write_text(text)
        paths.append(str(path))
    return paths


def settings(lab: Lab, files: list[str], **ways: list[str]) -> dict[str, object]:
    session: dict[str, object] = {"address": lab[2].session, **ways}
    return lab[1].config(session, evis=[evi(VNI)], asn=ASN, policies=files)


def start(lab: Lab, files: list[str], **ways: list[str]) -> Evpnd:
    lab[1].prepare(VNI)
    daemon = lab[1].evpnd(settings(lab, files, **ways))
    daemon.wait_ready(1)
    return daemon


def feed(daemon: Evpnd, far: BgpPeer, vtep: str, *numbers: int) -> None:
    """Announce MACs, and wait until they are judged."""
    far.wait_established()
    for number in numbers:
        far.send(say(mac_nlri(number), vtep, PLAIN, VXLAN))
    far.send(message(UPDATE, END_OF_RIB))
    daemon.wait_show(
        "routes", lambda rows: len(rows) == len(numbers), "all routes judged"
    )


def wait_rows(lab: Lab, *numbers: int) -> None:
    wanted = {mac_text(number): lab[2].vtep for number in numbers}

    def there() -> bool:
        return remote_macs(lab[1].namespace, f"vx{VNI}") == wanted

    wait_until(there, 10, f"rows of {numbers}")


def ask(daemon: Evpnd, *words: str) -> subprocess.CompletedProcess[str]:
    return daemon.run(*words, "--socket", str(daemon.socket))


def rules(daemon: Evpnd) -> dict[object, object]:
    return {row["rule"]: row["routes"] for row in daemon.show("policies")}


def test_what_import_rejects_has_no_row_and_a_reload_applies_the_difference(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    files = write(lab, guard=GUARD)
    guard = Path(files[0])
    daemon = start(lab, files, **{"import": ["guard"]})
    with peer(lab, 2) as far:
        feed(daemon, far, lab[2].vtep, 1, 2, 3)
        wait_rows(lab, 1, 2)
        assert rules(daemon) == {"third": 1, "default": 2}
        reasons = {row["mac"]: row["reason"] for row in daemon.show("routes")}
        place = f"{guard}:3"
        assert reasons == {
            mac_text(1): None,
            mac_text(2): None,
            mac_text(3): f"not welcome (policy guard, rule third, {place})",
        }
        story = ask(daemon, "explain", "mac", mac_text(3)).stdout
        assert place in story
        (row,) = daemon.show("peers")
        assert row["routes_rejected"] == 1

        # Rehearsed, then planned, then refused, then done.
        tried = write(lab, tried=WEAKER)[0]
        live = ask(daemon, "policy", "test", "--live", tried, "--json")
        assert live.returncode == 0, live.stderr
        found = json.loads(live.stdout)
        changed = {one["mac"] for one in found if one["kind"] == "route"}
        assert changed == {mac_text(2), mac_text(3)}
        assert rules(daemon) == {"third": 1, "default": 2}
        with RowMonitor(lab[1]) as monitor:
            guard.write_text(WEAKER)
            planned = daemon.run("plan", "-c", str(daemon.path), "--json")
            rows = [one for one in json.loads(planned.stdout) if one["what"] == "fdb"]
            assert {(one["action"], one["mac"]) for one in rows} == {
                ("remove", mac_text(2)),
                ("add", mac_text(3)),
            }
            guard.write_text(WEAKER + "  - {name: bad, match: {max: 1}}\n")
            refused = daemon.reload()
            assert refused.returncode != 0
            assert "guard.yaml:4" in refused.stdout + refused.stderr
            assert monitor.changes() == []

            guard.write_text(WEAKER)
            done = daemon.reload()
            assert done.returncode == 0
            assert done.stdout.splitlines() == [
                "policy guard changed: rule third changed",
                "FDB rows: 1 added or changed, 1 removed",
            ]
            wait_rows(lab, 1, 3)
            changes = monitor.changes()
            assert changes
            assert not [change for change in changes if mac_text(1) in change]
        assert far.bodies(REFRESH) == []
        assert far.sessions == 1
    events = [row["event"] for row in daemon.show("events")]
    assert events.count("reloaded") == 1
    assert events.count("reload_refused") == 1


def test_verdicts_are_a_metric(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    files = write(lab, guard=GUARD, two=TWO)
    lab[1].prepare(VNI)
    named = settings(lab, files, **{"import": ["guard", "two"]})
    daemon = lab[1].evpnd({**named, "metrics": {"listen": "127.0.0.1:9471"}})
    daemon.wait_ready(1)
    with peer(lab, 2) as far:
        feed(daemon, far, lab[2].vtep, 1, 2, 3, 4, 5)
        wait_rows(lab, 1, 2)
        with inside(lab[1].namespace):
            page = urllib.request.urlopen("http://127.0.0.1:9471/metrics", timeout=30)
            text = page.read().decode()
    verdicts = {
        line for line in text.splitlines() if line.startswith("evpnd_policy_verdicts")
    }
    name = "evpnd_policy_verdicts_total"
    assert verdicts == {
        f'{name}{{policy="guard",rule="third",verdict="reject"}} 1.0',
        f'{name}{{policy="guard",rule="default",verdict="accept"}} 4.0',
        f'{name}{{policy="two",rule="default",verdict="accept"}} 4.0',
    }
    waiting = "evpnd_limit_waiting_routes"
    limit = "macs 2 per peer, vni"
    assert f'{waiting}{{limit="{limit}",policy="two"}} 2.0' in text
    (told,) = [row for row in daemon.show("events") if row["event"] == "limit_reached"]
    assert (told["policy"], told["limit"]) == ("two", limit)


def test_a_policy_that_nothing_names_is_tried_before_it_is_named(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    daemon = start(lab, [])
    with peer(lab, 2) as far:
        feed(daemon, far, lab[2].vtep, 1, 2, 3)
        wait_rows(lab, 1, 2, 3)
        (file,) = write(lab, guard=GUARD)
        tried = ask(daemon, "policy", "test", "--live", file)
        assert tried.returncode == 0, tried.stderr
        assert "the running evpnd does not use guard yet" in tried.stdout
        assert "1 route would change; nothing was changed" in tried.stdout

        daemon.write(settings(lab, [file], **{"import": ["guard"]}))
        assert daemon.reload().returncode == 0
        wait_rows(lab, 1, 2)


@pytest.mark.parametrize("kind", ["pipe", "circle", "directory"])
def test_what_is_no_policy_file_is_refused_and_nothing_waits_for_it(
    make_lab: MakeLab, kind: str
) -> None:
    lab = make_lab(2)
    lab[1].prepare(VNI)
    folder = Path(lab.directory) / "policies"
    folder.mkdir()
    (folder / "guard.yaml").write_text(GUARD)
    daemon = lab[1].evpnd(settings(lab, [f"{folder}/*"]))
    daemon.wait_ready(1)
    agent, odd = daemon.agent_pid(), folder / "odd.yaml"
    match kind:
        case "pipe":
            os.mkfifo(odd)
        case "circle":
            (folder / "other.yaml").symlink_to(odd)
            odd.symlink_to(folder / "other.yaml")
        case _:
            odd.mkdir()

    refused = daemon.reload()
    assert refused.returncode == 1
    assert "odd.yaml" in refused.stderr or "other.yaml" in refused.stderr
    assert daemon.run("check", str(daemon.path)).returncode == 2
    for left in folder.iterdir():
        if left.name != "guard.yaml":
            left.rmdir() if kind == "directory" else left.unlink()
    assert daemon.reload().returncode == 0
    assert daemon.agent_pid() == agent


def test_an_agent_that_dies_comes_back_with_what_was_accepted(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    (file,) = write(lab, guard=GUARD)
    daemon = start(lab, [file], **{"import": ["guard"]})

    def die() -> None:
        old = daemon.kill_agent()
        wait_until(lambda: daemon.agent_pid() != old, 10, "a new agent")
        daemon.wait_established(1)
        daemon.wait_ready(1)
        daemon.wait_show("routes", lambda rows: len(rows) == 3, "all routes again")

    with peer(lab, 2) as far:
        feed(daemon, far, lab[2].vtep, 1, 2, 3)
        wait_rows(lab, 1, 2)
        # A file that a reload refused, and one that nobody has reloaded yet.
        Path(file).write_text("policy: [guard\n")
        assert daemon.reload().returncode == 1
        die()
        assert rules(daemon) == {"third": 1, "default": 2}
        Path(file).write_text(WEAKER)
        die()
        wait_rows(lab, 1, 2)
        assert daemon.reload().returncode == 0
        wait_rows(lab, 1, 3)
        die()
        wait_rows(lab, 1, 3)
        assert far.sessions == 1
    kept = daemon.socket.with_suffix(".accepted")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert daemon.stop() == 0
    assert not kept.exists()


def test_a_limit_holds_back_the_excess_until_there_is_room(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    daemon = start(lab, write(lab, two=TWO), **{"import": ["two"]})
    with peer(lab, 2) as far:
        feed(daemon, far, lab[2].vtep, 1, 2, 3, 4)
        wait_rows(lab, 1, 2)
        shown = daemon.show("policies")[-1]
        assert (shown["verdict"], shown["routes"]) == ("limit", 2)
        assert "limit macs 2 per peer, vni reached" in str(
            [row["reason"] for row in daemon.show("routes")]
        )

        gone = b"\x90\x0f" + (3 + len(mac_nlri(1))).to_bytes(2) + b"\0\x19\x46"
        gone += mac_nlri(1)
        body = bytes(2) + len(gone).to_bytes(2) + gone
        far.send(message(UPDATE, body))
        wait_rows(lab, 2, 3)
        assert far.sessions == 1

        write(lab, two=TWO.replace("2,", "3,"))
        assert daemon.reload().returncode == 0
        wait_rows(lab, 2, 3, 4)


def test_a_peer_is_told_what_export_leaves_and_sets(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    files = write(lab, mark=MARK, silent=SILENT)
    daemon = start(lab, files, export=["mark"])
    heard([lab[1].tenant("t1", VNI, 11)])

    def macs(far: BgpPeer) -> list[dict[int, bytes]]:
        """Collect the attributes of type 2 routes; there may be more in an UPDATE."""
        found = []
        for each in far.updates():
            rest = each.announced
            while rest:
                found += [each.attributes] * (rest[0] == 2)
                rest = rest[2 + rest[1] :]
        return found

    with peer(lab, 2) as far:
        far.wait_established()
        # The MAC alone, and with either address.
        far.wait_heard(lambda: len(macs(far)) >= 3, 10, "the tenant's routes")
        for attributes in macs(far):
            assert attributes[8] == bytes.fromhex("fde80007")
            assert attributes[5] == (300).to_bytes(4)

        far.heard.clear()
        daemon.write(settings(lab, files, export=["silent"]))
        assert daemon.reload().returncode == 0
        far.wait_heard(
            lambda: any(each.withdrawn for each in far.updates()), 10, "withdrawal"
        )
        assert macs(far) == []
        assert {each.withdrawn[0] for each in far.updates() if each.withdrawn} == {2}
