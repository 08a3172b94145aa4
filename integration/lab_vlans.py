"""A VLAN-aware bridge for several EVIs, with a VXLAN device for each VNI.

::

    a1 ── untagged, VLAN 10 ┐       ┌ vx10010 ┐
    b1 ── untagged, VLAN 20 ┤ br0 ──┤         ├ host 1 ── router ── host 2 ...
    t1 ── tagged, 10 and 20 ┘       └ vx10020 ┘

VLAN V has VNI 10000 + V, and the VLAN device br0.V for neighbours. Tenants of the same
number have the same MAC and the same addresses, in whichever VLAN.
"""

from collections.abc import Callable, Iterable

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Host, Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE, heard, mesh
from integration.lab_kernel import bindings, fdb, remote_macs
from integration.lab_netns import ip, run, wait_until
from integration.lab_tenant import Tenant

BRIDGE = "br0"


def vni_of(vlan: int) -> int:
    return 10_000 + vlan


def vxlan_of(vlan: int) -> str:
    return f"vx{vni_of(vlan)}"


def svi_of(vlan: int) -> str:
    return f"{BRIDGE}.{vlan}"


def vlan(host: Host, words: str) -> None:
    """Do as ``bridge vlan WORDS``."""
    run(["bridge", "-n", host.namespace, "vlan", *words.split()])


def prepare(host: Host, *vlans: int) -> None:
    """Make the bridge, without a VLAN of its own, and the devices of each VLAN."""
    quiet = "mcast_snooping 0 forward_delay 0 ageing_time 30000"
    filtering = "vlan_filtering 1 vlan_default_pvid 0"
    ip(
        [
            f"link add {BRIDGE} type bridge {quiet} {filtering}",
            f"link set {BRIDGE} addrgenmode none up",
        ],
        host.namespace,
    )
    for each in vlans:
        add_vlan(host, each)


def add_vlan(host: Host, number: int) -> None:
    """Make the devices of a VLAN: a VXLAN device and, on the bridge, a VLAN device."""
    vxlan, svi = vxlan_of(number), svi_of(number)
    tunnel = f"id {vni_of(number)} dstport 4789 local {host.vtep} nolearning"
    ip(
        [
            f"link add {vxlan} type vxlan {tunnel}",
            f"link set {vxlan} addrgenmode none",
            f"link set {vxlan} master {BRIDGE} up",
            f"link set dev {vxlan} type bridge_slave learning off neigh_suppress on",
            f"link add link {BRIDGE} name {svi} type vlan id {number}",
            f"link set {svi} addrgenmode none",
        ],
        host.namespace,
    )
    vlan(host, f"add dev {vxlan} vid {number} pvid untagged")


def access(host: Host, name: str, number: int, vlans: int) -> Tenant:
    """Make a tenant whose port is untagged in a VLAN."""
    tenant = host.tenant(name, vni_of(vlans), number, attach=False)
    ip([f"link set {name} master {BRIDGE}"], host.namespace)
    vlan(host, f"add dev {name} vid {vlans} pvid untagged")
    return tenant


def trunk(host: Host, name: str, number: int, *vlans: int) -> Tenant:
    """Make a tenant with an interface eth0.V for each VLAN, and no address on eth0.

    All have the same MAC and the same addresses, each in a namespace of its own for
    what it does: `Inside`.
    """
    tenant = host.tenant(name, vni_of(vlans[0]), number, attach=False)
    ip([f"link set {name} master {BRIDGE}"], host.namespace)
    for each in vlans:
        vlan(host, f"add dev {name} vid {each}")
    tag_interfaces(tenant, number, *vlans)
    return tenant


def tag_interfaces(tenant: Tenant, number: int, *vlans: int) -> None:
    """Give a tenant an interface for each VLAN, and its addresses to them."""
    ip(["addr flush dev eth0"], tenant.namespace)
    for each in vlans:
        ip(
            [
                f"link add link eth0 name eth0.{each} type vlan id {each}",
                f"link set eth0.{each} addrgenmode none up",
                f"addr add 192.168.{each}.{number}/24 dev eth0.{each}",
                f"addr add 2001:db8:{each}::{number:x}/64 dev eth0.{each} nodad",
            ],
            tenant.namespace,
        )


def alike(
    make_lab: MakeLab, prepare_host: Callable[..., None], a: int, b: int
) -> tuple[Lab, list[Evpnd]]:
    """Have a tenant in each of two VLANs on each of two hosts, those of a host alike.

    On host N: aN in the first VLAN and bN in the second, with the same MAC and
    addresses. `prepare_host` makes bridge and devices for the VLANs of a host.
    """
    lab = make_lab(2)
    for host in lab.hosts:
        prepare_host(host, a, b)
        for name, number in (("a", a), ("b", b)):
            access(host, f"{name}{host.number}", 10 + host.number, number)
    daemons = mesh(lab, {1: evis(a, b), 2: evis(a, b)})
    heard(lab.tenants)
    return lab, daemons


def expect_each_other(
    lab: Lab, expect: Callable[[Host, int, list[Tenant]], None], a: int, b: int
) -> None:
    """Wait until each of the hosts that are `alike` has the rows of the other."""
    a1, b1, a2, b2 = lab.tenants
    for host, (in_a, in_b) in ((lab[1], (a2, b2)), (lab[2], (a1, b1))):
        expect(host, a, [in_a])
        expect(host, b, [in_b])


def counter(lab: Lab) -> FrameCounter:
    """Return what counts the frames in the underlay."""
    return FrameCounter(lab.router, Known(lab.known_macs(), lab.known_ips()))


def expect_strangers(lab: Lab, daemon: Evpnd, a: int, b: int) -> None:
    """Let tenants that are `alike` reach their own, with nothing flooded or asked."""
    a1, b1, a2, b2 = lab.tenants
    assert (a1.mac, a1.ip) == (b1.mac, b1.ip)
    for tenant in lab.tenants:
        tenant.forget_neighbors()
    with counter(lab) as counted:
        for here, there in ((a1, a2), (b1, b2)):
            here.expect_ping(there.ip)
            here.expect_ping(there.ip6)
    report = counted.report
    assert report[Kind.KNOWN] > 0
    assert (report[Kind.ANSWERABLE], report[Kind.RESOLUTION]) == (0, 0), report
    assert (report[Kind.FLOODED], report[Kind.BUM]) == (0, 0), report

    for number in (a, b):
        vni = str(vni_of(number))
        shown = {row["mac"]: row["kind"] for row in daemon.show("macs", "--vni", vni)}
        assert shown == {a1.mac: "local", a2.mac: "remote"}
    assert {row["state"] for row in daemon.show("evis")} == {"ready"}
    assert [row["notes"] for row in daemon.show("evis")] == [[], []]


def move(tenant: Tenant, to: Host, number: int) -> None:
    """Migrate a tenant live to another host, to a port that is untagged in a VLAN."""
    ip([f"link set {tenant.name} netns {to.namespace}"], tenant.host.namespace)
    tenant.host.tenants.remove(tenant)
    to.tenants.append(tenant)
    tenant.host = to
    ip(
        [
            f"link set {tenant.name} addrgenmode none",
            f"link set {tenant.name} master {BRIDGE} up",
        ],
        to.namespace,
    )
    vlan(to, f"add dev {tenant.name} vid {number} pvid untagged")


def ports_of(daemon: Evpnd, tenant: Tenant, number: int) -> set[object]:
    """Return the devices where a host has the MAC of a tenant in a VLAN."""
    rows = daemon.show("macs", "--vni", str(vni_of(number)), "--mac", tenant.mac)
    return {row["interface"] for row in rows}


def tagged(frame: bytes, number: int) -> bytes:
    """Put a VLAN tag into a frame."""
    return frame[:12] + b"\x81\x00" + number.to_bytes(2, "big") + frame[12:]


def evis(*vlans: int, **more: object) -> list[dict[str, object]]:
    """Compose the EVIs of VLANs, named by bridge and VLAN."""
    return [
        {"vni": vni_of(each), "bridge": BRIDGE, "vlan": each} | more for each in vlans
    ]


def expect_vlan(host: Host, number: int, tenants: Iterable[Tenant]) -> None:
    """Wait until the rows of a VLAN are those of remote tenants, and no others."""
    there = list(tenants)
    macs = {each.mac: each.host.vtep for each in there}
    expect_vlan_macs(host, number, macs)
    ips = {address: each.mac for each in there for address in (each.ip, each.ip6)}
    expect_vlan_bindings(host, number, ips)


def expect_vlan_macs(host: Host, number: int, macs: dict[str, str]) -> None:
    """Wait until these are the remote MACs of a VLAN, in this VLAN alone."""

    def rows() -> tuple[dict[str, str], set[tuple[str, int | None]]]:
        vxlan = vxlan_of(number)
        return remote_macs(host.namespace, vxlan), bridge_rows(host, number)

    wanted = macs, {(mac, number) for mac in macs}
    wait_until(
        lambda: rows() == wanted,
        CONVERGENCE,
        f"remote MACs {macs} in VLAN {number} of host {host.number}",
        seen=rows,
    )


def bridge_rows(host: Host, number: int) -> set[tuple[str, int | None]]:
    """MACs and VLANs of our bridge rows on the VXLAN device of a VLAN."""
    rows = fdb(host.namespace, vxlan_of(number))
    return {(r.mac, r.vlan) for r in rows if "extern_learn" in r.flags and r.master}


def expect_vlan_bindings(host: Host, number: int, ips: dict[str, str]) -> None:
    """Wait until these are the remote bindings on the VLAN device of a VLAN."""
    wait_until(
        lambda: bindings(host.namespace, svi_of(number)) == ips,
        CONVERGENCE,
        f"bindings {ips} in VLAN {number} of host {host.number}",
        seen=lambda: bindings(host.namespace, svi_of(number)),
    )
