"""What came back of the packets that `evpnd doctor --probe` sent."""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.core.evi.underlay import overhead
from evpnd.doctor.examined import Examined
from evpnd.doctor.facts import Probed
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, advise
from evpnd.model.ids import format_ip


class Wanted(NamedTuple):
    """What to ask a VTEP for."""

    vtep: bytes
    vni: int
    """Of an EVI that has it."""
    size: int
    """Octets of the largest IP packet that is to come back."""


def wanted(seen: Examined) -> list[Wanted]:
    """Return the VTEPs to probe, each in one EVI."""
    found: dict[bytes, Wanted] = {}
    for each, link in seen.present:
        mtus = [port.mtu for port in each.ports] or [link.mtu]
        for vtep in each.vteps if link.up else ():
            size = min(max(mtus), link.mtu) + overhead(vtep)
            if vtep not in found or found[vtep].size < size:
                found[vtep] = Wanted(vtep, each.vni, size)
    return list(found.values())


def answers(seen: Examined) -> Iterator[Finding]:
    """Yield VTEPs that do not answer, or not to large packets."""
    for vtep, told in seen.host.probed.items():
        name = format_ip(vtep)
        most = told.through or told.pinged
        if told.refused:
            yield fault(
                name,
                f"remote VTEP: nothing has UDP port {seen.udp_port} there (ICMP port "
                "unreachable), so it takes no frame",
                advise(f"look at the VXLAN device of {name}, and at its UDP port"),
            )
        elif not most:
            yield warning(
                name,
                "remote VTEP: it answers neither ping nor a probe within VXLAN",
                advise(f"`ping -I {format_ip(seen.vtep)} {name}`, then the underlay"),
            )
        elif most < told.wanted:
            yield fault(
                name,
                f"remote VTEP: with DF, packets of {told.wanted} octets do not come "
                f"back, those of {most} do: a link on the way is smaller than the "
                "tenants' packets within VXLAN need",
                _raise(told, vtep),
            )
        elif not told.through:
            yield note(
                name,
                "remote VTEP: it answers ping, and no probe within VXLAN: no evpnd of "
                "this version runs there, it does not have us in its flood list, or a "
                f"firewall drops UDP port {seen.udp_port} on the way",
            )


def _raise(told: Probed, vtep: bytes) -> Fix:
    most = (told.through or told.pinged) - overhead(vtep)
    return advise(
        f"raise the MTU to {told.wanted} on all links to {format_ip(vtep)} (`tracepath "
        f"{format_ip(vtep)}` names the one), or give the tenants an MTU of {most}"
    )
