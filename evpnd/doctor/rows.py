"""Rows of the kernel's tables that are somebody else's, and tables that are full."""

from collections.abc import Iterator, Sequence
from typing import Final

from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, advise, run
from evpnd.model.ids import FLOOD_MAC, format_ip, format_mac, is_multicast
from evpnd.model.rows import NTF_EXT_LEARNED, NUD_NOARP, NUD_PERMANENT, FdbRow, Link

ZEBRA: Final = 11
"""Protocol number of FRR's zebra (linux/rtnetlink.h: RTPROT_ZEBRA)."""
NEARLY: Final = 0.8
"""Part of a neighbour table from which on it is told to fill up."""


def foreign(seen: Examined) -> Iterator[Finding]:
    """Yield rows of VXLAN devices and neighbours that others made."""
    for _, link in seen.present:
        assert link.vxlan is not None
        rows = seen.host.rows.get(link.ifindex, ())
        others = [row for row in rows if not row.is_ours and row.dst]
        if link.vxlan.learning:  # what it learned is told of there
            others = [row for row in others if row.is_fixed]
        flood = [row for row in others if row.mac == FLOOD_MAC]
        macs = [row for row in others if row.mac != FLOOD_MAC]
        if flood:
            what = "multicast group" if is_multicast(flood[0].dst) else "VTEP"
            dst = format_ip(flood[0].dst)
            yield warning(
                link.name,
                f"{_count(flood, 'row')} of its flood list {_were(flood)} not made by "
                f"evpnd: flooded frames go to {what} {dst} whatever its routes say, "
                "and nothing takes the row away",
                _delete(link, flood[0]),
            )
        if macs:
            yield warning(
                link.name,
                f"{_count(macs, 'row')} {_were(macs)} not made by evpnd: frames to "
                f"{format_mac(macs[0].mac)} go to VTEP {format_ip(macs[0].dst)} "
                "whatever its route says",
                _delete(link, macs[0]),
            )
    yield from _of_zebra(seen)


def _count(rows: Sequence[FdbRow], what: str) -> str:
    return f"1 {what}" if len(rows) == 1 else f"{len(rows)} {what}s"


def _were(rows: Sequence[FdbRow]) -> str:
    return "was" if len(rows) == 1 else "were"


def _delete(link: Link, row: FdbRow) -> Fix:
    words = f"{format_mac(row.mac)} dev {link.name} dst {format_ip(row.dst)} self"
    if is_multicast(row.dst):
        return advise(f"`bridge fdb del {words}`, with `via DEVICE` as the row has it")
    return run(f"bridge fdb del {words}")


def _of_zebra(seen: Examined) -> Iterator[Finding]:
    for each in seen.overlays:
        if each.bridge is None:
            continue
        index = each.bridge.ifindex
        rows = [row for row in seen.host.neighbors if row.ifindex == index]
        if any(row.protocol == ZEBRA for row in rows):
            yield fault(
                each.bridge.name,
                "FRR's zebra has put neighbours there: two programs run EVPN on the "
                "same devices, and each takes the other's rows away",
                advise(
                    "remove `advertise-all-vni` from FRR's bgpd, or these devices from "
                    "evpnd's configuration"
                ),
            )


def neighbor_tables(seen: Examined) -> Iterator[Finding]:
    """Yield neighbour tables that are nearly full; evpnd's own rows do not count."""
    for family, length, word in (("ipv4", 4, "ARP"), ("ipv6", 16, "ND")):
        most = seen.host.sysctls.get(f"net/{family}/neigh/default/gc_thresh3")
        if not most:
            continue
        counted = sum(
            len(row.ip) == length
            and not row.flags & NTF_EXT_LEARNED
            and not row.state & (NUD_NOARP | NUD_PERMANENT)
            for row in seen.host.neighbors
        )
        if counted < NEARLY * most:
            continue
        key = f"net/{family}/neigh/default/gc_thresh"
        yield warning(
            f"{family} neighbours",
            f"{counted} entries of at most {most} (gc_thresh3): when it is full, "
            f"{word} fails for more hosts (`neighbour: table overflow` in dmesg)",
            run(
                f"sysctl -w {key}2={4 * most} {key}3={8 * most}",
                safe=True,
            ),
        )


def unread(seen: Examined) -> Iterator[Finding]:
    """Yield devices whose rows are too many to be examined."""
    for _, link in seen.present:
        if link.master and link.ifindex not in seen.host.rows:
            yield note(link.name, "it has too many rows to look at each")
