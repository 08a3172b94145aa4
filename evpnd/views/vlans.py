"""The VLAN of an EVI, as commands show it."""

from evpnd.core.evi.mac_vrf import MacVrf


def vlan_of(vrf: MacVrf) -> int | None:
    """Return the VLAN of an EVI's bridge; None: the bridge has no VLANs.

    Before its devices are found, it is that of the configuration.
    """
    return vrf.domain.vlan or vrf.config.vlan


def place_in(vrf: MacVrf, bridge: str) -> str:
    """Write ` in VLAN 100 of br0`, where the bridge has VLANs; else nothing."""
    return f" in VLAN {vrf.domain.vlan} of {bridge}" if vrf.domain.vlan else ""
