"""`evpnd explain`: the story of an address, from the wire to the kernel's row."""

import json
from functools import partial

import pytest

from integration.lab import MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, mesh
from integration.lab_netns import run, wait_until

pytestmark = pytest.mark.root
VNI, OTHER = 10100, 10200

Step = dict[str, object]


def explain(daemon: Evpnd, *words: str) -> list[Step]:
    done = daemon.ask("explain", *words, "--json")
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)
    assert isinstance(steps, list)
    return steps


def texts(steps: list[Step], step: str) -> str:
    return " | ".join(str(each["text"]) for each in steps if each["step"] == step)


def _ends(daemon: Evpnd, address: str, text: str) -> bool:
    """Return whether the story of an address ends with a text."""
    steps = explain(daemon, address)
    mended = text == "the kernel has the wanted rows"
    return text in str(steps[-1]["text"]) and steps[-1]["ok"] is mended


def test_every_story_is_told_from_the_wire_to_the_row(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    lab[1].prepare(OTHER)
    foreign = {"import": ["65001:999"], "export": ["65001:999"]}
    one, two = mesh(
        lab,
        {
            1: [evi(VNI, name="tenant-a"), evi(OTHER)],
            2: [evi(VNI), evi(OTHER, manage=True, **{"route-targets": foreign})],
        },
    )
    converge(lab)
    local, remote = lab.tenants

    there = explain(one, "mac", remote.mac)
    assert f"10.0.0.2:{VNI}" in texts(there, "received")
    assert "into tenant-a by route target 65001:10100" in texts(there, "imported")
    assert "it is the only candidate" in texts(there, "selected")
    assert f"dst {lab[2].vtep} on vx{VNI}" in texts(there, "wanted")
    assert f"{remote.mac} dev vx{VNI} dst {lab[2].vtep} self" in texts(there, "found")
    assert there[-1]["ok"] is True

    here = explain(one, "mac", local.mac)
    assert "on local port t1" in texts(here, "local")
    assert local.ip in texts(here, "announced")
    assert here[-1]["ok"] is True

    bound = explain(one, "ip", remote.ip, "--vni", str(VNI))
    assert f"neighbour {remote.ip} lladdr {remote.mac}" in texts(bound, "wanted")
    assert f"lladdr {remote.mac} on br{VNI} (ours)" in texts(bound, "found")
    assert bound[-1]["ok"] is True

    vtep = explain(one, "vtep", lab[2].vtep)
    assert f"in the flood list of vx{VNI}" in texts(vtep, "wanted")
    assert "65001:999" in texts(vtep, "imported")

    nowhere = explain(one, "mac", "02:00:00:00:00:99")
    assert nowhere[-1]["ok"] is False
    assert "no peer announces 02:00:00:00:00:99" in str(nowhere[-1]["text"])

    row = [remote.mac, "dev", f"vx{VNI}", "dst", "10.9.9.9", "self", "permanent"]
    run(["bridge", "-n", lab[1].namespace, "fdb", "replace", *row])
    taken = explain(one, "mac", remote.mac)
    assert taken[-1]["ok"] is False
    assert "another program's row" in str(taken[-1]["text"])

    ports = ["-n", lab[1].namespace, "link", "set", "t1"]
    address = ["-n", lab[1].namespace, "addr"]
    on_lo = [f"{lab[1].vtep}/32", "dev", "lo"]
    for breaks, mends, why in (
        (["ip", *ports, "down"], ["ip", *ports, "up"], "no tenant port of br10100"),
        (
            ["ip", *address, "del", *on_lo],
            ["ip", *address, "add", *on_lo],
            f"no interface has the VTEP address {lab[1].vtep}",
        ),
    ):
        run(breaks)
        wait_until(partial(_ends, one, lab[2].vtep, why), 10, why)
        run(mends)
        well = "the kernel has the wanted rows"
        wait_until(partial(_ends, one, lab[2].vtep, well), 10, "mended")

    people = two.run("explain", "mac", remote.mac, "--socket", str(two.socket))
    assert people.returncode == 0
    assert people.stdout.splitlines()[0] == f"mac {remote.mac}"
    absent = one.run("explain", "mac", remote.mac, "--socket", "/nowhere.sock")
    assert absent.returncode == 3
