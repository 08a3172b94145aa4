"""Hosts with a VRF `red`, L3 VNI 9999, whose tenants are in subnets of their own.

::

    a1 ── br10100 (192.168.10.0/24) ┐                ┌ br10200 (192.168.20.0/24) ── b2
    s1 ── br10300 (192.168.30.0/24) ┴ red ── VNI 9999 ┴ red ── 172.16.0.0/16 behind x2

A bridge has the address .254 (and ::fe) of its subnet, the same on each host.
"""

from integration.lab import Host
from integration.lab_netns import ip, run, sysctl
from integration.lab_tenant import Tenant

VRF, TABLE, L3_VNI = "red", 1001, 9999
SUBNETS = {10100: 10, 10200: 20, 10300: 30}
"""By VNI: the third octet of its IPv4 subnet."""
OUTSIDE = "172.16.1.1"
"""An address behind a router that a tenant is."""


def settings(*, manage: bool = False, **more: object) -> dict[str, object]:
    """Return the VRF as the configuration has it."""
    vrf: dict[str, object] = {"name": VRF, "vni": L3_VNI}
    if manage:
        vrf |= {"manage": True, "table": TABLE}
    return vrf | more


def evi(vni: int) -> dict[str, object]:
    """Return an EVI whose tenants are routed."""
    return {"vni": vni, "vrf": VRF}


def make_vrf(host: Host, *, bridged: bool) -> None:
    """Make the VRF device and the VXLAN device of the L3 VNI by hand."""
    tunnel = f"id {L3_VNI} dstport 4789 local {host.vtep} nolearning"
    vxlan, bridge = f"vx{L3_VNI}", f"br{L3_VNI}"
    mac = f"02:99:00:00:00:{host.number:02x}"
    commands = [
        f"link add {VRF} type vrf table {TABLE}",
        f"link set {VRF} up",
        f"link add {vxlan} type vxlan {tunnel}",
        f"link set {vxlan} addrgenmode none",
    ]
    if bridged:
        commands += [
            f"link add {bridge} address {mac} type bridge forward_delay 0",
            f"link set {bridge} addrgenmode none",
            f"link set {bridge} master {VRF} up",
            f"link set {vxlan} master {bridge} up",
            f"link set dev {vxlan} type bridge_slave learning off",
        ]
    else:
        commands += [f"link set {vxlan} address {mac} master {VRF} up"]
    ip(commands, host.namespace)


def route(host: Host, *vnis: int) -> None:
    """Put bridges into the VRF, and give them the addresses of their subnets."""
    for vni in vnis:
        subnet, bridge = SUBNETS[vni], f"br{vni}"
        ip(
            [
                f"link set {bridge} address 02:00:5e:00:{subnet:02x}:fe",
                f"link set {bridge} master {VRF}",
                f"addr add 192.168.{subnet}.254/24 dev {bridge}",
                f"addr add 2001:db8:{subnet}::fe/64 dev {bridge} nodad",
            ],
            host.namespace,
        )


def tenant(host: Host, name: str, vni: int, number: int) -> Tenant:
    """Make a tenant whose default routes lead to its bridge's addresses."""
    subnet = SUBNETS[vni]
    made = host.tenant(name, vni, number, subnet=subnet)
    ip(
        [
            f"route add default via 192.168.{subnet}.254",
            f"route add ::/0 via 2001:db8:{subnet}::fe",
        ],
        made.namespace,
    )
    return made


def behind(host: Host, name: str) -> str:
    """Make a router in the VRF with 172.16.0.0/16 behind it; return its namespace."""
    namespace = f"{host.lab.prefix}-{name}"
    ip([f"netns add {namespace}"])
    there = f"name {name} netns {host.namespace}"
    ip([f"link add eth0 netns {namespace} type veth peer {there}"])
    ip(
        [
            f"link set {name} master {VRF} up",
            f"addr add 172.31.255.1/30 dev {name}",
        ],
        host.namespace,
    )
    ip(
        [
            "link set lo up",
            "link set eth0 up",
            "addr add 172.31.255.2/30 dev eth0",
            f"addr add {OUTSIDE}/32 dev lo",
            "route add default via 172.31.255.1",
        ],
        namespace,
    )
    sysctl(namespace, {"net/ipv4/ip_forward": 1})
    ip(
        [f"route add 172.16.0.0/16 vrf {VRF} via 172.31.255.2 proto static"],
        host.namespace,
    )
    return namespace


def table(host: Host, *, family: int = 4) -> list[str]:
    """Return the routes of the VRF's table that evpnd made."""
    words = ["ip", "-n", host.namespace, f"-{family}", "-N", "route", "show"]
    done = run([*words, "table", str(TABLE)])
    return [line.strip() for line in done.splitlines() if "proto 229" in line]


def nexthops(host: Host) -> list[str]:
    """Return the nexthop objects that evpnd made."""
    done = run(["ip", "-n", host.namespace, "-N", "nexthop", "show"])
    return [line.strip() for line in done.splitlines() if "proto 229" in line]
