"""What routes cost that are kept though no EVI has them: a reload may want them."""

from collections import Counter
from sys import getsizeof

from evpnd.core.bgp.adj_rib_in import AdjRibIn
from evpnd.core.bgp.import_policy import fate, other_fate
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.withdrawals import Table

_OTHER_ROUTE = 500
"""Octets of a route of another type than 2, about."""
_LIMITED = 650
"""Octets more of a route that waits at a limit, about."""
_PATH = 1500
"""Octets of a path with its attributes, about."""


def kept_rejected(rib: AdjRibIn) -> tuple[int, int]:
    """Count a peer's rejected routes, and the octets that they take, about."""
    count = octets = 0
    for table in rib.mac_ip.values():
        routes, waiting, paths = _rejected(table)
        if routes:
            size = getsizeof(next(iter(table))) + getsizeof(table) // len(table)
            count += routes
            octets += routes * size + waiting * _LIMITED + paths * _PATH
    for route, path in rib.others.values():
        unused = path.rejection is not None
        if not unused:
            unused = not other_fate(path, route, count=False).takers
        if unused:
            count += 1
            octets += _OTHER_ROUTE + _PATH
    return count, octets


def _rejected(table: Table) -> tuple[int, int, int]:
    """Count routes that no EVI has.

    Then those of them that wait at a limit, and the paths that have no others.
    """
    routes = waiting = paths = 0
    limited: set[Path] = set()
    judged: dict[Path, list[bytes]] = {}
    totals = Counter(table.values())
    for path, total in totals.items():
        if path.admission is not None:
            judged[path] = []
            if path.admission.limits is not None:
                limited.add(path)
        elif not path.importers:
            routes += total
            paths += 1
    if judged:
        for key, path in table.items():
            if path in judged:
                judged[path].append(key)
    for path, keys in judged.items():
        if path in limited:
            out = [each for key in keys if not (each := fate(path, key)).takers]
            found = len(out)
            waiting += sum(bool(each.refusals) for each in out)
        else:
            assert path.admission is not None
            fates = path.admission.judge(keys, count=False)
            found = sum(len(one.keys) for one in fates if not one.takers)
        routes += found
        paths += found == totals[path]
    return routes, waiting, paths
