"""The fabric as one host knows it, or several: who has which VNIs, who speaks to whom.

A host knows its sessions, and of the others only their VTEPs and by which peers it has
heard of them. Hosts that are asked themselves are known as such.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evpnd.web.daemons import Row
from evpnd.written import rank


class View(NamedTuple):
    """The tables of one host."""

    name: str
    peers: Sequence[Row]
    evis: Sequence[Row]
    vteps: Sequence[Row]
    away: bool = False
    """It does not answer now: the tables are its last ones, or empty."""


class Node(NamedTuple):
    """A host that is asked, a peer or a VTEP."""

    kind: str
    """`host`, `peer`, `vtep`; `leaf` is a VTEP with the peer that speaks for it."""
    key: str
    """Of its page: name of the host, address of a peer or VTEP."""
    title: str
    detail: str
    state: str
    """`up`, `down`, `mixed` or `none`."""
    vnis: tuple[int, ...] = ()


class Edge(NamedTuple):
    """A line between two nodes, by their places in the list."""

    one: int
    other: int
    state: str
    """State of a session, or `heard`: the peer tells of the VTEP."""


class Fabric(NamedTuple):
    """All there is to draw."""

    tiers: tuple[tuple[int, ...], ...]
    """Nodes by their places in the list, from top to bottom."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def fabric(views: Sequence[View], vni: int | None = None) -> Fabric:
    """Return what hosts know together; of one VNI, or of all."""
    return _Drawn(views, vni).drawn()


class _Drawn:
    def __init__(self, views: Sequence[View], vni: int | None) -> None:
        self._views = views
        self._vni = vni
        self._nodes: list[Node] = []
        self._places: dict[tuple[str, str], int] = {}
        self._edges: dict[tuple[int, int], str] = {}
        self._asked = {
            str(row["vtep"]) for view in views for row in view.evis if row["vtep"]
        }
        self._vteps = self._merge_vteps()
        self._speaks_for = self._direct()

    def _merge_vteps(self) -> dict[str, Row]:
        """Return the VTEPs that are not asked themselves, as all hosts know them."""
        merged: dict[str, Row] = {}
        for view in self._views:
            for row in view.vteps:
                key = str(row["vtep"])
                if key in self._asked or not self._is_in(row["vnis"]):
                    continue
                known = merged.setdefault(key, {"vnis": set(), "by": set(), "macs": 0})
                known["vnis"].update(row["vnis"])
                known["by"].update(row.get("peers") or [row["peer"]])
                known["macs"] = max(known["macs"], int(row["macs"]))
        return merged

    def _direct(self) -> dict[str, str]:
        """Return the VTEPs whose own host is the peer, with it.

        So it is where the addresses are the same, and in a full mesh: every peer tells
        of one VTEP, and no VTEP is told of by two.
        """
        tells: dict[str, set[str]] = {}
        for vtep, known in self._vteps.items():
            for peer in known["by"]:
                tells.setdefault(peer, set()).add(vtep)
        alone = all(len(vteps) == 1 for vteps in tells.values())
        if alone and len(tells) > 1 and len(tells) == len(self._vteps):
            return {vtep: peer for peer, (vtep,) in tells.items()}
        return {
            vtep: vtep for vtep, known in self._vteps.items() if known["by"] == {vtep}
        }

    def _is_in(self, vnis: Iterable[int]) -> bool:
        return self._vni is None or self._vni in vnis

    def drawn(self) -> Fabric:
        leaves = {peer: vtep for vtep, peer in self._speaks_for.items()}
        spines, far, direct = [], [], []
        tell = {peer for known in self._vteps.values() for peer in known["by"]}
        for address, rows in sorted(self._sessions().items(), key=_by_address):
            # Of one VNI, the peers that tell nothing of it are not drawn.
            if address in leaves or (self._vni is not None and address not in tell):
                continue
            spines.append(self._add(_peer(address, rows)))
        hosts = [
            self._add(self._host(view))
            for view in self._views
            if self._vni is None or any(row["vni"] == self._vni for row in view.evis)
        ]
        for address, known in sorted(self._vteps.items(), key=_by_address):
            peer = self._speaks_for.get(address)
            node = self._vtep(address, known, peer)
            place = self._add(node)
            if peer is not None:
                self._places["peer", peer] = place
                direct.append(place)
                continue
            far.append(place)
            for each in known["by"]:
                self._join(self._places.get(("peer", each)), place, "heard")
        for view in self._views:
            for row in view.peers if ("host", view.name) in self._places else ():
                other = self._places.get(("peer", str(row["address"])))
                self._join(self._places["host", view.name], other, str(row["state"]))
        tiers = [spines, hosts + far, direct] if spines else [hosts, far + direct]
        edges = (Edge(*ends, state) for ends, state in self._edges.items())
        return Fabric(
            tuple(tuple(tier) for tier in tiers if tier),
            tuple(self._nodes),
            tuple(edges),
        )

    def _sessions(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for view in self._views:
            for row in view.peers:
                found.setdefault(str(row["address"]), []).append(row)
        return found

    def _add(self, node: Node) -> int:
        place = self._places[node.kind, node.key] = len(self._nodes)
        self._nodes.append(node)
        return place

    def _join(self, one: int | None, other: int | None, state: str) -> None:
        if one is not None and other is not None:
            self._edges[one, other] = state

    def _host(self, view: View) -> Node:
        vnis = sorted(int(row["vni"]) for row in view.evis)
        here = tuple(vni for vni in vnis if self._is_in((vni,)))
        vtep = next((str(row["vtep"]) for row in view.evis if row["vtep"]), "no VTEP")
        ready = all(row["state"] == "ready" for row in view.evis if row["vni"] in here)
        state = "down" if view.away else "up" if ready else "mixed"
        detail = "does not answer" if view.away else vtep
        shown = here if self._vni is None else ()
        return Node("host", view.name, view.name, detail, state, shown)

    def _vtep(self, address: str, known: Row, peer: str | None) -> Node:
        vnis: tuple[int, ...] = ()
        macs = "VTEP"
        if self._vni is None:
            vnis = tuple(sorted(known["vnis"]))
            macs = f"{known['macs']:,} MAC{'s' if known['macs'] != 1 else ''}"
        if peer is None:
            return Node("vtep", address, address, macs, "none", vnis)
        rows = self._sessions().get(peer, [])
        return Node("leaf", address, address, macs, _state(rows), vnis)


def _peer(address: str, rows: Sequence[Row]) -> Node:
    title = next((str(r["description"]) for r in rows if r.get("description")), address)
    asn = f"AS {rows[0]['asn']}"
    detail = asn if title == address else f"{address}, {asn}"
    return Node("peer", address, title, detail, _state(rows))


def _state(rows: Sequence[Row]) -> str:
    up = [row["state"] == "established" for row in rows]
    return "up" if all(up) else "mixed" if any(up) else "down"


def _by_address(item: tuple[str, object]) -> tuple[int, int, bytes]:
    return rank(item[0])
