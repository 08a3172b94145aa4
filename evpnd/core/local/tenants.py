"""Tenants of all EVIs: their MACs and IPs, and the probes of them.

The tables are the EVIs' own. What stands here decides what is written to them when a
tenant speaks, moves, or falls silent.
"""

from collections.abc import Mapping

from evpnd.core.evi.domains import Domains
from evpnd.core.evi.links import Links
from evpnd.core.evi.local_bindings import Claim
from evpnd.core.evi.local_macs import LocalMac
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local import flushed, mobility
from evpnd.core.local.bindings import Bindings
from evpnd.core.local.duplicate_macs import Duplicates
from evpnd.core.local.ip_claims import Contests
from evpnd.core.local.probes import Prober
from evpnd.core.local.questions import Questions
from evpnd.core.turn import Turn, soonest
from evpnd.model.config import DuplicateDetection
from evpnd.model.events import BindingsSnooped
from evpnd.model.key import MAC_LENGTH
from evpnd.model.rows import PortVlans


class Tenants:
    """The parts that follow the tenants of this host."""

    def __init__(self, settings: DuplicateDetection, links: Links, now: float) -> None:
        """Create them with no tenant; `links` give ports their names."""
        self.duplicates = Duplicates(settings)
        """MACs that move too often."""
        self.contests = Contests(settings)
        """IPs that two MACs claim."""
        self.questions = Questions()
        self.bindings = Bindings(self.contests, self.questions, links)
        self.prober = Prober(self.questions, self.bindings, now)

    def hear(
        self,
        heard: BindingsSnooped,
        domains: Domains,
        vlans: Mapping[int, PortVlans],
        turn: Turn,
    ) -> bool:
        """Store what ARP and ND told on tenant ports; return whether there is news.

        `vlans` are those of the ports.
        """
        flags, news, by_device = heard.flags, False, domains.by_device
        for binding in heard.bindings:
            port, mac, ip, tag = binding
            vrf = by_device.get(port)
            if vrf is None or tag:
                vrf = domains.of_frame(port, tag, vlans)
            if vrf is not None:
                claim = Claim(mac, ip, turn.now, flags.get(binding) if flags else None)
                news |= self.bindings.snoop(vrf, port, claim, turn)
        return news or turn.has_news

    def learn(self, vrf: MacVrf, mac: bytes, local: LocalMac, turn: Turn) -> None:
        """Store a MAC that the bridge learned on a tenant port, and claim it."""
        mobility.learn(vrf, mac, local, self.duplicates, turn)

    def flush(self, vrf: MacVrf, mac: bytes, turn: Turn) -> None:
        """Remove a MAC that the kernel flushed from its port."""
        flushed.flush(vrf, mac, self.questions, turn.now)

    def leave_devices(self, vrf: MacVrf, turn: Turn) -> None:
        """Forget an EVI's devices, but keep the bindings of tenants on its ports."""
        flushed.forget_devices(vrf, self.questions, turn.now)

    def open_ports(self, vrf: MacVrf, ports: frozenset[int]) -> None:
        """Store the ports that forward frames; queue probes behind new ones."""
        flushed.reopen(vrf, ports, self.questions)

    def settle(self, vrf: MacVrf, mac: bytes, turn: Turn) -> bool:
        """Decide who has a MAC; return whether it leaves a tenant port."""
        return mobility.settle(vrf, mac, self.duplicates, turn)

    def expire(self, vrfs: Mapping[int, MacVrf], turn: Turn) -> None:
        """Release the duplicates whose time is over."""
        if not self.duplicates.is_empty:
            self.duplicates.expire(vrfs, turn)
        if not self.contests.is_empty:
            self.bindings.duplicates.expire(vrfs, turn)

    def clear_duplicate(
        self, vni: int, address: bytes, vrfs: Mapping[int, MacVrf], turn: Turn
    ) -> bool:
        """Release a duplicate MAC or IP for an operator; return whether it was one."""
        if len(address) == MAC_LENGTH:
            return self.duplicates.clear((vni, address), vrfs, turn)
        vrf = vrfs.get(vni)
        return vrf is not None and self.bindings.duplicates.clear(vrf, address, turn)

    def configure(
        self, settings: DuplicateDetection, vrfs: Mapping[int, MacVrf], turn: Turn
    ) -> None:
        """Store other settings of duplicate detection."""
        self.duplicates.configure(settings, vrfs, turn)
        self.contests.settings = settings

    def next_due(self) -> float | None:
        """Return when something is to be released or probed, in monotonic seconds."""
        return soonest(
            self.duplicates.next_due(), self.contests.next_due(), self.prober.next_due()
        )
