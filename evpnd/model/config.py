"""The configuration as values: checked, defaults filled in, text parsed.

``adapters/config`` makes these from YAML; the core takes them as true.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from evpnd.model.bridges import BridgeConfig
from evpnd.model.ids import Ip, Mac, Peer, Rd, RouteTarget, Vni
from evpnd.model.numbers import BGP_PORT
from evpnd.model.policy import Policy
from evpnd.model.targets import (
    ImportTargets,
    Profile,
    auto_export_target,
    auto_import_targets,
)

VXLAN_PORT = 4789
DEFAULT_FILE = Path("/etc/evpnd/evpnd.yaml")
"""The configuration that commands take where none is named."""
DEFAULT_SOCKET = Path("/run/evpnd/evpnd.sock")


HOLD_TIME = 90
"""Seconds (RFC 4271, section 10)."""
RESTART_TIME = 120
"""Seconds of graceful restart, where nothing else is configured."""


class MaxRoutesAction(Enum):
    """What becomes of more routes than a peer may send."""

    WARN = "warn"
    REJECT = "reject"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class MaxRoutes:
    """How many routes a peer may send, counted before policies."""

    limit: int
    warn_at: int = 80
    """Percent of it."""
    action: MaxRoutesAction = MaxRoutesAction.WARN


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """One BGP peer."""

    address: Peer
    asn: int
    description: str = ""
    local_address: str | None = None
    """None: the kernel's choice."""
    port: int = BGP_PORT
    passive: bool = False
    hold_time: int = HOLD_TIME
    """Seconds; 0: no keepalives."""
    password: str | None = None
    """TCP MD5 key (RFC 2385), read from the password file."""
    ttl_security: int | None = None
    """Hops, 1..255 (RFC 5082); None: off."""
    graceful_restart: int = RESTART_TIME
    """Seconds, 0: off (RFC 4724)."""
    profile: Profile = Profile.GENERIC
    allow_own_as: int = 0
    """How often our own AS may be in the AS_PATH of its routes; eBGP only."""
    max_routes: MaxRoutes | None = None
    """None: any number."""
    import_policies: tuple[str, ...] = ()
    export_policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StaticEntry:
    """A tenant that the YAML names: advertised whether or not it was heard."""

    mac: Mac
    ip: Ip | None = None
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class Advertise:
    """What an EVI announces."""

    macs: bool = True
    neighbors: bool = True
    imet: bool = True
    default_gateway: bool = False


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """What EVIs and VRFs have in common: identity, route targets, policies."""

    vni: Vni
    name: str
    export_targets: tuple[RouteTarget, ...]
    """All of them, `auto` in its plain form."""
    import_targets: ImportTargets
    given_targets: tuple[RouteTarget, ...] | None = None
    """The export targets beside `auto`, which each peer gets in the form of its
    profile; None: there is no `auto` among them."""
    rd: Rd | None = None
    """None: router-id:index."""
    ethernet_tag: int | None = None
    """Of the routes that it announces and imports (RFC 7432, 6.3); None: it announces
    0 and imports any."""
    import_policies: tuple[str, ...] = ()
    export_policies: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is called in sentences."""
        return f"EVI {self.name}"


@dataclass(frozen=True, slots=True)
class VrfAdvertise:
    """Which routes of a VRF's table are announced, by who made them."""

    connected: bool = True
    """Those of the kernel, for subnets of the VRF's devices."""
    static: bool = False
    """Those with the protocol number `static`."""
    kernel: bool = False
    """Those with the protocol number `boot`, as `ip route add` makes them."""
    prefixes: frozenset[bytes] = frozenset()
    """These, whoever made them but evpnd: an address and the length in bits (1
    octet)."""


@dataclass(frozen=True, slots=True)
class VrfConfig(InstanceConfig):
    """One VRF; its VNI is the L3 VNI, its name that of the VRF device."""

    manage: bool = False
    """evpnd makes the VRF device and the VXLAN device of the L3 VNI."""
    table: int | None = None
    """Routing table; None: that of the VRF device."""
    router_mac: Mac | None = None
    """None: derived from VTEP address and VNI."""
    advertise: VrfAdvertise = VrfAdvertise()

    @property
    def title(self) -> str:
        """What it is called in sentences."""
        return f"VRF {self.name}"

    @property
    def vxlan(self) -> str:
        """Name of the VXLAN device that evpnd makes for it."""
        return f"vx{self.vni}"


@dataclass(frozen=True, slots=True)
class EviConfig(InstanceConfig):
    """One EVI, given in the YAML or discovered."""

    bridge: str | None = None
    """None: the bridge that the VXLAN device is in."""
    vxlan: str | None = None
    """None: the VXLAN device that carries the VNI."""
    vlan: int | None = None
    """VLAN of the bridge; None: found."""
    manage: bool = False
    """evpnd makes its bridge and its VXLAN device."""
    made: bool = False
    """It is on a bridge of `bridges`, which evpnd makes with all its devices."""
    ports: tuple[str, ...] = ()
    suppress: bool = True
    advertise: Advertise = Advertise()
    flood: bool = True
    static: tuple[StaticEntry, ...] = ()
    probe: bool = True
    """Ask silent tenants whether they still have their IPs."""
    ips_per_mac: int = 64
    """Most local bindings of one MAC; 0: any number."""
    vrf: VrfConfig | None = None
    """The VRF that its tenants are routed in; None: they are not."""

    @property
    def owns_devices(self) -> bool:
        """Whether evpnd makes its devices, whichever way."""
        return self.manage or self.made


@dataclass(frozen=True, slots=True)
class VtepConfig:
    """The local tunnel endpoint: exactly one of address and interface is given."""

    address: Ip | None
    interface: str | None = None
    udp_port: int = VXLAN_PORT


@dataclass(frozen=True, slots=True)
class DuplicateDetection:
    """When a moving MAC becomes a duplicate (RFC 7432, 15.1)."""

    enabled: bool = True
    moves: int = 5
    window: float = 180.0
    """Window, in seconds."""
    freeze: bool = False
    freeze_for: float = 300.0
    """Window, in seconds."""


RING_SIZE = 256 << 20
"""Octets of a recording, where nothing else is configured."""


@dataclass(frozen=True, slots=True)
class RecordConfig:
    """A recording of all that the core is told."""

    file: Path
    size: int = RING_SIZE
    """Octets that all segments together may have."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How the daemon logs."""

    level: str = "info"
    format: str = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file."""

    path: Path
    asn: int
    router_id: Ip
    """4 octets."""
    vtep: VtepConfig
    peers: tuple[PeerConfig, ...]
    evis: tuple[EviConfig, ...] = ()
    vrfs: tuple[VrfConfig, ...] = ()
    bridges: tuple[BridgeConfig, ...] = ()
    """VLAN-aware bridges that evpnd makes."""
    discover: bool = False
    duplicate_detection: DuplicateDetection = field(default_factory=DuplicateDetection)
    control_socket: Path = DEFAULT_SOCKET
    metrics_listen: tuple[str, int] | None = None
    """Address and port; None: off."""
    log: LogConfig = field(default_factory=LogConfig)
    record: RecordConfig | None = None
    """None: off."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """All that the file names, by their names."""
    site_of_origin: bytes | None = None
    """Extended community that our routes carry and that is not imported; 8 octets."""

    @property
    def profiles(self) -> frozenset[Profile]:
        """The profiles that the peers have."""
        return frozenset(peer.profile for peer in self.peers)


def discovered_evi(config: Config, vni: Vni, vxlan: str) -> EviConfig:
    """Return an EVI that `discover` found the configuration that all defaults give."""
    return EviConfig(
        vni=vni,
        name=f"vni-{vni}",
        export_targets=(auto_export_target(config.asn, vni),),
        import_targets=auto_import_targets(vni, config.profiles),
        given_targets=(),
        vxlan=vxlan,
    )
