"""Probes: when a tenant is asked whether it still has its IP.

Without probes, the bridge would forget a silent tenant (its ageing time) that is still
there, and the binding of a tenant that left would stay. So each learned binding has one
entry in a heap. The entry is checked when it is due, not when the tenant is heard, and
then moves to the time that follows from the last claim. Urgent questions (an IP that
moved, a MAC that moved with its IPs) go first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local import flushed
from evpnd.core.local.bindings import Bindings
from evpnd.core.local.questions import Key, Questions, Urgent, interval, silent_at
from evpnd.core.turn import Turn
from evpnd.model.actions import SendProbes
from evpnd.model.ids import IPV4_LENGTH, is_link_local

TRIES = 3
PAUSE = 1.0
"""Seconds between two tries."""
RATE = 200.0
"""Probes a second, over all EVIs: 10,000 silent tenants are asked within 50 s."""
BURST = 50.0
Sent = dict[tuple[int, int], SendProbes]
"""By port and VNI."""


@dataclass(slots=True)
class Asked:
    """A binding whose tenant was probed and has not answered."""

    mac: bytes
    since: float
    tries: int


class Prober:
    """The probes due, over all EVIs, and how many may be sent now."""

    def __init__(self, questions: Questions, bindings: Bindings, now: float) -> None:
        """Start with no probes."""
        self._refused = False
        """Probes cannot be sent: no binding expires."""
        self._questions = questions
        self._bindings = bindings
        self._asked: dict[Key, Asked] = {}
        self._tokens = BURST
        self._counted = now
        self._blocked = -inf
        """No token before this time; monotonic seconds."""

    def stop(self, reason: str, turn: Turn) -> None:
        """Send no more probes: the kernel refused them."""
        self._refused = True
        turn.warn("probes_refused", reason=reason)

    def ask_new(self, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        """Gather the questions of this turn, and send the probes that are due."""
        self._questions.gather(vrfs, turn.now)
        self.ask_due(vrfs, turn)

    def ask_due(self, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        """Send the probes that are due; remove bindings that were not answered."""
        now, questions = turn.now, self._questions
        if self._next_wanted() > now:
            return
        self._tokens = min(BURST, self._tokens + (now - self._counted) * RATE)
        self._counted = now
        sent: Sent = {}
        while questions.next_urgent <= now and self._may_send(now):
            question = questions.take_urgent()
            if question is not None:
                self._ask(question, vrfs.get(question.vni), turn, sent)
        while questions.next_silent <= now and self._may_send(now):
            key = questions.take_silent()
            vrf = vrfs.get(key[0])
            due = self._look(vrf, key, turn, sent) if vrf is not None else None
            if due is None:
                questions.unwatch(key)
                self._asked.pop(key, None)
            else:
                questions.watch_again(key, due)
        turn.do_all(sent.values())

    def _ask(
        self, question: Urgent, vrf: MacVrf | None, turn: Turn, sent: Sent
    ) -> None:
        """Send an urgent probe, unless it is answered or was sent often enough."""
        if vrf is not None and self._is_open(vrf, question):
            self._send(vrf, (question.mac, question.ip, question.tries), sent)
            self._questions.ask_again(question, turn.now + PAUSE)
            return
        self._questions.close(question)
        if vrf is not None and question.tries >= TRIES:
            self._conclude(vrf, question, turn)

    def _may_send(self, now: float) -> bool:
        if self._tokens >= 1:
            return True
        self._blocked = now + BURST / RATE / 2
        return False

    def _is_open(self, vrf: MacVrf, question: Urgent) -> bool:
        """Return whether a question still waits for its answer.

        It is whether a MAC that lost an IP still has it, one whose IP a remote MAC
        claims in vain, or one that the kernel flushed.
        """
        if question.tries >= TRIES or not self._may_ask(vrf):
            return False
        if question.mac not in vrf.macs.local:
            return flushed.is_missing(vrf, question.mac, question.ip)
        if not flushed.can_ask(vrf, question.mac):
            return False
        if vrf.bindings.holder(question.ip) == question.mac:
            return _is_doubtful(vrf, question)
        duplicates, asked = self._bindings.duplicates, question.asked
        return not duplicates.has_answered(vrf, question.mac, question.ip, asked)

    def _conclude(self, vrf: MacVrf, question: Urgent, turn: Turn) -> None:
        """Apply the result of a probe that was not answered."""
        mac, ip = question.mac, question.ip
        if not self._may_ask(vrf):
            return
        if mac not in vrf.macs.local and flushed.is_missing(vrf, mac, ip):
            flushed.give_up(vrf, mac, ip)
        elif vrf.bindings.holder(ip) == mac and _is_doubtful(vrf, question):
            # The tenant did not answer for its IP.
            self._bindings.expire(vrf, mac, ip, turn)
        else:
            duplicates = self._bindings.duplicates
            duplicates.conclude(vrf, mac, ip, question.asked, turn)

    def _may_ask(self, vrf: MacVrf) -> bool:
        config = vrf.config
        wanted = config.probe and config.advertise.neighbors
        return wanted and vrf.ready and not self._refused

    def _look(self, vrf: MacVrf, key: Key, turn: Turn, sent: Sent) -> float | None:
        """Check one binding; return when to check again, None: it is gone."""
        now = turn.now
        ip = key[1]
        if ip in vrf.bindings.pinned:
            return now + interval(vrf, ip)
        mac = vrf.bindings.snooped.get(ip) or vrf.bindings.kernel.get(ip)
        if mac is None:
            vrf.bindings.heard.pop(ip, None)
            vrf.bindings.nd_flags.pop(ip, None)
            return None
        asked = self._asked.get(key)
        if asked is not None and (
            asked.mac != mac or vrf.bindings.heard.get(ip, -inf) >= asked.since
        ):
            del self._asked[key]
            asked = None
        due = silent_at(vrf, ip)
        if asked is None and due > now:
            return due
        if not vrf.macs.is_local(mac) and ip in vrf.bindings.snooped:
            # Taken back from an earlier run, and its MAC did not show up.
            self._bindings.drop(vrf, mac, ip)
            return None
        if (
            not self._may_ask(vrf)
            or mac not in vrf.macs.local
            or vrf.bindings.holder(ip) != mac
        ):
            return now + interval(vrf, ip)
        if not flushed.can_ask(vrf, mac):
            return now + interval(vrf, ip)
        if asked is None:
            asked = self._asked[key] = Asked(mac, now, 0)
        if asked.tries >= TRIES:
            self._bindings.expire(vrf, mac, ip, turn)
            return None
        self._send(vrf, (mac, ip, asked.tries), sent)
        asked.tries += 1
        return now + PAUSE

    def _send(self, vrf: MacVrf, asked: tuple[bytes, bytes, int], sent: Sent) -> None:
        """Send one probe: MAC, IP, and how often it was sent before."""
        mac, ip, tries = asked
        self._tokens -= 1
        port = flushed.port_of(vrf, mac)
        place = port, vrf.config.vni
        action = sent.get(place)
        if action is None:
            tag = vrf.domain.vlan if port in vrf.tagged else 0
            action = sent[place] = SendProbes(port, vrf.bridge_mac, [], tag)
        action.probes.append((mac, ip, _source(vrf, ip, tries)))

    def _next_wanted(self) -> float:
        """Return when the next probe is due, whatever the tokens."""
        urgent, silent = self._questions.next_urgent, self._questions.next_silent
        return min(silent, urgent)

    def next_due(self) -> float | None:
        """Return when to ask again."""
        wanted = self._next_wanted()
        return None if wanted == inf else max(wanted, self._blocked)


def _is_doubtful(vrf: MacVrf, question: Urgent) -> bool:
    if flushed.is_unsure(vrf, question.mac, question.ip):
        return True
    dispute = vrf.bindings.disputed.get(question.ip)
    return dispute is not None and not dispute.answered


def _source(vrf: MacVrf, ip: bytes, tries: int) -> bytes:
    """Return the sender of a probe: the bridge, if it has a suitable address.

    Every second ARP request names no sender: a tenant whose reverse path filter
    does not like the bridge's address answers that one (RFC 5227, 2.1.1).
    """
    if len(ip) == IPV4_LENGTH:
        own = [each for each in vrf.own_ips if len(each) == IPV4_LENGTH]
        if not own or tries % 2:
            return bytes(IPV4_LENGTH)
        return max(own, key=lambda each: _common_bits(each, ip))
    links = filter(is_link_local, vrf.own_ips)
    own = [each for each in links if len(each) != IPV4_LENGTH]
    return min(own) if own else _link_local(vrf.bridge_mac)


def _common_bits(one: bytes, other: bytes) -> int:
    differ = int.from_bytes(one) ^ int.from_bytes(other)
    return len(one) * 8 - differ.bit_length()


def _link_local(mac: bytes) -> bytes:
    """Return the link-local address of the bridge (RFC 4291, appendix A)."""
    flipped = bytes([mac[0] ^ 0x02]) if mac else b""
    return b"\xfe\x80" + bytes(6) + flipped + mac[1:3] + b"\xff\xfe" + mac[3:6]
