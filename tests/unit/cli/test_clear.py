"""`evpnd clear duplicate`, against a real control socket."""

from pathlib import Path

import pytest

from tests.unit.cli.commands import evpnd
from tests.unit.cli.daemon import daemon


@pytest.mark.parametrize(
    ("given", "kind", "normal"),
    [
        ("02-00-00-00-00-0A", "mac", "02:00:00:00:00:0a"),
        ("192.0.2.10", "ip", "192.0.2.10"),
        ("2001:DB8:0::1", "ip", "2001:db8::1"),
    ],
)
def test_a_mac_or_an_ip_is_released(
    tmp_path: Path, given: str, kind: str, normal: str
) -> None:
    with daemon(tmp_path / "s", {"ok": True}) as served:
        words = ("clear", "duplicate", "--vni", "5", given)
        done = evpnd(*words, "--socket", str(served.path))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{normal} in VNI 5 released\n"
    assert served.asked == [{"command": "clear", "vni": 5, kind: normal}]


def test_what_is_no_address_is_wrong_usage() -> None:
    done = evpnd("clear", "duplicate", "--vni", "5", "192.0.2.300")

    assert done.returncode == 2
    assert "'192.0.2.300' is neither a MAC nor an IP address" in done.stderr
