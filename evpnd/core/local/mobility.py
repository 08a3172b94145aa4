"""Decides who has a MAC: this host or a remote VTEP (RFC 7432, section 15).

A sequence is a field of the state and lives as long as its local MAC: it is set
when the MAC is learned behind one of our ports while a remote route for it is
live, and gone with it.
"""

from enum import Enum

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_mac
from evpnd.core.evi.local_macs import LocalMac, Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.duplicate_macs import HERE, Duplicates
from evpnd.core.turn import Turn
from evpnd.model.actions import Notice
from evpnd.model.ids import format_ip, format_mac
from evpnd.model.numbers import SEQUENCE_MAX

SEQUENCE_HIGH = 1 << 31
"""From here on a sequence starts over at 0 once nobody else has the MAC."""
STICKY_PAUSE = 60.0
"""Seconds between two lines on one sticky MAC that is heard here."""


class Verdict(Enum):
    """Who wins a MAC that is both local and remote, and why."""

    OURS_STICKY = "it is sticky"
    OURS_SEQUENCE = "higher mobility sequence"
    OURS_VTEP = "lower VTEP address"
    THEIRS_STICKY = "the remote MAC is sticky"
    THEIRS_SEQUENCE = "its mobility sequence is higher"
    THEIRS_VTEP = "its VTEP address is lower"

    @property
    def ours(self) -> bool:
        """Return whether the local MAC stays."""
        return self in _OURS


_OURS = frozenset({Verdict.OURS_STICKY, Verdict.OURS_SEQUENCE, Verdict.OURS_VTEP})


def learn(
    vrf: MacVrf, mac: bytes, local: LocalMac, moves: Duplicates, turn: Turn
) -> None:
    """Store a MAC as local; if a remote VTEP has it, claim it: that is a move."""
    known = vrf.macs.local.get(mac)
    if known is not None and known[:3] == local[:3]:
        return
    vrf.macs.put(mac, local)
    if known is not None:
        return
    path = best_for_mac(vrf.routes, mac)
    if path is None:
        return
    if path.sticky and local.origin is Origin.DYNAMIC:
        _tell_sticky_seen(vrf, mac, path, turn)
        return
    if not vrf.fdb.known and local.origin is not Origin.DYNAMIC:
        # The MAC was on this port before we started, so this is not a move.
        return
    own = vrf.macs.sequence.get(mac, 0)
    vrf.macs.sequence[mac] = max(min(path.sequence + 1, SEQUENCE_MAX), own)
    if mac in vrf.macs.frozen:
        return
    turn.tell(_moved(vrf, mac, format_ip(path.vtep), "local", vrf.macs.sequence[mac]))
    moves.count(vrf, mac, HERE, turn)


def forget(vrf: MacVrf, mac: bytes) -> None:
    """Remove a MAC that is no longer behind a port of ours, with its bindings."""
    if not vrf.macs.drop(mac) or mac in vrf.macs.static:
        return
    vrf.macs.take_back(mac)
    vrf.macs.contested.discard(mac)
    vrf.bindings.drop_mac(mac)


def judge(vrf: MacVrf, mac: bytes, path: Path) -> Verdict:
    """Return who has a MAC that is local and that a remote VTEP announces.

    A sticky MAC of ours stays in any case. Else a sticky remote one wins, then the
    higher sequence, and of equal ones the lower VTEP address.
    """
    if vrf.macs.is_sticky(mac):
        return Verdict.OURS_STICKY
    return compare(vrf, mac, path)


def compare(vrf: MacVrf, mac: bytes, path: Path) -> Verdict:
    """Compare the ranks of a local MAC and a remote path; equal: it is ours."""
    sticky = vrf.macs.is_sticky(mac)
    if sticky is not path.sticky:
        return Verdict.OURS_STICKY if sticky else Verdict.THEIRS_STICKY
    sequence = vrf.macs.sequence.get(mac, 0)
    if sequence != path.sequence:
        ours = sequence > path.sequence
        return Verdict.OURS_SEQUENCE if ours else Verdict.THEIRS_SEQUENCE
    return Verdict.OURS_VTEP if vrf.vtep <= path.vtep else Verdict.THEIRS_VTEP


def settle(vrf: MacVrf, mac: bytes, moves: Duplicates, turn: Turn) -> bool:
    """Decide who has a local MAC; return whether it leaves a port.

    A MAC that we win stays local; one that we lose is forgotten here. What the
    operator put on a port stays there, but is not announced any longer, unless it
    is sticky. The rows follow from what this leaves behind.
    """
    path = best_for_mac(vrf.routes, mac)
    if path is None:
        _settle_unrivalled(vrf, mac, moves, turn)
        return False
    if mac not in vrf.macs.local and mac not in vrf.macs.static:
        return False
    before = vrf.macs.local.get(mac)
    if not _give_up(vrf, mac, path, moves, turn) or before is None:
        return False
    vrf.macs.displaced[mac] = before
    return True


def _settle_unrivalled(vrf: MacVrf, mac: bytes, moves: Duplicates, turn: Turn) -> None:
    """Record that no remote VTEP has a MAC, or no longer has it.

    RFC 7432, section 15, has us handle the wrap-around of sequences. Nobody is left
    to compare a high one with, by the MAC or by an IP of it (RFC 9721), so the count
    starts over before it ends.
    """
    if mac in vrf.macs.displaced and mac not in vrf.fdb.actual:
        # Its remote row was refused, so that it never left the port.
        learn(vrf, mac, vrf.macs.displaced.pop(mac), moves, turn)
        return
    if mac not in vrf.macs.local and mac not in vrf.macs.static:
        return
    vrf.macs.take_back(mac)
    vrf.macs.contested.discard(mac)
    if vrf.macs.sequence.get(
        mac, 0
    ) >= SEQUENCE_HIGH and vrf.routes.macs_of.keys().isdisjoint(
        vrf.bindings.ips_of.get(mac, ())
    ):
        del vrf.macs.sequence[mac]


def _give_up(
    vrf: MacVrf, mac: bytes, path: Path, moves: Duplicates, turn: Turn
) -> bool:
    """Draw the conclusion from the verdict; returns whether the MAC goes to a VTEP."""
    verdict = judge(vrf, mac, path)
    if verdict.ours:
        vrf.macs.take_back(mac)
        if vrf.macs.is_sticky(mac) and mac not in vrf.macs.contested:
            vrf.macs.contested.add(mac)
            turn.tell(_warning("sticky_mac_claimed", vrf, mac, path))
        return False
    if vrf.macs.is_fixed(mac):
        if mac not in vrf.macs.ceded:
            vrf.macs.cede(mac)
            turn.tell(_warning("fixed_mac_claimed", vrf, mac, path))
        # A row of the operator's is not ours to replace; one that was learned is.
        local = vrf.macs.local.get(mac)
        return local is None or local.origin is Origin.DYNAMIC
    sequence = vrf.macs.sequence.get(mac, 0)
    forget(vrf, mac)
    if path.sticky:
        _tell_sticky_seen(vrf, mac, path, turn)
        return True
    turn.tell(_moved(vrf, mac, "local", format_ip(path.vtep), path.sequence))
    if path.sequence > sequence:
        # Of equal sequences one was learned before it heard of the other: a race.
        moves.count(vrf, mac, path.vtep, turn)
    return True


def _moved(vrf: MacVrf, mac: bytes, old: str, new: str, sequence: int) -> Notice:
    way = {"from": old, "to": new}
    return vrf.notice(
        "info", "mac_moved", mac=format_mac(mac), **way, sequence=sequence
    )


def _tell_sticky_seen(vrf: MacVrf, mac: bytes, path: Path, turn: Turn) -> None:
    """Report at times that a sticky MAC of a remote VTEP is seen here."""
    told = vrf.macs.sticky_told
    now = turn.now
    while told and now >= told[earliest := next(iter(told))] + STICKY_PAUSE:
        del told[earliest]
    if mac not in told:
        told[mac] = now
        turn.tell(_warning("sticky_mac_seen_locally", vrf, mac, path))


def _warning(event: str, vrf: MacVrf, mac: bytes, path: Path) -> Notice:
    names = {"mac": format_mac(mac), "vtep": format_ip(path.vtep)}
    return vrf.notice("warning", event, **names)
