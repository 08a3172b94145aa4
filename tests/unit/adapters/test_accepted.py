"""What an agent finds of the configuration that was accepted before it."""

import os
import pickle
from pathlib import Path

import pytest

from evpnd.adapters import handover
from evpnd.adapters.accepted import accepted_path, forget, keep, recall
from tests.fakes.host import config
from tests.unit.core.policy_host import governed

POLICED = governed(
    peers={"import": ("p",)}, p="rules: [{match: {vni: 1}, reject: true}]"
)


def test_it_comes_back_as_it_was_and_is_ours_alone(tmp_path: Path) -> None:
    path = accepted_path(tmp_path / "evpnd.sock")
    for given in (config(), POLICED):
        keep(given, path)

        assert recall(path) == given
    assert path == tmp_path / "evpnd.accepted"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    forget(path)
    assert recall(path) is None


def test_what_other_code_wrote_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "evpnd.accepted"
    keep(config(), path)
    monkeypatch.setattr(handover, "_CODE", [("config.py", 1, 1)])

    assert recall(path) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"nonsense",
        pickle.dumps("text"),
        handover.pack((1, 2)),
        handover.pack(1)[:-1],
    ],
)
def test_what_is_none_is_passed_over(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "evpnd.accepted"
    path.write_bytes(octets)
    path.chmod(0o600)

    assert recall(path) is None


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_no_file_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "evpnd.accepted"
    path.mkdir(0o700) if kind == "directory" else os.mkfifo(path, 0o600)

    assert recall(path) is None


def test_sockets_beside_each_other_do_not_share_it(tmp_path: Path) -> None:
    names = {accepted_path(tmp_path / name).name for name in ("a.1", "a.2", "a.sock")}

    assert names == {"a.1.accepted", "a.2.accepted", "a.accepted"}


def test_what_others_can_have_written_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "evpnd.accepted"
    keep(config(), path)
    path.chmod(0o620)
    assert recall(path) is None
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert recall(link) is None
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
        assert recall(path) is None


def test_where_it_cannot_be_kept_the_one_before_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "evpnd.accepted"
    keep(config(), path)
    # A directory where the new one would be written.
    (tmp_path / f".{path.name}.{os.getpid()}").mkdir()

    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        keep(POLICED, path)
    assert recall(path) is None
