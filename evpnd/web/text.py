"""How pages write values, and which of them are links."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape

from evpnd.web.daemons import Row

_END = r"(?![\w/]|[.:]\w)"
_MAC = r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"
_IPV4 = r"(?<![\w.:])\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"(?<![\w.:])(?=[0-9a-f]*:[0-9a-f:.]*:)[0-9a-f:.]*(?:[0-9a-f]|::)"
_ADDRESS: Final = re.compile(f"{_MAC}|(?:{_IPV4}|{_IPV6}){_END}", re.IGNORECASE)
_BESIDE: Final = ("time", "level", "event")
"""What an event says in columns of their own."""


def path(*parts: object) -> str:
    """Return the path of a page; what a peer or operator named is quoted."""
    return "/" + "/".join(quote(str(part), safe=":,") for part in parts)


def linked(text: object, host: str = "") -> Markup:
    """Escape a sentence, with the addresses in it as links to where they are."""
    given = str(text)
    pieces, at = [], 0
    for found in _ADDRESS.finditer(given):
        if not _is_address(found[0]):  # an RD, a time of day
            continue
        where = path("where", found[0]) + host
        pieces.append(escape(given[at : found.start()]))
        pieces.append(Markup('<a href="{}">{}</a>').format(where, found[0]))
        at = found.end()
    return Markup("").join([*pieces, escape(given[at:])])


def _is_address(text: str) -> bool:
    if re.fullmatch(_MAC, text, re.IGNORECASE):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def details(event: Row) -> Mapping[str, object]:
    """Return what an event says besides time, level and name."""
    return {key: value for key, value in event.items() if key not in _BESIDE}


def code(text: object) -> Markup:
    """Escape a sentence; what stands between backquotes is a command."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
