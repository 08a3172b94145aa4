"""Which local MAC has which IP: bindings are learned, contested and removed.

A binding says that a MAC has an IP. It is local if the MAC is behind one of our tenant
ports. There is a table for each source (`evi/local_bindings.py`); if several have an
IP, the first with a local MAC counts:

1. the configuration: immutable (RFC 9047) while its MAC is local;
2. an administrator's permanent neighbour: yields to better remote claims (`pins.py`);
3. ARP and ND that a tenant sent on its port;
4. neighbours that the kernel resolved by itself.

Of two local MACs that claim an IP, the latest wins. Between a local and a remote MAC
the mobility sequence decides (RFC 9721): the host that learns the IP last takes the
next one (`remote_claims.py`). If the loser answers a probe, the IP is a duplicate.

ARP may be seen before the bridge reports its MAC: the claim waits for WAITING_TIME.
When a MAC moves to a remote VTEP or ages out, its routes are withdrawn. When a MAC
arrives, the IPs that remote routes bind to it, or did in the last DEPARTED_TIME, are
probed. When the kernel flushes MACs, tenants have not left: their bindings come back
with the MAC, and are probed (`flushed.py`). Silent tenants are probed (`probes.py`).

On a bridge with VLANs all this is said in one VLAN: a frame's tag, or the VLAN of its
port, chooses the EVI (`evi/domains.py`), and what the same MAC says in another VLAN is
said by another station.
"""

from math import inf

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_mac
from evpnd.core.bgp.slots import is_immutable
from evpnd.core.evi.links import Links
from evpnd.core.evi.local_bindings import Claim, Dispute
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local import flushed, pins
from evpnd.core.local.binding_notices import BindingNotices
from evpnd.core.local.duplicate_ips import DuplicateIps
from evpnd.core.local.ip_claims import Contests, DuplicateIp, Key
from evpnd.core.local.nd_flags import kernel_flags, merge_flags
from evpnd.core.local.questions import Questions
from evpnd.core.local.remote_claims import Rival, is_better, rival_of
from evpnd.core.turn import Turn
from evpnd.model.ids import is_tenant_ip, is_unicast_mac
from evpnd.model.numbers import SEQUENCE_MAX
from evpnd.model.routes import OVERRIDE

WAITING_TIME = 10.0
"""Seconds to keep a claim whose MAC the bridge has not learned."""
DEPARTED_TIME = 30.0
"""Seconds to remember the IPs of a MAC that left."""
IMMUTABLE_CLAIMED = "immutable_binding_claimed"
PINNED_CLAIMED = "pinned_binding_claimed"


class Bindings:
    """The rules for local bindings of all EVIs; the tables belong to the EVIs."""

    def __init__(self, contests: Contests, questions: Questions, links: Links) -> None:
        """Store the duplicates, the questions, and the links for their names."""
        self.contests = contests
        self._questions = questions
        self._tell = BindingNotices(links)
        self.duplicates = DuplicateIps(contests, questions, self._tell)

    def snoop(self, vrf: MacVrf, port: int, claim: Claim, turn: Turn) -> bool:
        """Store a claim from ARP or ND on a tenant port; return whether it was new."""
        mac, ip, now, flags = claim
        local = vrf.macs.local.get(mac)
        if local is None:
            if mac not in vrf.macs.static:
                vrf.remembered.wait(port, claim)
                return False
        elif local.port != port:
            return False
        if vrf.bindings.snooped.get(ip) == mac and (
            flags is None
            or merge_flags(vrf, ip, flags) == vrf.bindings.nd_flags.get(ip, OVERRIDE)
        ):
            vrf.bindings.heard[ip] = now
            vrf.bindings.unsure.discard(ip)
            if ip in vrf.bindings.disputed:
                self._insists(vrf, mac, ip, turn)
            return False
        return self._claim(vrf, vrf.bindings.snooped, claim, turn)

    def learned(self, vrf: MacVrf, mac: bytes, turn: Turn) -> None:
        """Store the claims that waited for the bridge to learn a MAC.

        And ask for the IPs that it had elsewhere until a moment ago: a machine that
        was moved may be silent, and its old place may have forgotten it already. What
        it had here before the kernel flushed it comes back by `restore`.
        """
        if mac in vrf.remembered.flushed:
            vrf.remembered.returned.add(mac)
        for ip, ended in vrf.remembered.departed.pop(mac, {}).items():
            if ended >= turn.now - DEPARTED_TIME:
                self._questions.ask(vrf, mac, ip)
        for port, claim in vrf.remembered.waiting.pop(mac, {}).values():
            if claim.heard >= turn.now - WAITING_TIME:
                self.snoop(vrf, port, claim, turn)

    def take_back(
        self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn, *, router: bool
    ) -> None:
        """Store a binding from a neighbour of an earlier run; it is probed soon."""
        claim = Claim(mac, ip, -inf, kernel_flags(ip, router))
        self._claim(vrf, vrf.bindings.snooped, claim, turn)

    def kernel_has(
        self,
        vrf: MacVrf,
        claim: Claim,
        turn: Turn,
        *,
        router: bool,
        confirmed: bool,
    ) -> None:
        """Store a neighbour that the kernel resolved by itself.

        One that is not confirmed (STALE), or that was there before us, is believed
        where nobody else claims the IP, and not after it failed to answer.
        """
        mac, ip, now, _ = claim
        if not is_tenant_ip(ip) or ip in vrf.own_ips:
            return
        if confirmed:
            vrf.bindings.doubted.pop(ip, None)
        elif vrf.bindings.doubted.get(ip) == mac:
            return
        held = vrf.bindings.holder(ip)
        before = vrf.bindings.kernel.get(ip) or vrf.bindings.doubted.pop(ip, None)
        # A neighbour that changes to another MAC was told so, though it is STALE.
        said = confirmed or before not in (None, mac)
        certain = said and vrf.neighbors.known
        if not certain and (held not in (None, mac) or rival_of(vrf, ip, mac)):
            return
        heard = now if said else -inf
        flags = kernel_flags(ip, router)
        taken = Claim(mac, ip, heard, flags)
        self._claim(vrf, vrf.bindings.kernel, taken, turn)

    def kernel_lost(self, vrf: MacVrf, ip: bytes) -> None:
        """Remove the binding from the kernel's neighbours."""
        pins.unpin(vrf, ip)
        vrf.bindings.take_out(vrf.bindings.kernel, ip)
        vrf.bindings.doubted.pop(ip, None)

    def kernel_flushed(self, vrf: MacVrf, ip: bytes, turn: Turn) -> None:
        """Remove a neighbour that the kernel dropped by itself.

        It says nothing of the tenant, so that one keeps the IP and is asked for it. A
        neighbour that failed, or that somebody deleted, is NUD_FAILED before it goes.
        """
        mac = vrf.bindings.pinned.get(ip) or vrf.bindings.kernel.get(ip)
        flags = flushed.flags_of(vrf.bindings.nd_flags.get(ip, OVERRIDE))
        self.kernel_lost(vrf, ip)
        if mac is None:
            return
        if mac in vrf.remembered.flushed:
            vrf.remembered.flushed[mac].ips[ip] = vrf.bindings.nd_flags.get(
                ip, OVERRIDE
            )
        elif (
            vrf.macs.is_local(mac)
            and flushed.can_ask(vrf, mac)
            and not vrf.bindings.holder(ip)
        ):
            self._keep(vrf, Claim(mac, ip, -inf, flags), turn)

    def restore(self, vrf: MacVrf, turn: Turn) -> None:
        """Restore the IPs of flushed MACs that the bridge has learned again.

        They are asked for at once; without a claim where another MAC has the IP
        meanwhile or the MAC was at a remote VTEP.
        """
        if not vrf.remembered.returned or not vrf.ready:
            return
        for mac in vrf.remembered.returned:
            lost = vrf.remembered.flushed.pop(mac, None)
            if lost is None or lost.at < turn.now - flushed.FLUSHED_TIME:
                continue
            elsewhere = best_for_mac(vrf.routes, mac) is not None
            for ip, flags in lost.ips.items():
                held = vrf.bindings.holder(ip)
                if held == mac:
                    continue
                if elsewhere or held is not None or rival_of(vrf, ip, mac):
                    self._questions.ask(vrf, mac, ip)
                else:
                    said = flushed.flags_of(flags)
                    self._keep(vrf, Claim(mac, ip, -inf, said), turn)
        vrf.remembered.returned.clear()

    def _keep(self, vrf: MacVrf, claim: Claim, turn: Turn) -> None:
        """Store a binding from before a flush, and queue a probe for it."""
        if self._claim(vrf, vrf.bindings.snooped, claim, turn):
            vrf.bindings.unsure.add(claim.ip)
            self._questions.ask_flushed(vrf, (claim.mac,))

    def pin(self, vrf: MacVrf, claim: Claim, turn: Turn, *, router: bool) -> None:
        """Store the binding of an administrator's permanent neighbour.

        A new one is the latest claim to its IP, like ARP that is heard, unless it was
        there before us.
        """
        mac, ip = claim.mac, claim.ip
        if not is_tenant_ip(ip) or ip in vrf.own_ips or mac in vrf.macs.own:
            return
        if not is_unicast_mac(mac) or not pins.pin(vrf, mac, ip):
            return
        self._questions.watch(vrf, ip)
        if (flags := kernel_flags(ip, router)) is not None:
            self._take_flags(vrf, mac, ip, merge_flags(vrf, ip, flags))
        self.duplicates.clear(vrf, ip, turn)
        found = rival_of(vrf, ip, mac) if vrf.neighbors.known else None
        if found is not None and vrf.macs.is_local(mac) and not is_immutable(found[1]):
            self._outbid(vrf, mac, found[1])

    def _claim(
        self, vrf: MacVrf, table: dict[bytes, bytes], claim: Claim, turn: Turn
    ) -> bool:
        mac, ip = claim.mac, claim.ip
        if not is_tenant_ip(ip) or ip in vrf.own_ips or mac in vrf.macs.own:
            return False
        if not is_unicast_mac(mac) or not self._has_room(vrf, mac, ip, turn):
            return False
        held = vrf.bindings.holder(ip)
        if held != mac and vrf.macs.is_local(mac):
            rival = rival_of(vrf, ip, mac)
            if self._refused(vrf, claim, held, rival, turn):
                return False
            if held is not None:
                self.drop(vrf, held, ip)
            elif rival is not None:
                self._outbid(vrf, mac, rival[1])
        if vrf.bindings.put(table, mac, ip):
            self._questions.watch(vrf, ip)
        if claim.heard > vrf.bindings.heard.get(ip, -inf):
            vrf.bindings.heard[ip] = claim.heard
            vrf.bindings.unsure.discard(ip)
        if claim.flags is not None:
            self._take_flags(vrf, mac, ip, merge_flags(vrf, ip, claim.flags))
        return True

    def _has_room(self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn) -> bool:
        most = vrf.config.ips_per_mac
        ips = vrf.bindings.ips_of.get(mac)
        if not most or ips is None or len(ips) < most or ip in ips:
            return True
        if mac not in vrf.bindings.limited:
            if len(vrf.bindings.limited) > len(vrf.macs.local):
                vrf.bindings.limited &= vrf.macs.local.keys()
            vrf.bindings.limited.add(mac)
            self._tell.limit_reached(vrf, mac, most, turn)
        return False

    def _refused(
        self,
        vrf: MacVrf,
        claim: Claim,
        held: bytes | None,
        rival: Rival | None,
        turn: Turn,
    ) -> bool:
        """Return whether an IP stays with its MAC against this claim."""
        mac, ip, now, _ = claim
        if held is not None and held == vrf.bindings.static.get(ip):
            self._tell.claimed(IMMUTABLE_CLAIMED, vrf, ip, (held, mac), turn)
            return True
        if held is not None and held == vrf.bindings.pinned.get(ip):
            self._tell.claimed(PINNED_CLAIMED, vrf, ip, (held, mac), turn)
            return True
        key: Key = (vrf.config.vni, ip)
        holder = held or (rival[0] if rival else None)
        if holder is None:
            self.duplicates.clear(vrf, ip, turn)
            return False
        path = rival[1] if rival and held is None else None
        if path is not None and is_immutable(path):
            self._tell.claimed(IMMUTABLE_CLAIMED, vrf, ip, (holder, mac), turn)
            return True
        contests = self.contests
        pair = DuplicateIp(holder, mac, now, held=True)
        known = contests.found.get(key)
        if known is not None and known.held and known.other == mac:
            contests.find(key, pair)
            return True
        if (
            path is not None and path.attributes.default_gateway
        ) or contests.moved_often(key, now):
            self.duplicates.find(vrf, ip, pair, turn)
            return True
        if contests.is_answer(key, mac, now):
            self.duplicates.find(vrf, ip, DuplicateIp(mac, holder, now), turn)
        contests.move(key, holder, now)
        if held is not None:
            self._questions.ask(vrf, held, ip)
        return False

    def _outbid(self, vrf: MacVrf, mac: bytes, path: Path) -> None:
        """Set a MAC's sequence above that of another MAC's route for its IP.

        RFC 9721: the MAC route takes it, and all MAC/IP routes inherit it.
        """
        own = vrf.macs.sequence.get(mac, 0)
        if own <= path.sequence:
            vrf.macs.sequence[mac] = max(own, min(path.sequence + 1, SEQUENCE_MAX))

    def _take_flags(self, vrf: MacVrf, mac: bytes, ip: bytes, flags: int) -> None:
        if flags == vrf.bindings.nd_flags.get(ip, OVERRIDE):
            return
        if flags == OVERRIDE:
            del vrf.bindings.nd_flags[ip]
        else:
            vrf.bindings.nd_flags[ip] = flags
        vrf.bindings.touch(mac, ip)

    def settle(self, vrf: MacVrf, turn: Turn) -> None:
        """Remove local bindings to which remote routes have better claims."""
        dirty = vrf.neighbors.dirty
        vni = vrf.config.vni
        for ip in vrf.routes.take_shared_ips():
            self.contests.watch((vni, ip), turn.now)
        for ip in dirty & vrf.bindings.static.keys():
            mac = vrf.bindings.static[ip]
            found = rival_of(vrf, ip, mac) if vrf.macs.is_local(mac) else None
            if found is not None:
                pair = (mac, found[0])
                self._tell.claimed(IMMUTABLE_CLAIMED, vrf, ip, pair, turn)
        if self.contests.found:
            for ip in [ip for ip in dirty if (vni, ip) in self.contests.found]:
                self.duplicates.look_again(vrf, ip, turn)
        for ip in dirty & (vrf.bindings.pinned.keys() | vrf.bindings.ceded_pins.keys()):
            rival = pins.contest(vrf, ip)
            # It is the pinned MAC's or that of a tenant below, as the former comes.
            vrf.bindings.touch_holders(ip)
            if rival is not None:
                mac = vrf.bindings.pinned.get(ip) or vrf.bindings.ceded_pins[ip]
                self._tell.claimed(PINNED_CLAIMED, vrf, ip, (mac, rival[0]), turn)
        contested = dirty & vrf.bindings.snooped.keys()
        contested |= dirty & vrf.bindings.kernel.keys()
        for ip in contested:
            mac_or_none = vrf.bindings.holder(ip)
            fixed = (vrf.bindings.static.get(ip), vrf.bindings.pinned.get(ip))
            if mac_or_none is not None and mac_or_none not in fixed:
                self._give_way(vrf, mac_or_none, ip, turn)

    def _give_way(self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn) -> None:
        found = rival_of(vrf, ip, mac)
        if found is None:
            vrf.bindings.disputed.pop(ip, None)
            return
        other, path = found
        if not is_better(vrf, mac, path):
            known = vrf.bindings.disputed.get(ip)
            if known is None or known[:2] != (other, path.vtep):
                vrf.bindings.disputed[ip] = Dispute(other, path.vtep)
                if not self._questions.is_new(vrf, ip):
                    # Else it took the IP from that one just now.
                    self._questions.ask(vrf, mac, ip)
            return
        self.drop(vrf, mac, ip)
        self._questions.ask(vrf, mac, ip)
        now = turn.now
        key = (vrf.config.vni, ip)
        self.contests.move(key, mac, now)
        often = self.contests.moved_often(key, now)
        if often or key in self.contests.found:
            pair = DuplicateIp(other, mac, now, held=often)
            self.duplicates.find(vrf, ip, pair, turn)

    def _insists(self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn) -> None:
        """Record the answer of a tenant whose IP a remote MAC claims unsuccessfully."""
        dispute, found = vrf.bindings.disputed[ip], rival_of(vrf, ip, mac)
        if found is not None and not dispute.answered:
            vrf.bindings.disputed[ip] = dispute._replace(answered=True)
            pair = DuplicateIp(mac, found[0], turn.now)
            self.duplicates.find(vrf, ip, pair, turn)

    def expire(self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn) -> None:
        """Remove a binding whose tenant does not answer."""
        if vrf.bindings.kernel.get(ip) == mac:
            # The kernel keeps its STALE neighbour, which is not ours to remove.
            vrf.bindings.doubted[ip] = mac
        self.drop(vrf, mac, ip)
        self._tell.expired(vrf, mac, ip, turn)

    def drop(self, vrf: MacVrf, mac: bytes, ip: bytes) -> None:
        """Remove a learned binding."""
        for table in (vrf.bindings.snooped, vrf.bindings.kernel):
            if table.get(ip) == mac:
                vrf.bindings.take_out(table, ip)
        vrf.bindings.heard.pop(ip, None)
        vrf.bindings.nd_flags.pop(ip, None)
        vrf.bindings.disputed.pop(ip, None)
        vrf.bindings.unsure.discard(ip)
