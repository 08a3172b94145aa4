"""How daemons are asked, and what is remembered of them."""

import socket
import threading
import time
from pathlib import Path

import pytest

from evpnd.model.config import DEFAULT_SOCKET
from evpnd.web import daemons
from evpnd.web.daemons import Daemon, named
from tests.unit.cli.daemon import daemon

SHOW: dict[str, object] = {"command": "show", "what": "peers"}


def test_many_pages_ask_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "FRESH", 600.0)
    monkeypatch.setattr(daemons, "LONGEST", 600.0)

    def slowly(_: dict[str, object]) -> dict[str, object]:
        time.sleep(0.2)
        return {"ok": True, "result": [{"address": "10.0.0.1"}]}

    with daemon(tmp_path / "s", slowly) as asked:
        one = Daemon("one", asked.path)
        threads = [
            threading.Thread(target=one.table, args=("peers",)) for _ in "abcdef"
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert one.table("peers").rows == [{"address": "10.0.0.1"}]

    assert asked.asked == [SHOW]


def test_one_that_hangs_costs_one_page_its_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "PATIENCE", 0.2)
    monkeypatch.setattr(daemons, "FRESH", 600.0)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        one = Daemon("one", tmp_path / "s")
        for what in ("peers", "evis", "vteps", "peers"):
            assert "did not answer within 0.2 s" in str(one.table(what).trouble)

        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # nobody else came
            silent.accept()


def test_answers_that_nobody_asks_for_again_are_forgotten(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", {"ok": True, "result": []}) as asked:
        one = Daemon("one", asked.path)
        for vni in range(1, daemons.KEPT + 3):
            one.table("macs", vni=vni)
        one.table("macs", vni=1)

    assert len(asked.asked) == daemons.KEPT + 3


def test_a_daemon_is_named_after_its_file_and_the_usual_one_after_the_host() -> None:
    paths = [DEFAULT_SOCKET, Path("/run/a/left.sock"), Path("/run/b/right.sock")]
    names = [each.name for each in named(paths)]

    assert names == [socket.gethostname(), "left", "right"]

    twice = [Path("/run/a/evpnd.sock"), Path("/run/b/evpnd.sock")]
    assert [each.name for each in named(twice)] == list(map(str, twice))
