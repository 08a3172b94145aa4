"""Finds peers that rewrite the next hops of others' routes.

`next-hop-self` is meant for routers. A route of EVPN says with its next hop which VTEP
has the MAC (RFC 8365, section 5.1.3), and a peer that is not that VTEP drops what
arrives (interop finding: FRR 16209).
"""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.session import Session
from evpnd.model.ids import format_ip
from evpnd.model.routes import ImetRoute

NAMED = 4
"""VTEPs that a sentence names."""


class Rewriting(NamedTuple):
    """How a peer rewrites next hops."""

    address: bytes
    """Its session address, which it sets as next hop."""
    rds: frozenset[bytes] | None
    """The RDs of the others' routes; None: the peer is no VTEP, and all are others'."""
    text: str
    """The finding about the peer."""
    note: str
    """The note on each of the routes."""

    def concerns(self, path: Path) -> bool:
        """Return whether the next hop of a path was rewritten."""
        return path.vtep == self.address and (self.rds is None or path.rd in self.rds)


def find_rewriting(session: Session) -> Rewriting | None:
    """Return how a peer rewrites next hops; None: it does not.

    A peer that originates a type 3 route of its session address is a VTEP itself.
    Then type 3 routes of other originators with that address as next hop tell it, and
    whose MACs are lost.
    """
    address, named = session.address, session.peer
    if any(route.originator == address for route, _ in _imets(session)):
        others = {
            route.rd: route.originator
            for route, path in _imets(session)
            if path.vtep == address != route.originator and session.imports[path].evis
        }
        if not others:
            return None
        vteps = sorted(set(others.values()))
        of = ", ".join(map(format_ip, vteps[:NAMED]))
        more = f" and {len(vteps) - NAMED} more" if len(vteps) > NAMED else ""
        return Rewriting(
            address,
            frozenset(others),
            f"it announces routes of {of}{more} with its session address {named} as "
            "next hop: it rewrites next hops, and known unicast to those VTEPs is "
            "lost there",
            "its next hop is the peer's session address, which is not its VTEP",
        )
    if not any(
        path.vtep == address and session.imports[path].evis
        for table in session.rib.mac_ip.values()
        for path in set(table.values())
    ):
        return None
    return Rewriting(
        address,
        None,
        f"it announces MACs with its session address {named} as next hop and no type 3 "
        "of that address: it rewrites next hops, and known unicast is lost there",
        "its next hop is the peer's session address, which is not a VTEP",
    )


def _imets(session: Session) -> Iterator[tuple[ImetRoute, Path]]:
    for route, path in session.rib.others.values():
        if isinstance(route, ImetRoute):
            yield route, path
