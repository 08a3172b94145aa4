"""A host with a VRF: its configuration, and what peers say of prefixes and hosts."""

from dataclasses import replace

from evpnd.core.vrf.ip_vrf import IpVrf
from evpnd.model.communities import ROUTER_MAC
from evpnd.model.config import Config, VrfAdvertise, VrfConfig
from evpnd.model.events import Event, UpdateReceived
from evpnd.model.ids import Peer, parse_ip, parse_prefix, parse_rd, parse_vni
from evpnd.model.packed import Octets8
from evpnd.model.routes import IpPrefixRoute, MacIpBatch, PathAttributes, Update
from evpnd.model.targets import auto_export_target, auto_import_targets
from tests.fakes.host import NO_ESI, NO_TAG, PEERS, TARGET, VNI, VTEP, Host, config
from tests.fakes.vrf_kernel import L3_VNI, VrfKernel

LABEL = L3_VNI.to_bytes(3)
VRF_TARGET = auto_export_target(65000, L3_VNI)
PEER = PEERS[0]


def vrf_config(**advertise: object) -> VrfConfig:
    return VrfConfig(
        vni=parse_vni(L3_VNI),
        name="red",
        export_targets=(VRF_TARGET,),
        import_targets=auto_import_targets(L3_VNI),
        given_targets=(),
        advertise=VrfAdvertise(**advertise),  # type: ignore[arg-type]
    )


def configuration(vrf: VrfConfig | None = None, **changes: object) -> Config:
    """One EVI in a VRF."""
    vrf = vrf or vrf_config()
    plain = config(**changes)
    evis = tuple(replace(evi, vrf=vrf) for evi in plain.evis)
    return replace(plain, evis=evis, vrfs=(vrf,))


def routed(
    kernel: VrfKernel | None = None, vrf: VrfConfig | None = None, **changes: object
) -> Host:
    host = Host(kernel or VrfKernel(VTEP), configuration(vrf, **changes))
    host.up()
    return host


def kernel_of(host: Host) -> VrfKernel:
    assert isinstance(host.kernel, VrfKernel)
    return host.kernel


def ip_vrf(host: Host) -> IpVrf:
    return host.engine.ip_vrfs.vrfs[L3_VNI]


def router_mac(number: int) -> bytes:
    return bytes((2, 0x99, 0, 0, 0, number))


def attributes(vtep: str, mac: int = 0, **more: object) -> PathAttributes:
    """Return what routes of a VTEP say; its router's MAC is that of its last octet."""
    number = mac or int(vtep.rpartition(".")[2])
    said: dict[str, object] = {
        "route_targets": (TARGET, VRF_TARGET),
        "extended_communities": Octets8(ROUTER_MAC + router_mac(number)),
    }
    return PathAttributes(parse_ip(vtep), **(said | more))  # type: ignore[arg-type]


def prefix_route(vtep: str, text: str, gateway: bytes = b"") -> IpPrefixRoute:
    prefix = parse_prefix(text)
    address, bits = prefix[:-1], prefix[-1]
    return IpPrefixRoute(
        *(parse_rd(f"{vtep}:{L3_VNI}"), NO_ESI, NO_TAG, bits, address),
        *(gateway or bytes(len(address)), LABEL),
    )


def announce_prefixes(
    vtep: str,
    *texts: str,
    peer: Peer = PEER,
    path: PathAttributes | None = None,
) -> Event:
    said = path or attributes(vtep, route_targets=(VRF_TARGET,))
    routes = [prefix_route(vtep, text) for text in texts]
    return UpdateReceived(peer, Update(said, [], list(routes), [], []))


def withdraw_prefixes(vtep: str, *texts: str, peer: Peer = PEER) -> Event:
    routes = [prefix_route(vtep, text) for text in texts]
    return UpdateReceived(peer, Update(None, [], [], [], list(routes)))


def announce_hosts(
    vtep: str,
    *keys: bytes,
    peer: Peer = PEER,
    path: PathAttributes | None = None,
    labels: bytes = VNI.to_bytes(3) + LABEL,
) -> Event:
    """Announce MACs with IPs, as symmetric IRB has them."""
    batch = MacIpBatch(parse_rd(f"{vtep}:{VNI}"), NO_TAG, NO_ESI, labels, list(keys))
    return UpdateReceived(peer, Update(path or attributes(vtep), [batch], [], [], []))


def withdraw_hosts(vtep: str, *keys: bytes, peer: Peer = PEER) -> Event:
    batch = MacIpBatch(parse_rd(f"{vtep}:{VNI}"), NO_TAG, b"", b"", list(keys))
    return UpdateReceived(peer, Update(None, [], [], [batch], []))
