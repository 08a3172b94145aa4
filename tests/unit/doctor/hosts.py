"""A host in order, to be changed in one thing."""

from dataclasses import replace
from pathlib import Path

from evpnd.core.evi.links import Links
from evpnd.doctor.daemon import Daemon, Row
from evpnd.doctor.examined import Examined, examine
from evpnd.doctor.facts import Buffer, Feature, Firewall, Host, Route, Tunnel
from evpnd.model.config import Config, PeerConfig, VtepConfig
from evpnd.model.events import LinksDumped
from evpnd.model.ids import FLOOD_MAC, Ip, Peer, parse_ip
from evpnd.model.rows import (
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_PERMANENT,
    BridgePort,
    FdbRow,
    Link,
    VxlanLink,
)
from tests.fakes.host import config as fake_config

VNI = 100
LO, UPLINK, BRIDGE, VXLAN, PORT = 1, 2, 3, 4, 5
VTEP, FAR, HOP, PEER = map(parse_ip, ("10.0.0.1", "10.0.0.2", "10.9.0.1", "10.1.0.2"))
PORT_STATE = BridgePort(learning=False, neigh_suppress=True, forwarding=True)
FLOOD = FdbRow(
    present=True,
    ifindex=VXLAN,
    mac=FLOOD_MAC,
    vlan=0,
    state=NUD_PERMANENT,
    flags=NTF_SELF | NTF_EXT_LEARNED,
    dst=FAR,
)


def link(ifindex: int, name: str, kind: str = "", mtu: int = 1500) -> Link:
    """Return a link that is up."""
    mac = bytes(6) if name == "lo" else bytes((2, 0, 0, 0, 0, ifindex))
    return Link(ifindex, name, kind, True, True, 0, mac, mtu, "")


def links(**changes: Link) -> Links:
    """Return the links of a host; one of the same name is replaced."""
    vxlan = VxlanLink(VNI, VTEP, 4789, learning=False, external=False)
    made = {
        "lo": link(LO, "lo", mtu=65536),
        "eth0": link(UPLINK, "eth0", mtu=1600),
        "br100": link(BRIDGE, "br100", "bridge")._replace(ageing=300.0),
        "vx100": link(VXLAN, "vx100", "vxlan")._replace(
            master=BRIDGE, vxlan=vxlan, port=PORT_STATE
        ),
        "t1": link(PORT, "t1", "veth")._replace(
            master=BRIDGE, port=PORT_STATE._replace(learning=True)
        ),
    } | changes
    found = Links()
    addresses = {(LO, bytes(VTEP)), (UPLINK, bytes(parse_ip("10.9.0.2")))}
    found.replace(LinksDumped(tuple(made.values()), frozenset(addresses)))
    return found


def healthy() -> Host:
    """Return the facts of a host on which nothing is wrong."""
    on = Feature(on=True, changeable=True)
    route = Route(UPLINK, 1600, HOP, local=False)
    return Host(
        links=links(),
        tunnels={VXLAN: Tunnel(0, (0, 0), b"")},
        dropped={},
        filtered=0,
        routes={FAR: route, PEER: route},
        rows={VXLAN: [FLOOD]},
        neighbors=[],
        features={"eth0": {"tx-udp_tnl-segmentation": on}},
        hashed={"eth0": "sdfn"},
        sysctls={},
        udp_sockets=[],
        firewall=Firewall(),
        buffer=Buffer(8 << 20, 8 << 20),
        synchronised=True,
        obstacles=(),
        doubts=(),
    )


def config(**changes: object) -> Config:
    """Return a configuration of that host: one EVI, one peer."""
    given = fake_config()
    (evi,) = given.evis
    mine = replace(
        given,
        path=Path("evpnd.yaml"),
        vtep=VtepConfig(Ip(VTEP)),
        evis=(replace(evi, vxlan="vx100", bridge="br100"),),
        peers=(PeerConfig(Peer("10.1.0.2"), 65000),),
    )
    return replace(mine, **changes)  # type: ignore[arg-type]


def daemon(**changes: Row) -> Daemon:
    """Return what a daemon tells that has one peer, one EVI and one VTEP."""
    peer: Row = {
        "address": "10.1.0.2",
        "state": "established",
        "last_error": None,
        "findings": [],
    }
    evi: Row = {"name": "a", "state": "ready", "reason": None, "vxlan": "vx100"}
    vtep: Row = {
        "vtep": "10.0.0.2",
        "vnis": [VNI],
        "macs": 3,
        "flood": True,
        "peer": "10.1.0.2",
    }
    return Daemon(
        [{**peer, **changes.get("peer", {})}],
        [{"notes": [], **evi, **changes.get("evi", {})}],
        [{**vtep, **changes.get("vtep", {})}],
    )


def seen(
    host: Host | None = None,
    configuration: Config | None = None,
    told: Daemon | None = None,
) -> Examined:
    """Return what checks look at."""
    return examine(host or healthy(), configuration or config(), told)
