"""The EVIs: those of the configuration, and discovered ones."""

from collections.abc import Iterable
from typing import NamedTuple

from evpnd.core.evi.discovery import discoverable
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.rds import derive_rds
from evpnd.model.advert import source_of
from evpnd.model.config import Config, EviConfig, discovered_evi
from evpnd.model.ids import Rd, Vni


class Changed(NamedTuple):
    """Changes of the set of EVIs."""

    gone: list[MacVrf]
    renamed: list[tuple[MacVrf, bytes]]
    """EVIs whose RD or Ethernet Tag changes, with the new source."""
    others: bool = True
    """The set of EVIs, or a configuration, changed."""


class Instances:
    """The EVIs of this host by VNI, each with an RD of its own."""

    def __init__(self, config: Config) -> None:
        """Create the EVIs of the configuration."""
        self.vrfs: dict[int, MacVrf] = {}
        """The object never changes."""
        self._config = config
        self.vrf_rds: dict[int, Rd] = {}
        """RDs of the VRFs of the configuration, by L3 VNI."""
        rds = self._derive_rds(())
        for evi in config.evis:
            self._add(evi, rds[evi.vni], discovered=False)

    def discover(self, links: Links) -> Changed | None:
        """Apply the discovered VXLAN devices; None: they are unchanged."""
        if not self._config.discover:
            return None
        found = discoverable(self._config, links)
        known = {vni: vrf for vni, vrf in self.vrfs.items() if vrf.discovered}
        if found.keys() == known.keys() and all(
            vrf.config.vxlan == found[vni].name for vni, vrf in known.items()
        ):
            return None
        rds = self._derive_rds(found)
        gone = [
            vrf
            for vni, vrf in known.items()
            if vni not in rds or vni not in found or found[vni].name != vrf.config.vxlan
        ]
        for vrf in gone:
            del self.vrfs[vrf.config.vni]
        renamed: list[tuple[MacVrf, bytes]] = [
            (vrf, rds[vni])
            for vni, vrf in known.items()
            if vrf not in gone and rds[vni] != vrf.source
        ]
        new = [vni for vni in sorted(found) if vni not in self.vrfs and vni in rds]
        for vni in new:
            evi = discovered_evi(self._config, Vni(vni), found[vni].name)
            self._add(evi, rds[vni], discovered=True)
        return Changed(gone, renamed, others=bool(gone or new))

    def reconfigure(self, config: Config, links: Links) -> Changed:
        """Apply a new configuration.

        An EVI that stays keeps what it knows, whatever is said of its devices: where
        that makes others of them, it moves.
        """
        wanted: dict[int, EviConfig] = {evi.vni: evi for evi in config.evis}
        self._config = config
        found = discoverable(config, links)
        rds = self._derive_rds(found)
        gone: list[MacVrf] = []
        renamed: list[tuple[MacVrf, bytes]] = []
        others = False
        for vni, vrf in list(self.vrfs.items()):
            old = vrf.config
            evi = wanted.get(vni)
            if evi is None and vni in found:
                evi = discovered_evi(config, old.vni, found[vni].name)
            rd = rds.get(vni)
            if evi is None or rd is None:
                del self.vrfs[vni]
                gone.append(vrf)
                continue
            if evi != old:
                vrf.reconfigure(evi)
                others = True
            source = source_of(rd, evi.ethernet_tag)
            if source != vrf.source:
                renamed.append((vrf, source))
            vrf.discovered = vni not in wanted
        new = [evi for evi in config.evis if evi.vni not in self.vrfs]
        for evi in new:
            self._add(evi, rds[evi.vni], discovered=False)
        return Changed(gone, renamed, others=others or bool(gone or new))

    def _add(self, evi: EviConfig, rd: Rd, *, discovered: bool) -> None:
        self.vrfs[evi.vni] = MacVrf(evi, rd, discovered=discovered)

    def _derive_rds(self, discovered: Iterable[int]) -> dict[int, Rd]:
        configured: dict[int, Rd | None] = {
            evi.vni: evi.rd for evi in self._config.evis
        }
        routed: dict[int, Rd | None] = {v.vni: v.rd for v in self._config.vrfs}
        rds = derive_rds(self._config.router_id, configured, discovered, routed)
        self.vrf_rds = {vni: rds.pop(vni) for vni in routed}
        return rds
