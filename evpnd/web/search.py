"""Which page a word is about."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from evpnd.model.ids import VNI_MAX, format_mac, parse_ip, parse_mac
from evpnd.web.daemons import Row
from evpnd.web.text import path

MOST: Final = 50


class Hit(NamedTuple):
    """Something that has the word in its name."""

    kind: str
    name: str
    page: str


def page_of_address(word: str) -> str | None:
    """Return the page of a MAC in any form, an IP or a VNI; None: it is none."""
    try:
        return path("where", format_mac(parse_mac(word)))
    except ValueError:
        pass
    if word.isascii() and word.isdigit() and 0 < int(word) <= VNI_MAX:
        return path("evi", int(word))
    try:
        parse_ip(word)
    except ValueError:
        return None
    return path("where", word.lower())


def hits(
    word: str,
    peers: Sequence[Row],
    evis: Sequence[Row],
    policies: Sequence[Row],
) -> list[Hit]:
    """Return what has a word in its name; what is named so exactly comes first."""
    found: dict[str, Hit] = {}
    exact: list[str] = []
    for kind, rows, key, names in (
        ("EVI", evis, "vni", ("name", "bridge", "vxlan", "vni", "rd")),
        ("peer", peers, "address", ("description", "address", "asn")),
        ("policy", policies, "policy", ("policy", "rule")),
    ):
        for row in rows:
            values = [str(row[name]) for name in names if row.get(name) is not None]
            if not any(word.lower() in value.lower() for value in values):
                continue
            base = path("policies") if kind == "policy" else ""
            page = f"{base}#{row[key]}" if base else path(kind.lower(), row[key])
            name = values[0] if kind == "policy" else f"{values[0]} ({row[key]})"
            found.setdefault(page, Hit(kind, name, page))
            if word.lower() in (value.lower() for value in values):
                exact.append(page)
    return sorted(found.values(), key=lambda hit: hit.page not in exact)[:MOST]
