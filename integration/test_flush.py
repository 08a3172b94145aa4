"""``evpnd flush``: what a stopped evpnd left goes, and nothing else."""

import json

import pytest

from integration.lab import MakeLab
from integration.lab_kernel import fdb, link, neighbors
from integration.lab_netns import run
from integration.test_fabric_restart import VNI, converged_pair, rows

pytestmark = pytest.mark.root

FOREIGN = "02:ff:00:00:00:01"


@pytest.mark.parametrize("manage", [False, True])
def test_what_a_stopped_evpnd_left_goes_and_nothing_else(
    make_lab: MakeLab, *, manage: bool
) -> None:
    lab, one, _ = converged_pair(make_lab, manage=manage)
    host = lab[1].namespace
    fixed = ["dev", f"vx{VNI}", "dst", "10.0.0.99", "self", "static"]
    run(["bridge", "-n", host, "fdb", "append", FOREIGN, *fixed])

    refused = one.run("flush", "-c", str(one.path), "--yes")
    assert refused.returncode == 1
    assert "runs" in refused.stderr

    one.stop()
    before = rows(lab)
    asked = one.run("flush", "-c", str(one.path))
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert lab.tenants[1].mac in asked.stdout
    assert rows(lab) == before

    done = one.run("flush", "-c", str(one.path), "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = {(each["action"], each["what"]) for each in json.loads(done.stdout)}
    kinds = {"flood", "fdb", "neighbor"} | ({"device"} if manage else set())
    assert told == {("remove", kind) for kind in kinds}

    if manage:
        assert link(host, f"vx{VNI}") is None
        assert link(host, f"br{VNI}") is None
    else:
        left = {row.mac for row in fdb(host) if "extern_learn" in row.flags}
        assert left == set()
        assert FOREIGN in {row.mac for row in fdb(host)}
        found = neighbors(host, f"br{VNI}").values()
        assert not [row for row in found if "extern_learn" in row.flags]

    again = one.run("flush", "-c", str(one.path))
    assert (again.returncode, again.stdout) == (0, "nothing is left of evpnd\n")


def test_a_device_that_the_file_no_longer_names_goes_as_well(
    make_lab: MakeLab,
) -> None:
    lab, one, _ = converged_pair(make_lab, manage=True)
    one.stop()
    text = one.path.read_text()
    one.write(text.replace(str(VNI), "10999"))

    done = one.run("flush", "-c", str(one.path), "--yes")

    assert done.returncode == 0, done.stderr
    assert link(lab[1].namespace, f"vx{VNI}") is None
    assert link(lab[1].namespace, f"br{VNI}") is None
