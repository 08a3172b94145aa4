"""Why a MAC gets no row, or is not announced, although there is something to say."""

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.ids import is_unicast_mac


def mac_obstacle(vrf: MacVrf, mac: bytes) -> str | None:
    """Say why a MAC that a path was chosen for gets no row; None: it does."""
    if mac in vrf.frozen:
        return "the MAC is a duplicate and frozen"
    if not is_unicast_mac(mac):
        return "the MAC is no station's: a group address, or zero"
    if mac in vrf.own_macs:
        return "the MAC is an own interface's"
    if mac in vrf.foreign_rows:
        return "somebody else's row for the MAC is on the VXLAN device"
    return None if vrf.ready else f"{vrf.config.name} is not ready"


def why_not_announced(vrf: MacVrf, mac: bytes) -> str:
    """Return why peers are not told of a local MAC that is not announced."""
    if not vrf.ready:
        return f"{vrf.config.name} is not ready"
    if mac in vrf.own_macs:
        return "it is an own interface's"
    if mac in vrf.ceded:
        return "a remote VTEP has a better claim"
    if mac in vrf.frozen:
        return "it is a duplicate and frozen"
    return "advertise.macs is false, and it has no IP to be announced with"
