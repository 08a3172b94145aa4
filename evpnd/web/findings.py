"""What is wrong, as far as a daemon can tell: `evpnd doctor` without the host."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evpnd.doctor.fabric import of_peers, of_vteps
from evpnd.doctor.finding import Finding, Level, fault, warning
from evpnd.web.daemons import Row

SHOWN: Final = 5
"""Findings of one kind and level on a page."""


class Found(NamedTuple):
    """A finding, and what page tells more."""

    kind: str
    """`peer`, `evi` or `vtep`."""
    key: str
    """Address or VNI."""
    finding: Finding
    host: str = ""
    """Which daemon told it, where several are asked."""

    @property
    def level(self) -> str:
        """Return how bad it is, in a word."""
        return self.finding.level.word


def find(
    peers: Sequence[Row], evis: Sequence[Row] = (), vteps: Sequence[Row] = ()
) -> list[Found]:
    """Return what the tables tell, the worst first."""
    found = [
        *(Found("peer", each.subject, each) for each in of_peers(peers)),
        *_of_evis(evis),
        *(Found("vtep", each.subject, each) for each in of_vteps(vteps)),
    ]
    return sorted(found, key=lambda each: -each.finding.level)


def shortened(found: Sequence[Found]) -> tuple[list[Found], int]:
    """Return the first few of those alike, and how many more there are."""
    alike: Counter[tuple[str, str]] = Counter()
    shown = []
    for each in found:
        alike[each.kind, each.level] += 1
        if alike[each.kind, each.level] <= SHOWN:
            shown.append(each)
    return shown, len(found) - len(shown)


def worst(found: Sequence[Found]) -> str:
    """Return the word for the worst of them; `ok`: no warning and no fault."""
    levels = [each.finding.level for each in found]
    return max((*levels, Level.OK)).word if _bad(levels) else Level.OK.word


def _bad(levels: Sequence[Level]) -> bool:
    return any(level > Level.NOTE for level in levels)


def _of_evis(evis: Sequence[Row]) -> Iterator[Found]:
    for row in evis:
        vni, name = str(row["vni"]), str(row["name"])
        if row["state"] != "ready":
            yield Found("evi", vni, fault(name, f"not ready: {row['reason']}"))
        for text in row.get("notes") or ():
            yield Found("evi", vni, warning(name, str(text)))
