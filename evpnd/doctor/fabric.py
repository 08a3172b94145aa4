"""What the peers and the other VTEPs say, as a running evpnd has it."""

from collections.abc import Iterable, Iterator

from evpnd.doctor.daemon import Daemon, Row
from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, advise

_REQUIRES = "ebgp-requires-policy"


def sessions(seen: Examined) -> Iterator[Finding]:
    """Yield peers without a session, and what evpnd found about the others."""
    return of_peers(_daemon(seen).peers)


def of_peers(rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield the findings of a table of peers."""
    for row in rows:
        name = str(row["address"])
        if row["state"] != "established":
            why = (
                row["last_error"] or "no error so far: does it connect, does it answer?"
            )
            text = f"peer: no session ({row['state']}), {why}"
            yield fault(
                name, text, advise(f"`evpnd show peers`, `ip route get {name}`")
            )
        for text in row["findings"]:
            yield warning(name, f"peer: {text}", _fix_of(name, text))


def _fix_of(peer: str, text: str) -> Fix:
    if _REQUIRES in text:
        return advise(
            f"at {peer}: `no bgp {_REQUIRES}` in `router bgp`, or a route map in and "
            "out; then `clear bgp l2vpn evpn * soft`"
        )
    return advise(f"`evpnd show peers`, and the configuration of {peer}")


def notes(seen: Examined) -> Iterator[Finding]:
    """Yield the notes of `show evis` that no other check tells."""
    known = ("MTU", "no interface has", "does not exist", "VLAN", "down (`ip link")
    for row in _daemon(seen).evis:
        for text in row["notes"]:
            if not any(word in text for word in known):
                yield warning(str(row["name"]), text)


def vteps(seen: Examined) -> Iterator[Finding]:
    """Yield VTEPs of which only one kind of routes is there."""
    return of_vteps(_daemon(seen).vteps)


def of_vteps(rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield the findings of a table of VTEPs."""
    for row in rows:
        name, count = str(row["vtep"]), int(row["macs"])
        if count and not row["flood"]:
            yield warning(
                name,
                f"VTEP: {count} MACs are behind it, but it announces no type 3 route "
                "for their EVIs: broadcasts, ARP and ND do not reach it",
                advise(f"`evpnd explain vtep {name}`, and the VTEP's own EVPN state"),
            )
        elif row["flood"] and not count:
            yield note(
                name,
                "VTEP: it announces type 3 routes and no type 2: it has no host, or "
                "announces no MACs, so frames to its hosts are flooded",
                advise(f"`evpnd show routes --peer {row['peer']}`"),
            )


def _daemon(seen: Examined) -> Daemon:
    return Daemon((), (), ()) if seen.daemon is None else seen.daemon
