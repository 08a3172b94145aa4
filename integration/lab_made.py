"""Hosts whose bridges evpnd makes (`bridges`)."""

import json
from collections.abc import Iterable

from integration.lab import Host, Lab, MakeLab
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import CONVERGENCE
from integration.lab_kernel import link
from integration.lab_netns import run, wait_until
from integration.lab_tenant import Tenant
from integration.lab_vlans import (
    BRIDGE,
    evis,
    svi_of,
    tag_interfaces,
    vni_of,
    vxlan_of,
)

A, B, C = 10, 20, 30
"""VLANs."""
NOBODY = "10.1.0.99"
"""A peer that is not there."""
Vlans = dict[int, str]
"""VLANs of a port, each tagged, untagged or pvid (untagged, and of untagged frames)."""


def ports(host: Host, *more: dict[str, object]) -> list[dict[str, object]]:
    """Compose the ports of a host: an untagged one, and a trunk."""
    number = host.number
    return [
        {"name": f"a{number}", "untagged": A},
        {"name": f"t{number}", "tagged": [A, B]},
        {"name": "later*", "untagged": B},
        *more,
    ]


def compose(
    host: Host, vlans: Iterable[int] = (A, B), *more: dict[str, object]
) -> dict[str, object]:
    """Compose the configuration of a host that is a peer of the others."""
    others = [each.session for each in host.lab.hosts if each is not host]
    others = others or [NOBODY]
    bridge = {"name": BRIDGE, "ports": ports(host, *more)}
    return host.config(*others, evis=evis(*vlans), bridges=[bridge])


def plugged(host: Host, name: str, number: int, in_vlan: int = A) -> Tenant:
    """Make a tenant whose port is in no bridge."""
    return host.tenant(name, vni_of(in_vlan), number, attach=False)


def fabric(make_lab: MakeLab, *more: dict[str, object]) -> tuple[Lab, list[Evpnd]]:
    """Have an untagged tenant aN in VLAN A, and tN tagged in A and B, on each host."""
    lab = make_lab(2)
    for host in lab.hosts:
        plugged(host, f"a{host.number}", 10 + host.number)
        trunk = plugged(host, f"t{host.number}", 20 + host.number)
        tag_interfaces(trunk, 20 + host.number, A, B)
    daemons = [host.evpnd(compose(host, (A, B), *more)) for host in lab.hosts]
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(2)
    return lab, daemons


def port_vlans(host: Host, port: str) -> Vlans:
    found = run(["bridge", "-n", host.namespace, "-j", "vlan", "show", "dev", port])
    told: Vlans = {}
    for each in json.loads(found or "[]"):
        for entry in each["vlans"]:
            flags = entry.get("flags", [])
            word = "pvid" if "PVID" in flags else "tagged"
            if word == "tagged" and "Egress Untagged" in flags:
                word = "untagged"
            last = entry.get("vlanEnd", entry["vlan"])
            told |= dict.fromkeys(range(entry["vlan"], last + 1), word)
    return told


def expect_vlans(host: Host, port: str, wanted: Vlans) -> None:
    wait_until(
        lambda: port_vlans(host, port) == wanted,
        CONVERGENCE,
        f"VLANs {wanted} of {port}",
        seen=lambda: port_vlans(host, port),
    )


def master(host: Host, port: str) -> object:
    found = link(host.namespace, port)
    return None if found is None else found.get("master")


def devices(host: Host) -> set[str]:
    """Return the devices with evpnd's alias."""
    return set(indexes(host))


def indexes(host: Host) -> dict[str, int]:
    """Return the ifindexes of the devices with evpnd's alias."""
    found = json.loads(run(["ip", "-n", host.namespace, "-j", "-d", "link", "show"]))
    return {e["ifname"]: e["ifindex"] for e in found if e.get("ifalias") == "evpnd"}


def pings(lab: Lab) -> None:
    a1, t1, a2, t2 = lab.tenants[:4]
    for address in (a2.ip, a2.ip6):
        a1.expect_ping(address, within=CONVERGENCE)
    for number in (A, B):
        for address in addresses(t2, number):
            t1.expect_ping(address, within=CONVERGENCE)


def addresses(trunk: Tenant, number: int) -> list[str]:
    """Return the addresses of a tenant in a VLAN that it has a tag of."""
    last = trunk.number
    return [f"192.168.{number}.{last}", f"2001:db8:{number}::{last:x}"]


def expect_devices(host: Host, vlans: Iterable[int]) -> None:
    wanted = {BRIDGE}
    for each in vlans:
        wanted |= {vxlan_of(each), svi_of(each)}
    wait_until(
        lambda: devices(host) == wanted,
        CONVERGENCE,
        f"devices {wanted}",
        seen=lambda: devices(host),
    )
