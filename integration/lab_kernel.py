"""What the kernel's tables hold, read with iproute2."""

import json
from pathlib import Path
from typing import NamedTuple

from integration.lab_netns import inside, run

FLOOD_MAC = "00:00:00:00:00:00"
EVPND_PROTOCOL = 0xE5


class FdbRow(NamedTuple):
    """A row of ``bridge -j fdb``."""

    mac: str
    device: str
    master: str
    """The bridge, for a bridge row; empty for a row of the device itself."""
    dst: str
    flags: frozenset[str]
    """self, master, extern_learn, sticky, offload ..."""
    state: str
    """permanent, static, or empty: it ages, or extern_learn."""
    vlan: int | None
    src_vni: int | None = None
    """Of a row of a VXLAN device for many VNIs."""


class Neighbor(NamedTuple):
    """A row of ``ip -j neigh``."""

    ip: str
    mac: str
    state: frozenset[str]
    flags: frozenset[str]
    """extern_learn, router, proxy ..."""
    protocol: str


def fdb(namespace: str, device: str | None = None) -> list[FdbRow]:
    """Read the FDB, of one device or of all."""
    where = ["dev", device] if device else []
    rows = json.loads(
        run(["bridge", "-n", namespace, "-j", "fdb", "show", *where]) or "[]"
    )
    return [
        FdbRow(
            row["mac"],
            row.get("ifname", device or ""),
            row.get("master", ""),
            row.get("dst", ""),
            frozenset(row.get("flags", [])),
            row.get("state", ""),
            row.get("vlan"),
            row.get("src_vni"),
        )
        for row in rows
    ]


def remote_macs(namespace: str, vxlan: str) -> dict[str, str]:
    """Map the MACs for which both rows are right to the VTEP they are at.

    Both: the `self` row with the VTEP and the bridge row, each extern_learn.
    A MAC with one row of the two is left out.
    """
    rows = [row for row in fdb(namespace, vxlan) if "extern_learn" in row.flags]
    bridge_rows = {row.mac for row in rows if row.master}
    return {row.mac: row.dst for row in rows if row.dst and row.mac in bridge_rows}


def half_rows(namespace: str, vxlan: str) -> set[str]:
    """MACs with a `self` row and no bridge row, or the other way round."""
    rows = [row for row in fdb(namespace, vxlan) if "extern_learn" in row.flags]
    bridge_rows = {row.mac for row in rows if row.master}
    own_rows = {row.mac for row in rows if row.dst and row.mac != FLOOD_MAC}
    return bridge_rows ^ own_rows


def flood_list(namespace: str, vxlan: str) -> set[str]:
    """Read which VTEPs get a copy of each BUM frame."""
    return {
        row.dst
        for row in fdb(namespace, vxlan)
        if row.mac == FLOOD_MAC and row.dst and row.state == "permanent"
    }


def local_macs(namespace: str, port: str) -> set[str]:
    """MACs that the bridge learned at a port."""
    return {
        row.mac
        for row in fdb(namespace, port)
        if row.master and row.state != "permanent"
    }


def neighbors(namespace: str, device: str) -> dict[str, Neighbor]:
    """Map IPs to the neighbours of a device."""
    rows = json.loads(
        run(["ip", "-n", namespace, "-d", "-j", "neigh", "show", "dev", device]) or "[]"
    )
    return {
        row["dst"]: Neighbor(
            row["dst"],
            row.get("lladdr", ""),
            frozenset(row.get("state", [])),
            frozenset(key for key, value in row.items() if value is None),
            str(row.get("protocol", "")),
        )
        for row in rows
    }


def bindings(namespace: str, bridge: str) -> dict[str, str]:
    """Map remote IPs to MACs: the NOARP extern_learn neighbours of ours."""
    return {
        row.ip: row.mac
        for row in neighbors(namespace, bridge).values()
        if "NOARP" in row.state
        and "extern_learn" in row.flags
        and row.protocol == str(EVPND_PROTOCOL)
    }


def link(namespace: str, device: str) -> dict[str, object] | None:
    """``ip -d -j link show dev``; None where there is no such device."""
    found: list[dict[str, object]] = json.loads(
        run(["ip", "-n", namespace, "-d", "-j", "link", "show"])
    )
    return next((each for each in found if each.get("ifname") == device), None)


def port_setting(namespace: str, device: str, name: str) -> object:
    """Read a bridge port's setting, as learning; None without a port."""
    found = link(namespace, device)
    info = found.get("linkinfo") if found else None
    ports = info.get("info_slave_data") if isinstance(info, dict) else None
    return ports.get(name) if isinstance(ports, dict) else None


def bgp_connections(namespace: str) -> set[tuple[str, str]]:
    """Read the established TCP connections with port 179 at either end, as hex.

    The same pairs of address and port later: the sessions were not interrupted.
    """
    with inside(namespace):
        lines = [
            line.split()
            for family in ("tcp", "tcp6")
            for line in Path("/proc/thread-self/net", family).read_text().splitlines()
        ]
    return {
        (local, remote)
        for _, local, remote, state, *_ in lines
        if state == "01" and "00B3" in (local[-4:], remote[-4:])
    }
