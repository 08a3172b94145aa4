"""The container image: its Dockerfile is sound, and its steps work in a clean root."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.clab.image import (
    DOCKERFILE,
    build,
    inside,
    make_base,
    mounted,
    stages,
)
from integration.lab_netns import ip, run, wait_until

NAMESPACE = f"evt{os.getpid()}-image"
CONFIG = """
asn: 65001
vtep: {address: 10.0.0.1}
peers: [{address: 10.0.0.2, asn: 65001}]
evis: [{vni: 10100, manage: true}]
"""


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("hadolint is not installed")
        pytest.skip("needs hadolint")

    done = subprocess.run(
        [linter, DOCKERFILE], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_no_registry_is_named_and_the_last_stage_builds_nothing() -> None:
    text = DOCKERFILE.read_text()

    assert "http" not in text
    assert "index-url" not in text
    steps = " ".join(rest for word, rest in stages()[-1].steps if word == "RUN")
    assert not [word for word in ("gcc", "build-essential", "pip") if word in steps]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Do all steps; gives the root of the last stage."""
    base = tmp_path / "base"
    make_base(base)
    first, last = stages()
    with (
        mounted(base, tmp_path / "build") as builder,
        mounted(base, tmp_path / "final") as final,
    ):
        build(first, builder, {})
        build(last, final, {first.name: builder})
        yield final


@pytest.fixture
def namespace() -> Iterator[str]:
    ip([f"netns add {NAMESPACE}"])
    ip(["link set lo up", "addr add 10.0.0.1/32 dev lo"], NAMESPACE)
    yield NAMESPACE
    ip([f"netns del {NAMESPACE}"])


@pytest.mark.root
@pytest.mark.timeout(400)
def test_the_steps_work_in_a_clean_root_and_evpnd_runs_without_being_root(
    root: Path, namespace: str
) -> None:
    stage = stages()[-1]
    (root / "etc/evpnd/evpnd.yaml").write_text(CONFIG)
    argv = [*stage.last("ENTRYPOINT"), *stage.last("CMD")]
    log = root.parent / "log"
    with log.open("w") as output:
        popen = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", "chroot", str(root), *argv],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    try:
        check = stage.last("HEALTHCHECK")

        def healthy() -> bool:
            assert popen.poll() is None, log.read_text()
            return (
                subprocess.run(
                    ["chroot", str(root), *check], capture_output=True, check=False
                ).returncode
                == 0
            )

        wait_until(healthy, 20, "a healthy container", seen=log.read_text)
        wait_until(
            lambda: (
                json.loads(inside(root, ["evpnd", "show", "evis", "--json"]))[0][
                    "state"
                ]
                == "ready"
            ),
            10,
            "the EVI, with devices of evpnd's own making",
            seen=log.read_text,
        )
        owner = int(inside(root, ["id", "-u", "evpnd"]))
        status = Path(f"/proc/{popen.pid}/status").read_text()
        assert f"Uid:\t{owner}\t{owner}\t{owner}\t{owner}\n" in status
        assert owner != 0
        assert "br10100" in run(["ip", "-n", namespace, "-br", "link"])
    finally:
        popen.terminate()
        popen.wait(20)
