"""`evpnd web`, up to where it serves; tests/unit/web has what it serves."""

import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evpnd.cli.main import call
from evpnd.cli.web import web


@pytest.fixture
def taken() -> Iterator[str]:
    """Return an address at which something listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_address_that_is_taken_is_said(
    taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["web", "--listen", taken]) == 1

    assert capsys.readouterr().err == (
        f"evpnd: cannot listen at {taken}: Address already in use\n"
    )


def test_without_its_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in sys.modules if each.startswith("evpnd.web.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    assert call(["web"]) == 1

    said = capsys.readouterr().err
    assert "evpnd web needs uvicorn, which is not installed" in said
    assert "pip install 'evpnd[web]'" in said


@pytest.mark.parametrize("address", ["9472", "localhost:9472", "::1:9472", "1.2.3.4:0"])
def test_a_wrong_address_is_wrong_usage(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["web", "--listen", address]) == 2

    assert "write it like" in capsys.readouterr().err


def test_the_file_says_where_it_listens(
    taken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evpnd.yaml"
    file.write_text(f"asn: 65001\nweb: {{listen: '{taken}'}}\n")

    assert call(["web", "-c", str(file)]) == 1
    assert f"cannot listen at {taken}" in capsys.readouterr().err

    file.write_text("web:\n  listen: 9472\n")
    assert call(["web", "-c", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}:2: web.listen:" in said

    file.write_text("web: {")
    assert call(["web", "-c", str(file)]) == 2
    assert f"{file}:2: is not valid YAML" in capsys.readouterr().err


def test_its_unit_starts_it_without_rights() -> None:
    unit = Path(__file__).parents[3] / "packaging/evpnd-web.service"
    said = dict(
        line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line
    )
    program, command, *words = shlex.split(said["ExecStart"])

    assert (program, command) == ("/usr/bin/evpnd", "web")
    web.make_context(command, words)
    assert said["CapabilityBoundingSet"] == ""
    assert said["DynamicUser"] == "yes"
