"""Remote routes that bind a local tenant's IP to another MAC.

The mobility sequence of the MACs decides between the two bindings (RFC 9721, section
7), after what is immutable (RFC 9047, section 3.2) or a default gateway's.
"""

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_ip
from evpnd.core.bgp.slots import is_immutable
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.mobility import compare
from evpnd.model.ids import is_unicast_mac
from evpnd.model.key import MAC

Rival = tuple[bytes, Path]
"""Another MAC that has the IP, and the path that says so."""


def rival_of(vrf: MacVrf, ip: bytes, mac: bytes) -> Rival | None:
    """Return the best remote binding of an IP to a MAC other than this one.

    MACs that are behind a port of ours are left out, whatever routes there are.
    """
    macs = vrf.routes.macs_of.get(ip)
    if macs is None or (len(macs) == 1 and mac in macs):
        return None

    def is_rival(other: bytes) -> bool:
        return other != mac and not vrf.macs.is_local(other) and is_unicast_mac(other)

    crowd = vrf.routes.crowds.get(ip)
    if crowd is None:
        return best_for_ip(vrf.routes, ip, filter(is_rival, macs))
    found = crowd.best_of(lambda key: is_rival(key[MAC]))
    return None if found is None else (found.name[MAC], found.path)


def is_better(vrf: MacVrf, mac: bytes, path: Path) -> bool:
    """Return whether a remote path's binding is preferred to one to a local MAC."""
    if is_immutable(path) or path.attributes.default_gateway:
        return True
    return not compare(vrf, mac, path).ours


def is_gone(vrf: MacVrf, ip: bytes, mac: bytes) -> bool:
    """Return whether a MAC is neither here nor has a remote route with an IP."""
    return not vrf.macs.is_local(mac) and mac not in vrf.routes.macs_of.get(ip, ())
