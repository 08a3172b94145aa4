"""The Adj-RIB-Out: the routes that one peer was sent, and those still to send.

Routes are keyed by the identity that the RFCs give them, so a new label or ESI
replaces a route instead of standing beside it. They are packed by equal
attributes when they are sent. One (attributes, NLRI) pair serves every peer that
was told the same.

ExaBGP's ``Peer`` calls some of the methods by the names and with the arguments
that its own RIB has.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from evpnd.model.numbers import EVPN_FAMILY, MARKER, ROUTE_REFRESH
from evpnd.wire.attributes import build_updates, build_withdraws
from evpnd.wire.nlri import key_within_source, nlri_key, split_nlris

_AFI, _SAFI = EVPN_FAMILY
BEGIN_OF_REFRESH = MARKER + bytes([0, 23, ROUTE_REFRESH, 0, _AFI, 1, _SAFI])
END_OF_REFRESH = MARKER + bytes([0, 23, ROUTE_REFRESH, 0, _AFI, 2, _SAFI])

REFRESH_PAUSE = 1.0
"""Seconds between two answers to ROUTE-REFRESH, at least."""
REFRESH_RATE = 10_000
"""Routes for which an answer takes a second more of that pause."""


class Block(NamedTuple):
    """The path attributes that routes have in common."""

    next_hop: bytes
    """4 or 16 octets."""
    attributes: bytes
    """Encoded; without AS_PATH and MP_REACH_NLRI, which depend on the peer."""


Route = tuple[Block, bytes]
"""Attributes and NLRI."""


class Encoding(NamedTuple):
    """The session's parameters for writing an UPDATE."""

    ibgp: bool
    local_asn: int
    asn4: bool


def read_routes(block: Block, nlris: bytes) -> list[tuple[bytes, Route]]:
    """Cut a block of NLRIs into routes and their keys.

    Raises ValueError where the framing is broken.
    """
    return [(nlri_key(nlri), (block, nlri)) for nlri in split_nlris(nlris)]


class AdjRibOut:
    """The routes for one peer. It outlives sessions, reloads and agents."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.families: Collection[tuple[int, int]] = [EVPN_FAMILY]
        self._routes: dict[bytes, Route] = {}
        self._announce: dict[bytes, Route] = {}
        self._withdraw: dict[bytes, bytes] = {}
        self._stale: set[bytes] = set()
        self._live = False
        self._replay = False
        self._mark_replay = False
        self._replay_from = 0.0
        """When the next ROUTE-REFRESH is answered; requests until then are one."""

    def __len__(self) -> int:
        return len(self._routes)

    # What the agent wants

    def announce(self, routes: Iterable[tuple[bytes, Route]]) -> None:
        """Queue routes; skip those the peer already has with the same attributes."""
        known = self._routes
        stale = self._stale
        live = self._live
        for key, route in routes:
            stale.discard(key)
            if known.get(key) == route:
                continue
            known[key] = route
            if live:
                self._announce[key] = route
                self._withdraw.pop(key, None)

    def retract(self, nlris: Iterable[bytes]) -> None:
        """Queue withdrawals; ignore routes that were never announced."""
        for nlri in nlris:
            self._remove(nlri_key(nlri))

    def mark_stale(self) -> None:
        """Mark all routes as in doubt: a new agent has to announce them again."""
        self._stale = set(self._routes)

    def sweep_stale(self) -> None:
        """Withdraw routes in doubt that were not announced again."""
        for key in self._stale:
            self._remove(key)
        self._stale = set()

    def _remove(self, key: bytes) -> None:
        route = self._routes.pop(key, None)
        if route is None or not self._live:
            return
        self._announce.pop(key, None)
        self._withdraw[key] = route[1]

    # What ExaBGP's Peer calls

    def pending(self) -> bool:
        """Return whether ``messages`` would yield any."""
        return bool(self._announce or self._withdraw) or self._replay_due()

    def _replay_due(self) -> bool:
        return self._replay and self._clock() >= self._replay_from

    def replace_restart(self, _previous: object, _current: object) -> None:
        """Start a session: the peer has no routes, so queue all of them."""
        self.reset()
        self._live = True
        self._announce = self._routes.copy()

    def replace_reload(self, _previous: object, _current: object) -> None:
        """Do nothing: a new configuration contains no routes."""

    def resend(self, enhanced: bool, family: tuple[int, int] | None = None) -> None:  # noqa: FBT001
        """Answer a ROUTE-REFRESH; `enhanced` marks begin and end (RFC 7313).

        A peer that asks again and again is answered now and then: an answer has all
        routes, and serves for all requests before it.
        """
        if self._live and family in (None, EVPN_FAMILY):
            self._replay = True
            self._mark_replay |= enhanced

    def reset(self) -> None:
        """End the session: drop its queue, keep the routes."""
        self._live = False
        self._replay = self._mark_replay = False
        self._replay_from = 0.0
        self._announce.clear()
        self._withdraw.clear()

    def clear(self) -> None:
        """Forget every route without withdrawing it."""
        self.reset()
        self._routes.clear()
        self._stale.clear()

    def withdraw(self, _families: object = None) -> None:
        """Withdraw every route."""
        for key in list(self._routes):
            self._remove(key)

    def delete_cached_family(self, _families: object) -> None:
        """Keep the one family there is."""

    def queued_changes(self) -> Iterator[Route]:
        """Return the routes that wait to be announced."""
        return iter(list(self._announce.values()))

    def cached_changes(self, _families: object = None) -> Iterator[Route]:
        """Return every route."""
        return iter(list(self._routes.values()))

    # What goes on the wire

    def messages(self, encoding: Encoding) -> Iterator[bytes]:
        """Yield what is pending as whole messages, and record it as sent.

        Withdrawals come first: an address that moves between NLRIs is then never
        announced twice. The exception is a route that is announced under another RD:
        the peer hears the new one before it loses the old one. What changes meanwhile
        waits for the next call, so the states of one route leave in their order.
        """
        withdraw, self._withdraw = self._withdraw, {}
        announce, self._announce = self._announce, {}
        mark = False
        if self._replay_due():
            mark = self._mark_replay
            self._replay = self._mark_replay = False
            pause = REFRESH_PAUSE + len(self._routes) / REFRESH_RATE
            self._replay_from = self._clock() + pause
            announce = self._routes.copy()
        return self._encode(withdraw, announce, encoding, marked=mark)

    @staticmethod
    def _encode(
        withdraw: dict[bytes, bytes],
        announce: dict[bytes, Route],
        encoding: Encoding,
        *,
        marked: bool,
    ) -> Iterator[bytes]:
        late = _renamed(withdraw, announce) if withdraw and announce else []
        if withdraw:
            yield from build_withdraws(list(withdraw.values()))
        if marked:
            yield BEGIN_OF_REFRESH
        together: dict[Block, list[bytes]] = {}
        for block, nlri in announce.values():
            together.setdefault(block, []).append(nlri)
        announce.clear()
        for block, nlris in together.items():
            yield from build_updates(
                block.attributes,
                block.next_hop,
                nlris,
                ibgp=encoding.ibgp,
                local_asn=encoding.local_asn,
                asn4=encoding.asn4,
            )
        if marked:
            yield END_OF_REFRESH
        if late:
            yield from build_withdraws(late)


def _renamed(withdraw: dict[bytes, bytes], announce: dict[bytes, Route]) -> list[bytes]:
    """Remove from `withdraw` the routes that are announced with another RD or tag.

    Returns their NLRIs.
    """
    announced = {key_within_source(nlri) for _, nlri in announce.values()}
    renamed = [
        key for key, nlri in withdraw.items() if key_within_source(nlri) in announced
    ]
    return [withdraw.pop(key) for key in renamed]
