"""Findings about sessions that are up although one side drops all routes.

Either side may drop all of them without a word: because our own AS is in the path, or
because the peer announces and accepts nothing without a policy.
"""

from collections.abc import Iterable

from evpnd.core.bgp.session import Session

_FRR_POLICY = "FRR does neither over eBGP without a policy"

DAMPED = (
    "its last {} sessions ended as soon as they began, so evpnd waits longer before "
    "each attempt; `evpnd clear peer {}` connects at once"
)


def own_as_text(asn: int, allowed: int) -> str:
    """Return what is found about routes that are rejected for our own AS."""
    return (
        f"its routes have our own AS {asn} in their AS_PATH and are rejected: where "
        f"leaves share an AS behind eBGP spines, set `allow-own-as: {allowed}` for "
        "this peer"
    )


def _is_done(session: Session) -> bool:
    """Return whether a peer is up and End-of-RIB, or its timer, is behind it."""
    up = session.established and session.told_everything
    return up and session.deadline is None


def is_silent(session: Session) -> bool:
    """Return whether a peer is up, past End-of-RIB, and announces nothing."""
    return _is_done(session) and session.rib.is_empty()


def silent_text(session: Session, asn: int) -> str:
    """Return what is found about a peer that sent not one route."""
    found = "the session is up and End-of-RIB arrived, but the peer sent no route"
    if session.config.asn != asn:
        return (
            f"{found}, and most likely accepts none of ours: {_FRR_POLICY} "
            "(`no bgp ebgp-requires-policy`, or a route map in and out); others need "
            "an export policy for this family"
        )
    return (
        f"{found}: it has nothing to announce (FRR: `advertise-all-vni`), or does "
        "not reflect to us (FRR: `route-reflector-client`)"
    )


def of_peer(session: Session, sessions: Iterable[Session], asn: int) -> list[str]:
    """Return the findings about what passes between us and a peer."""
    if session.damped_until is not None:
        return [DAMPED.format(session.short_sessions, session.peer)]
    if not session.established:
        return []
    found = []
    if is_silent(session):
        found.append(silent_text(session, asn))
    found_in = map(session.imports.__getitem__, session.rib.paths())
    often = max((each.own_as for each in found_in if not each.ours), default=0)
    if often:
        found.append(own_as_text(asn, often))
    ebgp = session.config.asn != asn
    witness = _who_returns_ours(session, sessions) if ebgp else None
    if witness is not None:
        found.append(
            f"it sends none of our routes back, unlike {witness} in the same AS, so "
            "it probably accepts none of them: check its import policy and, if we "
            "share an AS with others, its handling of AS loops"
        )
    return found


def _who_returns_ours(session: Session, sessions: Iterable[Session]) -> str | None:
    """Return a peer of the same AS that sends our routes back, where this one does not.

    Spines of one make send back what they accepted, or none of them does. Reflectors
    of two makes are not unusual: over iBGP nothing follows from it. A peer that sends
    nothing is found silent.
    """
    if not _is_done(session) or is_silent(session) or _returns_ours(session):
        return None
    for other in sessions:
        if (
            other.established
            and other.config.asn == session.config.asn
            and _returns_ours(other)
        ):
            return other.peer
    return None


def _returns_ours(session: Session) -> bool:
    return any(session.imports[path].ours for path in session.rib.paths())
