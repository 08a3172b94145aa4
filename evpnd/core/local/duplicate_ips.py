"""Decides when an IP that two MACs have is a duplicate, and when no longer.

It is over as soon as the one that has the IP is gone, or the other one for longer than
a move takes (`MOVE_TIME`). A tenant here is gone where its MAC is, or where it does not
answer for the IP; a remote one with its routes. What nobody can look at ends after the
window in which nothing was heard of it.
"""

from collections.abc import Mapping
from math import inf

from evpnd.core.bgp.select import best_for_ip
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.binding_notices import BindingNotices
from evpnd.core.local.ip_claims import Contests, DuplicateIp
from evpnd.core.local.questions import Questions
from evpnd.core.local.remote_claims import is_gone, rival_of
from evpnd.core.turn import Turn


class DuplicateIps:
    """Decides about the duplicates in `Contests`, for all EVIs."""

    def __init__(
        self, contests: Contests, questions: Questions, tell: BindingNotices
    ) -> None:
        """Store the duplicates, the questions, and the notices."""
        self._contests = contests
        self._questions = questions
        self._tell = tell

    def find(self, vrf: MacVrf, ip: bytes, pair: DuplicateIp, turn: Turn) -> None:
        """Store a duplicate, and report a new one."""
        if self._contests.find((vrf.config.vni, ip), pair):
            self._tell.duplicate(vrf, ip, pair, turn)

    def clear(self, vrf: MacVrf, ip: bytes, turn: Turn) -> bool:
        """Release a duplicate; return whether it was one."""
        if self._contests.release((vrf.config.vni, ip)) is None:
            return False
        self._tell.released(vrf, ip, turn)
        vrf.bindings.touched_ips.add(ip)
        return True

    def conclude(
        self, vrf: MacVrf, mac: bytes, ip: bytes, asked: float, turn: Turn
    ) -> None:
        """Release a duplicate whose other owner has not answered since it was asked.

        `asked` is in monotonic seconds.
        """
        known = self._contests.found.get((vrf.config.vni, ip))
        if known is not None and known.other == mac and known.heard < asked:
            self.clear(vrf, ip, turn)

    def has_answered(self, vrf: MacVrf, mac: bytes, ip: bytes, asked: float) -> bool:
        """Return whether the other owner of a duplicate at rest claimed it since."""
        known = self._contests.found.get((vrf.config.vni, ip))
        if known is None or not known.held:
            return False
        return known.other == mac and known.heard >= asked

    def look_again(self, vrf: MacVrf, ip: bytes, turn: Turn) -> None:
        """Release a duplicate whose holder is gone, and probe the other one."""
        known = self._contests.found[vrf.config.vni, ip]
        found = rival_of(vrf, ip, known.other)
        lone = known.heard == inf and rival_of(vrf, ip, known.holder) is None
        if lone or (vrf.bindings.holder(ip) is None and found is None):
            self.clear(vrf, ip, turn)
            if vrf.macs.is_local(known.other):
                self._questions.ask(vrf, known.other, ip)

    def expire(self, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        """Release the duplicates that are over, and find those of remote MACs."""
        now = turn.now
        for vni, ip in self._contests.ripe(now):
            vrf = vrfs.get(vni)
            if vrf is None:
                continue
            known = self._contests.found.get((vni, ip))
            if known is not None and is_gone(vrf, ip, known.other):
                self.clear(vrf, ip, turn)
            elif vrf.bindings.holder(ip) is None:
                self._judge_remotes(vrf, ip, turn)
        self._look_for_others(now, vrfs)
        for vni, ip in self._contests.expire(now):
            vrf = vrfs.get(vni)
            if vrf is not None:
                self._tell.released(vrf, ip, turn)

    def _look_for_others(self, now: float, vrfs: Mapping[int, MacVrf]) -> None:
        """Watch duplicates whose other owner is gone, and probe local owners.

        One whose IP still moves is asked at each move, and by that alone: its answer
        makes the IP move. At rest both are asked, for the holder may be gone as well.
        """
        for key, each in self._contests.found.items():
            vrf = vrfs.get(key[0])
            if vrf is None:
                continue
            ip = key[1]
            if is_gone(vrf, ip, each.other):
                self._contests.watch(key, now)
            elif each.held and self._contests.may_recheck(key, now):
                if each.other in vrf.macs.local:
                    self._questions.ask(vrf, each.other, ip)
                if (
                    vrf.bindings.snooped.get(ip)
                    == each.holder
                    == vrf.bindings.holder(ip)
                ):
                    vrf.bindings.unsure.add(ip)
                    self._questions.ask(vrf, each.holder, ip)

    def _judge_remotes(self, vrf: MacVrf, ip: bytes, turn: Turn) -> None:
        """Report an IP that two remote MACs have for longer than a move takes."""
        found = best_for_ip(vrf.routes, ip)
        rival = rival_of(vrf, ip, found[0]) if found is not None else None
        if found is not None and rival is not None and not vrf.macs.is_local(found[0]):
            pair = DuplicateIp(found[0], rival[0], inf)
            self.find(vrf, ip, pair, turn)
