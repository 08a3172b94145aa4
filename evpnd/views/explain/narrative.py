"""The steps of an explanation, what it reads, and how it writes values."""

from collections.abc import Callable, Sequence
from errno import EAFNOSUPPORT, EINVAL, errorcode
from typing import Any, Final

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import DumpFdb, DumpNeighbors, LookUpMacs
from evpnd.model.domain import Domain
from evpnd.model.events import Event, FdbDumped, MacsLookedUp, NeighborsDumped
from evpnd.model.ids import FLOOD_MAC, Peer, format_ip, format_mac
from evpnd.model.rows import NTF_EXT_LEARNED, NTF_SELF, FdbRow, NeighborRow
from evpnd.policy.changing import words, written
from evpnd.policy.program import Step as RuleStep
from evpnd.views.plan import Dump
from evpnd.views.query import Query
from evpnd.views.vlans import place_in, vlan_of

LARGE: Final = 5_000
"""Rows of an EVI from which on one MAC is looked up: the kernel and Python take seconds
for a table of 100,000."""
Read = Callable[[Dump | LookUpMacs], Event]
Losses = Callable[[MacVrf, bytes], Sequence[str]]
"""Why the host loses packets between an EVI and a VTEP; empty: any of its VTEPs."""
Step = dict[str, Any]


def make_step(
    step: str, text: str, evi: MacVrf | EviRoutes | None = None, **more: object
) -> Step:
    """Write one step; `evi` is where it happened."""
    vni = evi.config.vni if evi is not None else None
    vlan = vlan_of(evi) if isinstance(evi, MacVrf) else None
    return {"step": step, "vni": vni, "vlan": vlan, "text": text, **more}


def rule_text(rule: RuleStep) -> str:
    """Write what a rule did, why, and what it set."""
    done = f"{rule.verdict.value}ed" if rule.verdict else "changed"
    why = f": {rule.reason}" if rule.reason else ""
    return f"{done} by {rule.name}{why}{written(words(rule.changes))}"


def rule_fields(rule: RuleStep) -> dict[str, object]:
    """Return what a step says of a rule, for programs."""
    names = {"policy": rule.policy, "rule": rule.rule, "at": rule.place}
    return {**names, "set": words(rule.changes)}


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Write a time by its two largest units: ``45 s``, ``6 min 42 s``, ``2 d 4 h``."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _is_of(domain: Domain, row: FdbRow) -> bool:
    """Return whether a row of a bridge concerns an EVI: its device, VNI or VLAN."""
    if row.flags & NTF_SELF:
        there = not domain.vlan or row.ifindex == domain.vxlan
        return there and row.vni == domain.vni
    return row.vlan == domain.vlan


class Story:
    """Steps in order, and the step that failed."""

    def __init__(
        self, query: Query, read: Read, now: float, losses: Losses = lambda *_: ()
    ) -> None:
        """Store the engine to read from; nothing is changed."""
        self.query = query
        self.read = read
        self.now = now
        self.losses = losses
        self.steps: list[Step] = []
        self._only: int | None = None
        """The VNI that is asked about."""

    def tell(
        self,
        step: str,
        text: str,
        evi: MacVrf | EviRoutes | None = None,
        **more: object,
    ) -> None:
        """Add a step, unless it is of another VNI than that asked about."""
        told = make_step(step, text, evi, **more)
        if None in (told["vni"], self._only) or told["vni"] == self._only:
            self.steps.append(told)

    def ago(self, moment: float) -> str:
        """Return how long ago something was."""
        return f"{duration(self.now - moment)} ago"

    def link(self, ifindex: int) -> str:
        """Return the name of a device."""
        found = self.query.links.by_index.get(ifindex)
        return found.name if found is not None else f"device {ifindex}"

    def vlan(self, vrf: MacVrf) -> str:
        """Return where the rows of an EVI are, to follow a device; often nothing."""
        return place_in(vrf, self.link(vrf.domain.bridge))

    @property
    def waits(self) -> bool:
        """Return whether End-of-RIB (or timeout) is missing from a peer."""
        return not self.query.settled

    @property
    def is_heard(self) -> bool:
        """Return whether a session is up with a peer."""
        return any(each.established for each in self.query.sessions.values())

    def listening(self, peers: Sequence[Peer]) -> Sequence[Peer]:
        """Choose the peers that hear us; all of them where none does as yet."""
        sessions = self.query.sessions
        if not self.is_heard:
            return peers
        return [peer for peer in peers if sessions[peer].established]

    def evis(self, vni: int | None) -> list[MacVrf]:
        """List the EVIs that are asked about."""
        vrfs = self.query.vrfs
        if vni is None:
            return list(vrfs.values())
        vrf = vrfs.get(vni)
        return [] if vrf is None else [vrf]

    def unknown(self, vni: int | None) -> bool:
        """Store the VNI that is asked about; end the story if no EVI has it."""
        self._only = vni
        vrfs = self.query.vrfs
        if vni is None or vni in vrfs:
            return False
        known = ", ".join(map(str, vrfs)) or "none"
        text = f"no EVI has VNI {vni}; known VNIs: {known}"
        self.tell("end", text, ok=False)
        return True

    def fdb(self, vrf: MacVrf, mac: bytes) -> list[FdbRow]:
        """Read the FDB rows that an EVI has for a MAC from the kernel."""
        if not vrf.domain.bridge:
            return []
        # All VTEPs of a flood list share one key, of which a lookup finds the first.
        if mac != FLOOD_MAC and len(vrf.fdb.actual) > LARGE:
            event = self.read(LookUpMacs(vrf.domain, [mac]))
            assert isinstance(event, MacsLookedUp)
            present = (row for row in event.rows if row.present)
            return sorted(present, key=lambda row: row.flags & NTF_SELF)
        event = self.read(DumpFdb(vrf.domain.bridge))
        assert isinstance(event, FdbDumped)
        rows = (row for row in event.rows if row.mac == mac)
        return [row for row in rows if _is_of(vrf.domain, row)]

    def neighbors(self, vrf: MacVrf) -> list[NeighborRow]:
        """Read the neighbours of an EVI's bridge from the kernel."""
        if not vrf.domain.svi:
            return []
        event = self.read(DumpNeighbors(vrf.domain.svi))
        assert isinstance(event, NeighborsDumped)
        return event.rows

    def row(self, row: FdbRow) -> str:
        """Write an FDB row as `bridge fdb` does."""
        words = [format_mac(row.mac), "dev", self.link(row.ifindex)]
        if row.dst:
            words += ["dst", format_ip(row.dst)]
        if row.vlan and not row.flags & NTF_SELF:
            words += ["vlan", str(row.vlan)]
        if row.vni:
            words += ["src_vni", str(row.vni)]
        words.append("self" if row.flags & NTF_SELF else "master")
        if row.flags & NTF_EXT_LEARNED:
            words.append("extern_learn")
        return " ".join(words)

    def not_ready(self, vrf: MacVrf) -> str | None:
        """Tell that an EVI is not ready, if it is not; return that as a reason."""
        if vrf.ready:
            return None
        reason = vrf.reason or "its tables have not been read yet"
        lost = f"{vrf.config.name} is not ready: {reason}"
        self.tell("evi", lost, vrf)
        return lost

    def refused(self, what: str, errno: int, vrf: MacVrf, *, six: bool = False) -> str:
        """Tell that the kernel refused something; return that as a reason."""
        name = errorcode.get(errno, "unknown error")
        lost = f"the kernel refused the {what}: {name} (errno {errno})"
        if errno == EAFNOSUPPORT:
            lost += f", as {self.link(vrf.domain.vxlan)} is of the other address family"
        if errno == EINVAL and six:
            lost += f"; is disable_ipv6 set on {self.link(vrf.domain.bridge)}?"
        self.tell("error", lost, vrf)
        return lost

    def end(self, vrf: MacVrf, lost: str, *, there: bool = False) -> None:
        """End the story at a failed step; `there`: the kernel has a row anyway."""
        how = "still present, but not wanted" if there else "absent"
        self.tell("end", f"{how}: {lost}", vrf, ok=False)
