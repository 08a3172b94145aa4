"""Reads all facts about this host at about one time."""

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from evpnd.adapters.host.clock import is_synchronised
from evpnd.adapters.host.ethtool import read_features, read_hashing
from evpnd.adapters.host.firewall import read_firewall
from evpnd.adapters.host.proc import (
    read_drops,
    read_filtered,
    read_sysctls,
    read_udp_sockets,
)
from evpnd.adapters.host.tunnels import read_tunnels
from evpnd.adapters.netlink.dump import dump, dump_links, read_fdb, read_neighbors
from evpnd.adapters.netlink.listener import ROWS_BUFFER
from evpnd.adapters.netlink.parse import parse_neighbors
from evpnd.adapters.netlink.paths import RTN_LOCAL, RTN_UNICAST, find_path
from evpnd.adapters.netlink.rtnl import NDMSG, RTM_GETNEIGH, Ending, open_socket
from evpnd.core.evi.links import Links
from evpnd.doctor.daemon import Daemon
from evpnd.doctor.examined import configured_devices
from evpnd.doctor.facts import Buffer, Firewall, Host, Route
from evpnd.model.config import VXLAN_PORT, Config
from evpnd.model.events import FdbDumped
from evpnd.model.ids import is_host_ip, parse_ip
from evpnd.model.rows import NTF_SELF, FdbRow, NeighborRow


def gather(
    config: Config | None,
    daemon: Daemon | None,
    *,
    obstacles: Sequence[str] = (),
    doubts: Sequence[str] = (),
) -> Host:
    """Return what checks look at.

    `obstacles` and `doubts` say why `evpnd run` would refuse this host. Raises OSError
    where the kernel's tables cannot be read.
    """
    links = Links()
    links.replace(dump_links())
    rows = _rows(links, config)
    wanted: set[bytes] = {
        row.dst for each in rows.values() for row in each if is_host_ip(row.dst)
    }
    if daemon is not None:
        wanted |= {bytes(parse_ip(row["vtep"])) for row in daemon.vteps}
    if config is not None:
        wanted |= {bytes(parse_ip(peer.address)) for peer in config.peers}
    own = config.vtep.udp_port if config is not None else VXLAN_PORT
    names = [link.name for link in links.by_index.values() if link.vxlan is None]
    return Host(
        links=links,
        tunnels=read_tunnels(),
        dropped=read_drops(),
        filtered=read_filtered(),
        routes=read_routes(links, wanted),
        rows=rows,
        neighbors=read_all_neighbors(),
        features={name: read_features(name) for name in names},
        hashed={n: letters for n in names if (letters := read_hashing(n)) is not None},
        sysctls=read_sysctls(_sysctls(links)),
        udp_sockets=read_udp_sockets(frozenset({own})),
        firewall=read_firewall(),
        buffer=_buffer(),
        synchronised=is_synchronised(),
        obstacles=tuple(obstacles),
        doubts=tuple(doubts),
    )


def gather_way(
    config: Config,
    links: Links,
    vteps: Iterable[bytes],
    firewall: Firewall | None = None,
) -> Host:
    """Return what decides whether packets reach VTEPs, and no other fact.

    `firewall` are its rules if they were read before. Raises OSError where the
    kernel's tables cannot be read.
    """
    routes = read_routes(links, vteps)
    devices = {route.ifindex for route in routes.values() if route.ifindex}
    return Host(
        links=links,
        tunnels=read_tunnels(),
        dropped={},
        filtered=0,
        routes=routes,
        rows={},
        neighbors=[r for e in read_neighbors(sorted(devices)) for r in e.rows],
        features={},
        hashed={},
        sysctls={},
        udp_sockets=read_udp_sockets(frozenset({config.vtep.udp_port})),
        firewall=firewall or read_firewall(),
        buffer=Buffer(0, 0),
        synchronised=None,
        obstacles=(),
        doubts=(),
    )


def _rows(links: Links, config: Config | None) -> dict[int, list[FdbRow]]:
    """Read the rows of VXLAN devices, bridge by bridge; large ones are left out."""
    devices = {link.ifindex: link.master for link in configured_devices(links, config)}
    found: dict[int, list[FdbRow]] = {}
    for bridge in sorted({master for master in devices.values() if master}):
        event = read_fdb(bridge)
        if not isinstance(event, FdbDumped):
            continue
        for device, master in devices.items():
            if master == bridge:
                found[device] = []
        for row in event.rows:
            if row.flags & NTF_SELF and row.ifindex in found:
                found[row.ifindex].append(row)
    return found


def read_routes(links: Links, addresses: Iterable[bytes]) -> dict[bytes, Route]:
    """Return where packets for some addresses go."""
    found: dict[bytes, Route] = {}
    with closing(open_socket()) as sock:
        for address in sorted(addresses):
            route = _route(sock, links, address)
            if route is not None:
                found[address] = route
    return found


def _route(sock: socket.socket, links: Links, address: bytes) -> Route | None:
    try:
        path = find_path(sock, address)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        return Route(0, 0, b"", local=False, refused=why)
    if path is None:
        return None
    if path.kind not in (RTN_UNICAST, RTN_LOCAL):
        return Route(0, 0, b"", local=False, refused="no unicast route leads to it")
    link = links.by_index.get(path.ifindex)
    mtu = path.mtu or (link.mtu if link is not None else 0)
    return Route(path.ifindex, mtu, path.gateway, local=path.kind == RTN_LOCAL)


def read_all_neighbors() -> list[NeighborRow]:
    """Read the neighbours of all devices, IPv4 and IPv6."""
    rows: list[NeighborRow] = []

    def take(octets: bytes) -> Ending:
        return parse_neighbors(octets, [], rows)

    dump(RTM_GETNEIGH, NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0), take)
    return rows


def _sysctls(links: Links) -> Iterator[str]:
    yield "net/ipv4/ip_local_port_range"
    yield "net/ipv4/conf/all/rp_filter"
    for family in ("ipv4", "ipv6"):
        yield f"net/{family}/neigh/default/gc_thresh3"
    for link in links.by_index.values():
        yield f"net/ipv4/conf/{link.name}/rp_filter"
        if link.kind == "bridge":
            yield f"net/ipv6/conf/{link.name}/disable_ipv6"


def _buffer() -> Buffer:
    """Return what a socket of evpnd gets of the buffer that it asks for.

    The kernel grants, and tells, twice as much: for its own bookkeeping (socket(7)).
    """
    with closing(open_socket(receive=ROWS_BUFFER)) as sock:
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    return Buffer(ROWS_BUFFER, granted)
