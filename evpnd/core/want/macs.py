"""Decides where a MAC leads: to a VTEP, or nowhere and why.

A remote MAC has two rows, which belong together: a bridge row on the VXLAN device, and
that device's own row with the VTEP. `tables/table.py` describes the rows that a frame
meets on its way; `kernel/reconcile.py` writes the two in one message.

The decision depends only on the present state. If a MAC is local and a remote VTEP
announces it as well, `local/mobility.py` has decided before who has it; the result is
in the tables of local MACs.

Not done yet: a MAC leads to one VTEP, never to several (multihoming); the VNI is that
of the device, never that of the route (one device for many VNIs); the VLAN is that of
the EVI.
"""

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_for_mac, mac_candidates
from evpnd.core.bgp.slots import best
from evpnd.core.evi.local_macs import Origin
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason
from evpnd.model.domain import Hop
from evpnd.model.ids import is_unicast_mac

_NO_ROUTE = Reason.NO_ROUTE
_LOCAL = Reason.LOCAL
"""Python 3.11 takes ten times as long to look a member of an enum up."""


def decide(vrf: MacVrf, mac: bytes) -> Hop | Reason:
    """Return the VTEP that a MAC's rows should lead to, or the reason for none.

    Whether the EVI is ready is not asked: `why_no_row` does.
    """
    if mac in vrf.macs.own:
        return Reason.OWN_MAC
    if mac in vrf.macs.frozen:
        path = frozen_path(vrf, mac)
        if path is None:
            return Reason.LOCAL if vrf.macs.is_local(mac) else Reason.FROZEN
    else:
        if mac in vrf.macs.local or mac in vrf.macs.static:
            found = _local(vrf, mac)
            if found is not None:
                return found
        path = best_for_mac(vrf.routes, mac)
        if path is None:
            return _NO_ROUTE
    if mac in vrf.fdb.foreign:
        return Reason.FOREIGN_ROW
    if not is_unicast_mac(mac):
        # It would be a row of the flood list.
        return Reason.NOT_UNICAST
    return path.vtep


def _local(vrf: MacVrf, mac: bytes) -> Reason | None:
    """Return why a MAC that is here gets no row; None: a remote VTEP has it.

    A row of the operator's is not ours to replace, one that was learned is.
    """
    if mac not in vrf.macs.ceded:
        return _LOCAL
    local = vrf.macs.local.get(mac)
    if local is not None and local.origin is not Origin.DYNAMIC:
        return Reason.OPERATORS_ROW
    return None


def why_no_row(vrf: MacVrf, mac: bytes) -> Reason | None:
    """Return why a MAC has no row now; None: it should have one."""
    wanted = decide(vrf, mac)
    if isinstance(wanted, Reason):
        return wanted
    return None if vrf.ready else Reason.NOT_READY


def leading_path(vrf: MacVrf, mac: bytes) -> Path | None:
    """Return the path that a MAC's rows follow; None: no path."""
    return (
        frozen_path(vrf, mac)
        if mac in vrf.macs.frozen
        else best_for_mac(vrf.routes, mac)
    )


def frozen_path(vrf: MacVrf, mac: bytes) -> Path | None:
    """Return the path that a frozen MAC keeps; None: its location is gone."""
    vtep = vrf.macs.frozen[mac]
    if not vtep or mac in vrf.macs.local:
        return None
    same = (path for path in mac_candidates(vrf.routes, mac) if path.vtep == vtep)
    return best(same)
