import json

import pytest

from evpnd.cli.tables import (
    TABLES,
    cells,
    ordered,
    plain_table,
    with_values,
)
from evpnd.written import write_text


def test_absent_values_are_a_dash_and_lists_have_commas() -> None:
    assert [write_text(value) for value in (None, "", [], 0, True, False)] == [
        "-",
        "-",
        "-",
        "0",
        "yes",
        "no",
    ]
    assert write_text([1, "a"]) == "1,a"


def test_nothing_from_a_peer_moves_the_cursor() -> None:
    assert write_text("a\x1b[31m\nb\u202e") == "a\\x1b[31m\\nb\\u202e"


def test_rows_are_ordered_by_number_and_address_not_by_letters() -> None:
    rows: list[dict[str, object]] = [
        {"vni": 10, "ip": "10.0.0.10"},
        {"vni": 9, "ip": "2001:db8::1"},
        {"vni": 9, "ip": "10.0.0.10"},
        {"vni": 9, "ip": "10.0.0.9"},
        {"vni": None, "ip": None},
    ]

    found = [(row["vni"], row["ip"]) for row in ordered(TABLES["neighbors"], rows)]

    assert found == [
        (None, None),
        (9, "10.0.0.9"),
        (9, "10.0.0.10"),
        (9, "2001:db8::1"),
        (10, "10.0.0.10"),
    ]


def test_columns_are_aligned_numbers_to_the_right_and_no_line_ends_in_blanks() -> None:
    rows: list[dict[str, object]] = [
        {"vtep": "10.0.0.1", "peer": "10.0.0.254", "macs": 5, "flood": True},
        {"vtep": "10.0.0.22", "peer": "spine", "macs": 12345, "vnis": [1, 2]},
    ]

    assert plain_table(TABLES["vteps"], rows).split("\n") == [
        "VTEP       PEER         MACS  FLOOD  VNIS",
        "10.0.0.1   10.0.0.254      5  yes    -",
        "10.0.0.22  spine       12345  -      1,2",
    ]


def test_the_vlan_has_a_column_where_a_row_has_one() -> None:
    plain: dict[str, object] = {"vni": 5, "vlan": None, "ip": "192.0.2.1"}
    table = TABLES["neighbors"]

    assert "VLAN" not in plain_table(table, [plain])
    heading, first, second = plain_table(table, [plain, plain | {"vlan": 10}]).split(
        "\n"
    )
    assert heading.split()[:3] == ["VNI", "VLAN", "IP"]
    assert first.split()[:3] == ["5", "-", "192.0.2.1"]
    assert second.split()[:3] == ["5", "10", "192.0.2.1"]


def test_what_an_event_brings_along_is_its_details() -> None:
    row: dict[str, object] = {
        "time": "x",
        "level": "info",
        "event": "mac_moved",
        "vni": 5,
        "to": "10.0.0.2",
        "reason": "br1 is down",
        "ips": ["192.0.2.1", "192.0.2.2"],
        "changes": ["routes: 1 announced", "rows: 2 removed"],
    }

    assert plain_table(TABLES["events"], [row]).endswith(
        'mac_moved  vni=5 to=10.0.0.2 reason="br1 is down" '
        'ips=192.0.2.1,192.0.2.2 changes="routes: 1 announced; rows: 2 removed"'
    )


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.parametrize("value", [None, 1, "x", [], {}, True, 1.5, "\0"])
def test_any_value_in_any_column_is_written(what: str, value: object) -> None:
    table = TABLES[what]
    row = {column.field: value for column in table.columns}
    assert with_values(table, [row]) is table or value is None

    lines = plain_table(table, ordered(table, [row, {}])).split("\n")

    assert len(lines) == 3
    assert json.dumps(lines).isascii()


def test_findings_are_counted_and_notes_written_out() -> None:
    peers = {"address": "192.0.2.1", "findings": ["one", "two"]}
    routes = {"peer": "192.0.2.1", "notes": ["one thing", "another"]}

    heading, line = plain_table(TABLES["peers"], [peers]).splitlines()
    assert line.split()[heading.split().index("FINDINGS")] == "2"
    assert plain_table(TABLES["routes"], [routes]).endswith("one thing; another")
    sound = plain_table(TABLES["peers"], [{"address": "192.0.2.1", "findings": []}])
    assert "[]" not in sound


@pytest.mark.parametrize(
    ("state", "told"),
    [("established", "earlier session: cease ("), ("active", "cease (")],
)
def test_the_last_error_of_an_established_session_is_past(
    state: str, told: str
) -> None:
    peer = {"state": state, "last_error": "cease", "last_error_at": 5.0}

    assert any(cell.startswith(told) for cell in cells(TABLES["peers"], peer))


def test_a_damped_peer_says_how_long_it_waits() -> None:
    row: dict[str, object] = {"address": "10.0.0.254", "state": "idle"}
    row["damped_for"] = 64

    assert "idle, damped for 1m4s" in plain_table(TABLES["peers"], [row])
    assert "damped" not in plain_table(TABLES["peers"], [row | {"damped_for": 0}])
