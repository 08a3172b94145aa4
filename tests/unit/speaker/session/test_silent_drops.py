"""What the kernel counts of segments that it drops without a word."""

from pathlib import Path

from evpnd.speaker.session.silent_drops import NETSTAT, REASONS, SilentDrops

TABLE = """TcpExt: SyncookiesSent TCPMD5Failure TCPMinTTLDrop
TcpExt: 7 {} {}
IpExt: InNoRoutes
IpExt: 9
"""


def test_only_what_rose_since_the_last_look_is_named(tmp_path: Path) -> None:
    path = tmp_path / "netstat"
    path.write_text(TABLE.format(4, 1))
    drops = SilentDrops(path)
    assert drops.rose() == set()
    path.write_text(TABLE.format(5, 1))

    assert drops.rose() == {"TCPMD5Failure"}
    assert drops.rose() == set()


def test_without_the_counters_nothing_rises(tmp_path: Path) -> None:
    assert SilentDrops(tmp_path / "none").rose() == set()


def test_the_kernel_counts_under_these_names() -> None:
    counted = NETSTAT.read_text()

    assert all(name in counted for name in REASONS)
