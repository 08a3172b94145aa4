"""How many routes each rule decides now: all of them are evaluated again."""

from evpnd.core.announce import originator
from evpnd.core.bgp.adj_rib_in import by_path
from evpnd.core.bgp.imports import other_fate
from evpnd.policy.attached import Counts
from evpnd.views.query import Query


def count_present(query: Query) -> Counts:
    """Count the routes that each rule is for, by policy and rule.

    The counters of what was judged so far go on where they were; who reads them from
    another thread must not be there.
    """
    attached = query.attached
    with attached.counting_anew():
        for session in query.sessions.values():
            imports = session.imports
            for table in session.rib.mac_ip.values():
                for path, keys in by_path(table).items():
                    admission = imports[path].admission
                    if admission is not None:
                        for _ in admission.judge(keys):
                            pass
            for route, path in session.rib.others.values():
                other_fate(path, imports[path], route)
        for group in query.exporter.groups.values():
            for vrf in query.vrfs.values():
                for attributes, keys in originator.announced(vrf):
                    for _ in group.treatment.routes(vrf.config, attributes, keys):
                        pass
        return attached.counts()
