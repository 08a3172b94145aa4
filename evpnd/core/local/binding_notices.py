"""Notices on bindings: duplicates, refused claims, tenants that do not answer."""

from evpnd.core.bgp.select import best_for_ip
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.local.ip_claims import DuplicateIp
from evpnd.core.turn import Turn
from evpnd.model.ids import format_ip, format_mac

TOLD_MOST = 4096
"""Refused claims that are remembered, so that each is reported once."""


class BindingNotices:
    """Writes the notices on bindings of all EVIs, each refused claim once."""

    def __init__(self, links: Links) -> None:
        """Start with nothing reported; `links` has the names of ports."""
        self._links = links
        self._told: dict[tuple[int, str, bytes, bytes], None] = {}

    def duplicate(self, vrf: MacVrf, ip: bytes, pair: DuplicateIp, turn: Turn) -> None:
        """Report that two MACs have an IP, and where."""
        fields = {
            "ip": format_ip(ip),
            "mac": format_mac(pair.holder),
            "at": self._place(vrf, ip, pair.holder),
            "other_mac": format_mac(pair.other),
            "other_at": self._place(vrf, ip, pair.other),
        }
        turn.tell(vrf.notice("warning", "duplicate_ip_found", **fields))

    def released(self, vrf: MacVrf, ip: bytes, turn: Turn) -> None:
        """Report that an IP is no longer a duplicate."""
        released = vrf.notice("info", "duplicate_ip_released", ip=format_ip(ip))
        turn.tell(released)

    def claimed(
        self,
        event: str,
        vrf: MacVrf,
        ip: bytes,
        pair: tuple[bytes, bytes],
        turn: Turn,
    ) -> None:
        """Report once each MAC that claims an IP which is given to another.

        `pair` is the MAC that has the IP, and the one that claims it.
        """
        holder, other = pair
        claim = (vrf.config.vni, event, ip, other)
        if claim in self._told:
            return
        if len(self._told) >= TOLD_MOST:
            del self._told[next(iter(self._told))]
        self._told[claim] = None
        fields = {
            "ip": format_ip(ip),
            "mac": format_mac(holder),
            "claimed_by": format_mac(other),
        }
        turn.tell(vrf.notice("warning", event, **fields))

    def expired(self, vrf: MacVrf, mac: bytes, ip: bytes, turn: Turn) -> None:
        """Report that a tenant did not answer for its IP."""
        names = {"ip": format_ip(ip), "mac": format_mac(mac)}
        turn.tell(vrf.notice("info", "binding_expired", **names))

    def limit_reached(self, vrf: MacVrf, mac: bytes, limit: int, turn: Turn) -> None:
        """Report that a MAC has the maximum number of IPs."""
        event = "binding_limit_reached"
        found = vrf.notice("warning", event, mac=format_mac(mac), limit=limit)
        turn.tell(found)

    def _place(self, vrf: MacVrf, ip: bytes, mac: bytes) -> str | None:
        local = vrf.macs.local.get(mac)
        if local is not None:
            link = self._links.by_index.get(local.port)
            return link.name if link is not None else None
        found = best_for_ip(vrf.routes, ip, (mac,))
        return format_ip(found[1].vtep) if found is not None else None
