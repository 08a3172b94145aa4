import pytest

from evpnd.cli.tables import TABLES, Row, cells
from evpnd.cli.terminal import lay_out, print_table

ROUTE: Row = {
    "peer": "10.0.0.254",
    "type": 2,
    "rd": "10.0.0.3:10100",
    "vni": 10100,
    "mac": "02:00:00:00:01:03",
    "ip": "192.0.2.33",
    "next_hop": "10.0.0.3",
    "sequence": 0,
    "route_targets": ["65001:10100"],
    "accepted": False,
    "best": False,
    "reason": "VTEP in quarantine (policy quar, rule bad-vtep, quar.yaml:10)",
    "notes": [],
}
WIDTHS = range(20, 260, 7)


def headings(width: int) -> list[set[str]]:
    """Give what stands beside, below and nowhere."""
    table = TABLES["routes"]
    lines = [[column.heading for column in table.columns], cells(table, ROUTE)]
    layout = lay_out(table, lines, width)
    return [{table.columns[at].heading for at in places} for places in layout]


def test_all_columns_are_there_where_there_is_room() -> None:
    beside, below, left_out = headings(300)

    assert len(beside) == len(TABLES["routes"].columns)
    assert not below
    assert not left_out


def test_empty_columns_go_first_then_sentences_then_what_is_spared() -> None:
    beside, below, left_out = headings(140)
    assert "ORIGINATOR" not in beside | left_out
    assert below == {"REASON"}
    assert left_out == set()

    beside, below, left_out = headings(100)
    assert left_out == {"ROUTE-TARGETS", "RD"}
    assert {"MAC", "IP", "NEXT-HOP", "BEST"} <= beside


@pytest.mark.parametrize("width", WIDTHS)
def test_no_address_is_broken_whatever_the_width(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")

    print_table(TABLES["routes"], [ROUTE])

    printed = capsys.readouterr().out
    for field in ("mac", "ip", "next_hop"):
        assert str(ROUTE[field]) in printed
    assert "quarantine" in printed
    if width >= 80:
        assert max(map(len, printed.splitlines())) <= width


def test_a_list_below_breaks_behind_its_commas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ips = [f"2001:db8::{number}" for number in range(30)]
    row: Row = {"vni": 10100, "mac": "02:00:00:00:00:01", "ips": ips}

    print_table(TABLES["macs"], [row])

    printed = capsys.readouterr().out
    assert all(f"{ip}," in printed or printed.rstrip().endswith(ip) for ip in ips)
    assert max(map(len, printed.splitlines())) <= 80
