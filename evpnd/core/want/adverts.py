"""Which local MACs are announced, or why not."""

from collections.abc import Sequence

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import Reason


def ips_to_announce(vrf: MacVrf, mac: bytes) -> tuple[bytes, ...]:
    """Return the IPs that a local MAC is announced with, in order."""
    ips = vrf.bindings.ips_of.get(mac)
    if not ips or not vrf.config.advertise.neighbors:
        return ()
    return tuple(
        sorted(
            ip for ip in ips if vrf.bindings.holder(ip) == mac and ip not in vrf.own_ips
        )
    )


def decide(vrf: MacVrf, mac: bytes, ips: Sequence[bytes]) -> Reason | None:
    """Return why a MAC is not announced; None: it is.

    `ips` are those that it is to be announced with.
    """
    if not vrf.ready:
        return Reason.NOT_READY
    macs = vrf.macs
    if not macs.is_local(mac):
        return Reason.CEDED if mac in macs.ceded else Reason.NOT_LOCAL
    if mac in macs.own:
        return Reason.OWN_MAC
    if mac in macs.ceded:
        return Reason.CEDED
    if not (ips or vrf.config.advertise.macs):
        return Reason.NOTHING_TO_ADVERTISE
    return None


def why_not(vrf: MacVrf, mac: bytes) -> Reason:
    """Return why a MAC was not announced, if it was not.

    A frozen MAC is left as it is: what would be announced by itself is not.
    """
    reason = decide(vrf, mac, ips_to_announce(vrf, mac))
    if reason is not None:
        return reason
    return Reason.FROZEN if mac in vrf.macs.frozen else Reason.PENDING
