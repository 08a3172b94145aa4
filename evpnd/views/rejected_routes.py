"""Memory of routes that are kept although no EVI imports them."""

from collections import Counter
from sys import getsizeof

from evpnd.core.bgp.imports import Imports, fate, other_fate
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.session import Session
from evpnd.core.bgp.withdrawals import Table

_OTHER_ROUTE = 500
"""Octets of a route of another type than 2, about."""
_LIMITED = 650
"""Octets more of a route that waits at a limit, about."""
_PATH = 1500
"""Octets of a path with its attributes, about."""


def kept_rejected(session: Session) -> tuple[int, int]:
    """Count a peer's rejected routes, and the octets that they take, about."""
    count = octets = 0
    imports = session.imports
    for table in session.rib.mac_ip.values():
        routes, waiting, paths = _rejected(table, imports)
        if routes:
            size = getsizeof(next(iter(table))) + table.octets // len(table)
            count += routes
            octets += routes * size + waiting * _LIMITED + paths * _PATH
    for route, path in session.rib.others.values():
        imported = imports[path]
        unused = imported.rejection is not None
        if not unused:
            unused = not other_fate(path, imported, route, count=False).takers
        if unused:
            count += 1
            octets += _OTHER_ROUTE + _PATH
    return count, octets


def _rejected(table: Table, imports: Imports) -> tuple[int, int, int]:
    """Count routes that no EVI has.

    Then those of them that wait at a limit, and the paths that have no others.
    """
    routes = waiting = paths = 0
    limited: set[Path] = set()
    judged: dict[Path, list[bytes]] = {}
    totals = Counter(table.values())
    for path, total in totals.items():
        imported = imports[path]
        if imported.admission is not None:
            judged[path] = []
            if imported.admission.limits is not None:
                limited.add(path)
        elif not imported.evis:
            routes += total
            paths += 1
    if judged:
        for key, path in table.items():
            if path in judged:
                judged[path].append(key)
    for path, keys in judged.items():
        imported = imports[path]
        if path in limited:
            fates = (fate(path, imported, key) for key in keys)
            out = [each for each in fates if not each.takers]
            found = len(out)
            waiting += sum(bool(each.refusals) for each in out)
        else:
            assert imported.admission is not None
            alike = imported.admission.judge(keys, count=False)
            found = sum(len(one.keys) for one in alike if not one.takers)
        routes += found
        paths += found == totals[path]
    return routes, waiting, paths
