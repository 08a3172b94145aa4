"""What may be asked of the engine, in one place.

Views and reports read the engine's state by these names, and change nothing: how the
core is built is no concern of theirs, and what they read is listed here.
"""

from collections.abc import Callable, Mapping
from typing import final

from evpnd.core.announce.update_groups import Exporter
from evpnd.core.bgp.limits import Limits
from evpnd.core.bgp.max_routes import Quota
from evpnd.core.bgp.session import Session
from evpnd.core.engine import Engine
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.ip_claims import DuplicateIp
from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.config import Config
from evpnd.model.ids import Peer
from evpnd.model.routes import Treatment
from evpnd.policy.attached import Attached


@final
class Query:
    """A view of an engine as it is at each question."""

    def __init__(self, engine: Engine) -> None:
        """Store the engine."""
        self._engine = engine

    # Configuration and place

    @property
    def config(self) -> Config:
        """Return the configuration in force."""
        return self._engine.config

    @property
    def vtep(self) -> bytes:
        """Return our VTEP address; empty: not known."""
        return self._engine.inventory.vtep

    @property
    def links(self) -> Links:
        """Return the host's links, with addresses and VLANs."""
        return self._engine.inventory.links

    @property
    def refused_devices(self) -> Mapping[str, str]:
        """Return why devices were refused, by their names."""
        return self._engine.inventory.attempts.refused

    @property
    def vrfs(self) -> Mapping[int, MacVrf]:
        """Return the EVIs by VNI."""
        return self._engine.inventory.vrfs

    @property
    def ip_vrfs(self) -> Mapping[int, IpVrf]:
        """Return the VRFs by L3 VNI."""
        return self._engine.ip_vrfs.vrfs

    # Peers

    @property
    def sessions(self) -> Mapping[Peer, Session]:
        """Return the sessions of the configured peers."""
        return self._engine.peering.sessions

    @property
    def quotas(self) -> Mapping[Peer, Quota]:
        """Return how many routes peers may send, where that is limited."""
        return self._engine.peering.quotas

    @property
    def settled(self) -> bool:
        """Return whether all peers sent End-of-RIB, or are waited for no longer."""
        return self._engine.peering.settled

    @property
    def malformed(self) -> Mapping[Treatment, int]:
        """Return how many UPDATEs were malformed, by their treatment."""
        return self._engine.peering.malformed

    @property
    def exporter(self) -> Exporter:
        """Return what the peers are told, group by group."""
        return self._engine.exporter

    # Policies

    @property
    def attached(self) -> Attached:
        """Return the policies in use, with their counters."""
        return self._engine.importer.attached

    @property
    def limits(self) -> Limits:
        """Return the limits of import policies."""
        return self._engine.importer.limits

    # Duplicates

    @property
    def duplicate_macs(self) -> Mapping[tuple[int, bytes], float]:
        """Return duplicate MACs by VNI and MAC: until when, monotonic seconds."""
        return self._engine.tenants.duplicates.found

    @property
    def duplicate_ips(self) -> Mapping[tuple[int, bytes], DuplicateIp]:
        """Return duplicate IPs by VNI and IP, with their second MAC."""
        return self._engine.tenants.contests.found

    # Rows

    @property
    def refusal(self) -> Callable[[int, str, bytes], int | None]:
        """Return the errno with which a row was refused, by VNI, table and key."""
        return self._engine.rows.retries.errno

    @property
    def refusals(self) -> Mapping[tuple[str, int], int]:
        """Return how many rows were refused, by table and errno."""
        return self._engine.rows.retries.counts

    @property
    def resyncs(self) -> Mapping[str, int]:
        """Return how often the tables were read anew, by reason."""
        return self._engine.rows.resyncs

    @property
    def repaired(self) -> Mapping[tuple[str, str], int]:
        """Return how many rows were restored, by table and cause."""
        return self._engine.rows.repaired
