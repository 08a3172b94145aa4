"""Tables for people: which columns, and how a value is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from evpnd.written import (
    NOTHING,
    rank,
    write_age,
    write_duration,
    write_octets,
    write_text,
    write_time,
)

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the key of its value, and how the value is written."""

    field: str
    heading: str
    write: Callable[[object], str]
    right: bool = False
    spare: int = 0
    """Omitted if the terminal is too narrow, the highest first; 0: never."""
    sentence: bool = False
    """Moved below the row if the terminal is too narrow."""
    optional: bool = False
    """Omitted if no row has a value."""


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one table and the fields that order its rows."""

    columns: tuple[Column, ...]
    order: tuple[str, ...]


def write_flag(value: object) -> str:
    """Write a boolean so that the rare case stands out."""
    return "yes" if value is True else NOTHING


def write_count(value: object) -> str:
    """Write a number, so that 0 does not catch the eye."""
    return str(len(value)) if isinstance(value, list) and value else NOTHING


def write_sentences(value: object) -> str:
    """Write a list of sentences on one line."""
    if isinstance(value, list) and value:
        return "; ".join(map(write_text, value))
    return write_text(value)


def _write_use(value: object) -> str:
    """Write the fullest combination of a limit."""
    match value:
        case {"most": most, "fullest": [dict(first), *_], "combinations": others}:
            names = [name for name in first if name not in {"used", "waiting"}]
            values = " ".join(write_text(first[name]) for name in names)
            waiting = f", {first['waiting']} waiting" if first["waiting"] else ""
            more = f", {others} in all" if others != 1 else ""
            return f"{first['used']}/{most} ({values}{waiting}{more})"
        case _:
            return write_text(None)


def _write_detail(value: object) -> str:
    text = write_text(value)
    if isinstance(value, list) and " " in text:
        text = write_sentences(value)
    return f'"{text}"' if " " in text else text


def _column(field: str, heading: str = "", *, spare: int = 0) -> Column:
    name = heading or field.upper().replace("_", "-")
    return Column(field, name, write_text, spare=spare)


def _number(field: str, heading: str = "", *, spare: int = 0) -> Column:
    return replace(_column(field, heading, spare=spare), right=True)


def _flag(field: str, heading: str = "", *, spare: int = 0) -> Column:
    return replace(_column(field, heading, spare=spare), write=write_flag)


def _sentence(
    field: str, write: Callable[[object], str] = write_text, heading: str = ""
) -> Column:
    return replace(_column(field, heading), write=write, sentence=True)


_TARGETS = [
    _column(f"{way}_targets", way.upper(), spare=spare)
    for way, spare in (("import", 6), ("export", 7))
]
_VLAN = replace(_number("vlan"), optional=True)

TABLES: dict[str, Table] = {
    "rehearsal": Table(
        (
            _column("rule"),
            _number("now"),
            _number("then"),
            _column("verdict"),
            _sentence("at"),
        ),
        (),
    ),
    "peers": Table(
        (
            _column("address"),
            _number("asn"),
            _column("description", spare=3),
            _column("state"),
            Column("uptime", "UPTIME", write_duration, right=True, spare=1),
            _number("routes_received", "RECEIVED"),
            _number("routes_stale", "STALE", spare=6),
            _number("routes_rejected", "REJECTED", spare=2),
            Column("rejected_octets", "KEPT", write_octets, right=True, spare=5),
            _number("routes_advertised", "ADVERTISED"),
            Column("findings", "FINDINGS", write_count, right=True, spare=4),
            _sentence("last_error"),
        ),
        ("address",),
    ),
    "evis": Table(
        (
            _column("name", spare=1),
            _number("vni"),
            _VLAN,
            _column("bridge", spare=2),
            _column("vxlan", spare=3),
            _column("vtep", spare=4),
            _column("rd", spare=5),
            *_TARGETS,
            _number("local_macs"),
            _number("remote_macs"),
            _number("remote_vteps"),
            _column("state"),
            _sentence("reason"),
            _sentence("notes", write_sentences),
        ),
        ("vni",),
    ),
    "vrfs": Table(
        (
            _column("name"),
            _number("vni"),
            _column("vxlan", spare=3),
            _number("table", spare=4),
            _column("router_mac", spare=1),
            *(_column("rd", spare=5), *_TARGETS),
            *(_number("prefixes"), _number("announced", spare=2)),
            _column("state"),
            _sentence("reason"),
        ),
        ("vni",),
    ),
    "prefixes": Table(
        (
            _column("vrf"),
            _column("prefix"),
            _column("kind"),
            _column("vtep"),
            _column("router_mac", spare=1),
            _number("vni", spare=3),
            _column("next_hop", spare=2),
            _column("state"),
            Column("since", "AGE", write_age, right=True, spare=4),
            _sentence("reason"),
        ),
        ("vrf", "prefix", "kind", "vtep"),
    ),
    "macs": Table(
        (
            _number("vni"),
            _VLAN,
            _column("mac"),
            _column("kind"),
            _column("vtep"),
            _column("interface", spare=3),
            _number("sequence", "SEQ", spare=4),
            _flag("sticky", spare=2),
            _flag("duplicate", spare=1),
            _column("state"),
            Column("since", "AGE", write_age, right=True),
            _sentence("ips"),
            _sentence("reason"),
        ),
        ("vni", "mac", "kind"),
    ),
    "neighbors": Table(
        (
            _number("vni"),
            _VLAN,
            _column("ip"),
            _column("mac"),
            _column("kind"),
            _column("vtep"),
            _flag("duplicate", spare=1),
            _column("state"),
        ),
        ("vni", "ip", "mac"),
    ),
    "vteps": Table(
        (
            _column("vtep"),
            _column("peer"),
            _number("macs"),
            _column("flood"),
            _sentence("vnis"),
        ),
        ("vtep",),
    ),
    "routes": Table(
        (
            _column("peer", spare=1),
            _number("type"),
            _column("rd", spare=5),
            _number("vni"),
            _VLAN,
            _column("mac"),
            _column("ip"),
            _column("originator", spare=3),
            _column("next_hop"),
            _number("sequence", "SEQ", spare=4),
            _column("route_targets", spare=6),
            _column("accepted", spare=2),
            _column("best"),
            _sentence("reason"),
            _sentence("notes", write_sentences),
        ),
        ("peer", "type", "rd", "mac", "ip", "originator"),
    ),
    "policies": Table(
        (
            _column("policy"),
            _column("rule"),
            _column("verdict"),
            _number("routes"),
            _number("judged", spare=1),
            _sentence("limit", _write_use, "USE"),
            _sentence("at"),
            _sentence("attached", write_sentences),
        ),
        ("policy", "number"),
    ),
    "events": Table(
        (
            Column("time", "TIME", write_time),
            _column("level", spare=1),
            _column("event"),
            _sentence("details"),
        ),
        (),
    ),
}


def ordered(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Sort rows: numbers and addresses by value, text by letters."""
    if not table.order:
        return list(rows)
    return sorted(rows, key=lambda row: [rank(row.get(key)) for key in table.order])


def cells(table: Table, row: Row) -> list[str]:
    """Write the values of one row."""
    if "details" not in row and table is TABLES["events"]:
        known = {column.field for column in table.columns}
        rest = (f"{k}={_write_detail(v)}" for k, v in row.items() if k not in known)
        row = {**row, "details": " ".join(rest)}
    if table is TABLES["peers"] and row.get("damped_for"):
        wait = write_duration(row["damped_for"])
        row = {**row, "state": f"{row['state']}, damped for {wait}"}
    if table is TABLES["peers"] and row.get("last_error") and "last_error_at" in row:
        ago = write_age(row["last_error_at"])
        past = "earlier session: " if row.get("state") == "established" else ""
        row = {**row, "last_error": f"{past}{row['last_error']} ({ago} ago)"}
    return [column.write(row.get(column.field)) for column in table.columns]


def with_values(table: Table, rows: Sequence[Row]) -> Table:
    """Return a table without the optional columns that no row has a value for."""
    columns = tuple(
        column
        for column in table.columns
        if not column.optional or any(row.get(column.field) is not None for row in rows)
    )
    return table if columns == table.columns else replace(table, columns=columns)


def plain_table(table: Table, rows: Sequence[Row]) -> str:
    """Write aligned columns with a heading, as wide as they need to be."""
    table = with_values(table, rows)
    lines = [[column.heading for column in table.columns]]
    lines += [cells(table, row) for row in rows]
    widths = [max(map(len, values)) for values in zip(*lines, strict=True)]
    shape = "  ".join(
        f"{{:{'>' if column.right else '<'}{width}}}"
        for column, width in zip(table.columns, widths, strict=True)
    )
    return "\n".join(shape.format(*line).rstrip() for line in lines)
