"""The UDP port of VXLAN: 4789 (RFC 7348, 5), and who else uses it."""

from collections.abc import Iterator

from evpnd.doctor.examined import Examined
from evpnd.doctor.finding import Finding, fault, warning
from evpnd.doctor.fix import Fix, advise, run
from evpnd.model.config import VXLAN_PORT
from evpnd.model.ids import format_ip
from evpnd.model.rows import Link

LINUX_PORT = 8472
"""Port of VXLAN devices that are made without `dstport`: older than the RFC."""
FEW_PORTS = 256
"""Source ports below which flows between two VTEPs share links and queues."""


def configured(seen: Examined) -> Iterator[Finding]:
    """Yield a configured port that no other VTEP uses by default."""
    config = seen.config
    if config is None or config.vtep.udp_port == VXLAN_PORT:
        return
    port = config.vtep.udp_port
    old = ", Linux's default without `dstport`," if port == LINUX_PORT else ""
    yield warning(
        str(config.path),
        f"`vtep.udp-port: {port}`{old} is not VXLAN's port {VXLAN_PORT}: switches and "
        "other hosts neither listen there nor send there, and frames are lost both "
        "ways unless all VTEPs are set alike",
        advise(
            f"set `udp-port: {VXLAN_PORT}` in section `vtep`, or delete the key, and "
            f"make the VXLAN devices anew with `dstport {VXLAN_PORT}`"
        ),
    )


def devices(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices with another port than the configured one."""
    for each, link in seen.present:
        assert link.vxlan is not None
        port = link.vxlan.udp_port
        if port == seen.udp_port or link.vxlan.external:
            continue
        managed = each.evi is not None and each.evi.owns_devices
        what = "vtep.udp-port" if seen.config else "VXLAN's port"
        yield fault(
            link.name,
            f"it uses UDP port {port}, not {what} {seen.udp_port}: what other VTEPs "
            "send does not reach it",
            advise("evpnd makes it anew at its start")
            if managed
            else _anew(seen, link),
        )


def _anew(seen: Examined, link: Link) -> Fix:
    """Return how a device is made again, as its port cannot be changed."""
    assert link.vxlan is not None
    local = f" local {format_ip(link.vxlan.local)}" if link.vxlan.local else ""
    found = seen.host.tunnels.get(link.ifindex)
    lower = f" dev {seen.name(found.lower)}" if found and found.lower else ""
    learning = "" if link.vxlan.learning else " nolearning"
    kind = f"id {link.vxlan.vni}"
    if link.vxlan.external:
        kind = "external vnifilter" if link.vxlan.vnifilter else "external"
    tunnel = f"{kind}{local}{lower} dstport {seen.udp_port}{learning}"
    lines = [
        f"ip link del {link.name}",
        f"ip link add {link.name} mtu {link.mtu} type vxlan {tunnel}",
    ]
    if link.master:
        master = seen.name(link.master)
        lines.append(f"ip link set {link.name} master {master}")
        port = link.port
        if port is not None:
            words = f"learning {_on(port.learning)} neigh_suppress "
            words += _on(port.neigh_suppress)
            lines.append(f"ip link set dev {link.name} type bridge_slave {words}")
    lines.append(f"ip link set {link.name} up")
    return run(*lines)


def _on(value: bool) -> str:  # noqa: FBT001 - it is written as a word
    return "on" if value else "off"


def others(seen: Examined) -> Iterator[Finding]:
    """Yield programs that have the port, which VXLAN devices then cannot have."""
    waiting = [link.name for _, link in seen.present if not link.up]
    tunnels = {
        link.vxlan.udp_port
        for link in seen.links.by_index.values()
        if link.vxlan is not None and link.up
    }
    for sock in seen.host.udp_sockets:
        if sock.port != seen.udp_port or (not sock.owner and sock.port in tunnels):
            continue
        who = sock.owner or "somebody"
        more = f", such as {waiting[0]}," if waiting else ""
        yield fault(
            f"UDP port {sock.port}",
            f"{who} has it on {sock.address}: a VXLAN device{more} cannot be set up "
            "there (`Address already in use`), or this program takes its packets",
            advise(f"stop {who}, or give it another port"),
        )


def source_ports(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices whose packets have few source ports, so that links idle."""
    low, high = (
        seen.host.sysctls.get(f"net/ipv4/ip_local_port_range/{i}", 0) for i in (0, 1)
    )
    if low and high - low < FEW_PORTS:
        yield warning(
            "net.ipv4.ip_local_port_range",
            f"VXLAN packets have source ports {low}..{high} alone: few flows can be "
            "told apart, so links and receive queues are not used alike",
            run("sysctl -w net.ipv4.ip_local_port_range='32768 60999'", safe=True),
        )
    for _, link in seen.present:
        tunnel = seen.host.tunnels.get(link.ifindex)
        if tunnel is None or tunnel.ports == (0, 0):
            continue
        first, end = tunnel.ports
        if end - first < FEW_PORTS:
            yield warning(
                link.name,
                f"its packets have source ports {first}..{end} alone (`srcport`): few "
                "flows can be told apart, so links and receive queues are not used "
                "alike",
                advise("make it anew without `srcport`, which cannot be changed"),
            )
