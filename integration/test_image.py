"""The container image: its Dockerfile is sound, and its steps work in a clean root."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.image import (
    CHECKOUT,
    DOCKERFILE,
    build,
    inside,
    make_base,
    mounted,
    stages,
)
from integration.lab_netns import OWN, ip, run, wait_until

GOBGP = DOCKERFILE.parent / "ipv6-underlay" / "gobgp.Dockerfile"
ROUTING = DOCKERFILE.parent / "routing.Dockerfile"
NAMESPACE = f"{OWN}-image"
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
        [linter, DOCKERFILE, GOBGP, ROUTING],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_no_registry_is_named_and_the_last_stage_builds_nothing() -> None:
    text = DOCKERFILE.read_text()

    assert "http" not in text
    assert "index-url" not in text
    steps = " ".join(rest for word, rest in stages()[-1].steps if word == "RUN")
    tools = ("gcc", "build-essential", "pip install", "venv")
    assert not [word for word in tools if word in steps]


def test_what_is_copied_into_the_image_is_given_to_its_builder() -> None:
    given = (CHECKOUT / ".dockerignore").read_text().splitlines()
    for stage in stages():
        for word, rest in stage.steps:
            if word == "COPY" and not rest.startswith("--from="):
                assert {f"!{name}" for name in rest.split()[:-1]} <= set(given)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make Debian's smallest root, once; stages are laid over it."""
    directory = tmp_path_factory.mktemp("image") / "base"
    make_base(directory)
    return directory


@pytest.fixture
def root(base: Path, tmp_path: Path) -> Iterator[Path]:
    """Do all steps; gives the root of the last stage."""
    first, last = stages()
    with (
        mounted(base, tmp_path / "build") as builder,
        mounted(base, tmp_path / "final") as final,
    ):
        build(first, builder, {})
        build(last, final, {first.name: builder})
        yield final


@pytest.mark.root
@pytest.mark.xdist_group("image")
@pytest.mark.timeout(400)
def test_the_reflectors_image_has_what_its_topology_needs(
    base: Path, tmp_path: Path
) -> None:
    (stage,) = stages(GOBGP)
    with mounted(base, tmp_path / "only") as image:
        build(stage, image, {})
        said = [
            inside(image, ["/bin/sh", "-c", f"command -v {each}"])
            for each in (*stage.last("ENTRYPOINT"), "gobgp", "ip")
        ]

    assert all(said)


@pytest.fixture
def namespace() -> Iterator[str]:
    ip([f"netns add {NAMESPACE}"])
    ip(["link set lo up", "addr add 10.0.0.1/32 dev lo"], NAMESPACE)
    yield NAMESPACE
    ip([f"netns del {NAMESPACE}"])


@pytest.mark.root
@pytest.mark.xdist_group("image")
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
        # Neither the installer nor what it brings along.
        assert not list((root / "opt/evpnd").glob("lib/*/site-packages/pip*"))
        assert (root / "usr/share/doc/evpnd/LICENSE").exists()
    finally:
        popen.terminate()
        popen.wait(20)
