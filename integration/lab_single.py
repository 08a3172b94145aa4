"""A VLAN-aware bridge with one VXLAN device for the VNIs of all its VLANs.

::

    a1 ── untagged, VLAN 10 ┐       ┌ VLAN 10: VNI 10010 ┐
    b1 ── untagged, VLAN 20 ┤ br0 ──┤ vx0                ├ host 1 ── router ── ...
                            ┘       └ VLAN 20: VNI 10020 ┘

The rest is as in `integration.lab_vlans`.
"""

from collections.abc import Iterable

from integration import lab_vlans
from integration.lab import Host
from integration.lab_fabric import CONVERGENCE
from integration.lab_kernel import FLOOD_MAC, FdbRow, fdb
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant
from integration.lab_vlans import BRIDGE, expect_vlan_bindings, svi_of, vlan, vni_of

DEVICE = "vx0"


PORT = "vlan_tunnel on learning off neigh_suppress on"
"""What the device's bridge port needs."""


def prepare(host: Host, *vlans: int, port: str = PORT) -> None:
    """Make the bridge and the device, and what each VLAN needs."""
    lab_vlans.prepare(host)
    tunnel = f"external vnifilter dstport 4789 local {host.vtep} nolearning"
    ip(
        [
            f"link add {DEVICE} type vxlan {tunnel}",
            f"link set {DEVICE} addrgenmode none",
            f"link set {DEVICE} master {BRIDGE} up",
            f"link set dev {DEVICE} type bridge_slave {port}",
        ],
        host.namespace,
    )
    for each in vlans:
        add_vni(host, each)


def add_vni(host: Host, number: int) -> None:
    """Give a VLAN its VNI on the device, and a VLAN device on the bridge."""
    ip(
        [
            f"link add link {BRIDGE} name {svi_of(number)} type vlan id {number}",
            f"link set {svi_of(number)} addrgenmode none",
        ],
        host.namespace,
    )
    carry(host, number, vni_of(number))


def carry(host: Host, number: int, vni: int) -> None:
    """Map a VLAN to a VNI, and let the device take it in."""
    vlan(host, f"add dev {DEVICE} vid {number}")
    vlan(host, f"add dev {DEVICE} vid {number} tunnel_info id {vni}")
    bridge(host, f"vni add vni {vni} dev {DEVICE}")


def bridge(host: Host, words: str) -> None:
    """Do as ``bridge WORDS``."""
    run(["bridge", "-n", host.namespace, *words.split()])


def own_rows(host: Host, number: int) -> list[FdbRow]:
    """Return the rows of the device for the VNI of a VLAN."""
    rows = fdb(host.namespace, DEVICE)
    return [row for row in rows if row.src_vni == vni_of(number)]


def macs(host: Host, number: int) -> dict[str, str]:
    """Map the MACs that lead to VTEPs in a VLAN, both rows being there and ours."""
    rows = [row for row in fdb(host.namespace, DEVICE) if "extern_learn" in row.flags]
    bridged = {row.mac for row in rows if row.master and row.vlan == number}
    own = {row.mac: row.dst for row in rows if row.src_vni == vni_of(number)}
    own.pop(FLOOD_MAC, None)
    halves = {mac: f"{own.get(mac)} alone" for mac in own.keys() ^ bridged}
    return own | halves


def flood_list(host: Host, number: int) -> set[str]:
    """Return the VTEPs that get a copy of each BUM frame of a VLAN."""
    return {row.dst for row in own_rows(host, number) if row.mac == FLOOD_MAC}


def expect_vni(host: Host, number: int, tenants: Iterable[Tenant]) -> None:
    """Wait until the rows of a VLAN and its VNI are those of remote tenants."""
    there = list(tenants)
    wanted = {each.mac: each.host.vtep for each in there}
    wait_until(
        lambda: macs(host, number) == wanted,
        CONVERGENCE,
        f"remote MACs {wanted} in VLAN {number} of host {host.number}",
        seen=lambda: macs(host, number),
    )
    ips = {address: each.mac for each in there for address in (each.ip, each.ip6)}
    expect_vlan_bindings(host, number, ips)
