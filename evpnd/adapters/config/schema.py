"""The shape of a configuration file: every key, its type, default and meaning.

`evpnd schema` is made from these models; the text below a field is what an editor
shows. What one value says about another is judged in ``checks``.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from evpnd.adapters.config import types
from evpnd.adapters.config.placeholders import Unfilled
from evpnd.adapters.yaml import values
from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.section import Section
from evpnd.model.config import HOLD_TIME, RESTART_TIME, RING_SIZE
from evpnd.model.ids import RouteTarget
from evpnd.model.numbers import BGP_PORT, RESTART_TIME_MAX


class VtepSection(Section):
    """The local tunnel endpoint. Give an address or an interface."""

    address: types.VtepAddress | None = None
    """IPv4 or IPv6 address that tunnels end at."""
    interface: types.Device | None = None
    """Device to take the address from, such as lo: its lowest IPv4 address, or IPv6.

    Loopback and link-local addresses do not count.
    """
    udp_port: types.Port = 4789
    """UDP port of VXLAN."""


class TtlSecurity(Section):
    """Accept packets only from a peer this near (GTSM, RFC 5082)."""

    hops: Annotated[int, values.whole(1, 255)]
    """How many hops away the peer may be."""


def _ttl_security(value: object) -> object:
    if value is False:
        return None
    if value is True:
        return {"hops": 1}
    if isinstance(value, int):
        return {"hops": value}
    if isinstance(value, dict):
        return value
    raise ValueError(f"expected false or {{hops: 1..255}}, not {describe(value)}")


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _auto_targets(value: object) -> object:
    if value == "auto":
        return {}
    if isinstance(value, dict):
        return value
    raise ValueError(
        f"expected auto or {{import: [...], export: [...]}}, not {describe(value)}"
    )


class MaxRoutesSection(Section):
    """How many routes a peer may send, counted as received, before policies."""

    limit: Annotated[int, values.whole(1, 4294967295)]
    """Maximum number of routes."""
    warn_at: Annotated[int, values.whole(1, 100)] = 80
    """Percent of the limit at which a warning is logged."""
    action: types.MaxRoutesChoice = "warn"
    """warn: log it; reject: reject the surplus; restart: restart the session."""


class PeerSection(Section):
    """A BGP peer."""

    address: types.PeerAddress
    """IPv4 or IPv6 address of the peer."""
    asn: values.Asn
    """AS number of the peer; the local one makes it an iBGP session."""
    description: values.Text | None = None
    """A name, which commands print and policies match."""
    local_address: types.PeerAddress | None = None
    """Local address of the session; default: the kernel's choice."""
    port: types.Port = BGP_PORT
    """TCP port of the peer."""
    passive: values.Flag = False
    """Wait for the peer to connect."""
    hold_time: types.HoldTime = HOLD_TIME
    """Seconds without a message after which the peer is down; 0: never."""
    password_file: values.Text | None = None
    """File with the TCP MD5 key (RFC 2385), relative to this one."""
    ttl_security: Annotated[
        TtlSecurity | None,
        BeforeValidator(_ttl_security),
        values.Also(
            {"type": "boolean"}, {"type": "integer", "minimum": 1, "maximum": 255}
        ),
    ] = None
    """GTSM (RFC 5082): false, a number of hops, or {hops: N}; true is one hop."""
    graceful_restart: Annotated[int, values.whole(0, RESTART_TIME_MAX)] = RESTART_TIME
    """Restart time in seconds (RFC 4724); 0: off."""
    profile: types.ProfileName = "generic"
    """Vendor of the peer: form of automatic route targets, known exceptions."""
    allow_own_as: Annotated[int, values.whole(0, 10)] = 0
    """How often our own AS may be in the AS_PATH of its routes; eBGP only.

    1 for leaves that share an AS behind eBGP spines.
    """
    max_routes: MaxRoutesSection | None = None
    """How many routes the peer may send; default: any number."""
    import_: list[values.Text] = Field(default_factory=list, alias="import")
    """Policies for routes from the peer, in order."""
    export: list[values.Text] = Field(default_factory=list)
    """Policies for routes to the peer, in order."""


_ONE = values.Also({"type": "string"})


def _auto_import() -> list[RouteTarget | int | Literal["auto"] | Unfilled]:
    return ["auto"]


def _auto_export() -> list[RouteTarget | Literal["auto"] | Unfilled]:
    return ["auto"]


class RouteTargetSection(Section):
    """Route targets of an EVI; a missing key is auto."""

    import_: Annotated[
        list[types.ImportTarget], BeforeValidator(_one_or_more), _ONE
    ] = Field(default_factory=_auto_import, alias="import")
    """Targets to import: 65001:10100, 10.0.0.1:7, auto, or *:10100 for any AS."""
    export: Annotated[list[types.ExportTarget], BeforeValidator(_one_or_more), _ONE] = (
        Field(default_factory=_auto_export)
    )
    """Targets to export: 65001:10100, 10.0.0.1:7 or auto."""


class AdvertiseSection(Section):
    """What an EVI announces."""

    macs: values.Flag = True
    """Local MACs, type 2."""
    neighbors: values.Flag = True
    """Local MAC/IP bindings, type 2 with an IP."""
    imet: values.Flag = True
    """Type 3 route, which puts this host into the flood lists of the others."""
    default_gateway: values.Flag = False
    """The bridge's own addresses, with the default gateway community."""


class StaticSection(Section):
    """A tenant that is advertised even before it sends anything."""

    mac: types.StationMac
    """Its MAC address."""
    ip: types.TenantIp | None = None
    """Its IPv4 or IPv6 address."""
    sticky: values.Flag = False
    """The MAC must not move (RFC 7432, 15.2)."""


class EviSection(Section):
    """An EVPN instance: one VNI. Or one for each of `vnis`, all alike.

    `{vni}` and `{vlan}` in name, bridge, vxlan, ports and route targets stand for the
    VNI and the VLAN of each.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["vni"]}, {"required": ["vnis"]}]}
    )

    vni: types.VniNumber | None = None
    """VXLAN Network Identifier."""
    vnis: types.VniRanges | None = None
    """An EVI for each of these VNIs: 10200-10299, or a list: [10200-10299, 10400]."""
    name: types.EviName | None = None
    """Name in tables and metrics; default: vni-VNI."""
    bridge: types.EviDevice | None = None
    """Bridge of the tenants; default: the one that the VXLAN device is in."""
    vxlan: types.EviDevice | None = None
    """VXLAN device; default: the one that carries this VNI."""
    vlan: types.VlanNumber | None = None
    """VLAN of the bridge; default: the one that the VXLAN device has there."""
    vlans: types.VlanRanges | None = None
    """With vnis: the VLAN of each VNI, in the same order, as many as there are VNIs."""
    manage: values.Flag = False
    """Create, configure and remove these two devices."""
    ports: list[types.EviDevice] = Field(default_factory=list)
    """With manage: tenant interfaces to put in the bridge."""
    rd: types.GivenRd = None
    """Route distinguisher: auto (router-id:index), or given as 10.0.0.1:100."""
    route_targets: Annotated[
        RouteTargetSection,
        BeforeValidator(_auto_targets),
        values.Also({"const": "auto"}),
    ] = Field(default_factory=RouteTargetSection)
    """Which routes are imported, and what is exported: auto or a mapping."""
    ethernet_tag: types.EthernetTag | None = None
    """Ethernet Tag of a VLAN in a VLAN-aware bundle (RFC 7432, 6.3).

    Routes are announced with it, and imported with it alone. Default: announced with 0,
    imported with any.
    """
    vrf: types.Device | None = None
    """VRF of `vrfs` that routes the EVI's tenants."""
    suppress: values.Flag = True
    """Answer ARP and ND locally (neigh_suppress)."""
    advertise: AdvertiseSection = Field(default_factory=AdvertiseSection)
    """What is announced to the peers."""
    flood: values.Flag = True
    """Keep a flood list of the remote VTEPs."""
    static: list[StaticSection] = Field(default_factory=list)
    """Tenants to advertise even before they send anything."""
    probe: values.Flag = True
    """Probe silent tenants by ARP and ND."""
    ips_per_mac: Annotated[int, values.whole(0, 1 << 20)] = 64
    """Maximum number of addresses of one local MAC; 0: any number."""
    import_: list[values.Text] = Field(default_factory=list, alias="import")
    """Policies for routes that the EVI imports, in order."""
    export: list[values.Text] = Field(default_factory=list)
    """Policies for routes that the EVI announces, in order."""


class VrfAdvertiseSection(Section):
    """Which routes of a VRF's table are announced as type 5 routes."""

    connected: values.Flag = True
    """Subnets of the VRF's devices (protocol kernel)."""
    static: values.Flag = False
    """Routes with protocol static."""
    kernel: values.Flag = False
    """Routes with protocol boot, which `ip route add` gives."""
    prefixes: list[types.VrfPrefix] = Field(default_factory=list)
    """These, if the table has a route that evpnd did not make."""


class VrfSection(Section):
    """A VRF with an L3 VNI: symmetric IRB (RFC 9135) and type 5 routes (RFC 9136)."""

    name: types.Device
    """Name of the VRF device."""
    vni: types.VniNumber
    """Its L3 VNI."""
    manage: values.Flag = False
    """Create, configure and remove the VRF device and the VXLAN device vxVNI in it."""
    table: types.Table | None = None
    """Routing table; default: the one that the VRF device has."""
    rd: types.GivenRd = None
    """Route distinguisher: auto (router-id:index), or given as 10.0.0.1:100."""
    route_targets: Annotated[
        RouteTargetSection,
        BeforeValidator(_auto_targets),
        values.Also({"const": "auto"}),
    ] = Field(default_factory=RouteTargetSection)
    """Which routes are imported, and what is exported: auto or a mapping."""
    router_mac: types.RouterMac = None
    """MAC that other hosts send to: auto (from VTEP address and VNI), or given."""
    advertise: VrfAdvertiseSection = Field(default_factory=VrfAdvertiseSection)
    """Which routes of the table are announced."""
    import_: list[values.Text] = Field(default_factory=list, alias="import")
    """Policies for routes that the VRF imports, in order."""
    export: list[values.Text] = Field(default_factory=list)
    """Policies for type 5 routes that the VRF announces, in order."""


class BridgePortSection(Section):
    """A port of a bridge, or the ports whose names match a pattern."""

    name: types.PortName
    """Name of a device, or a pattern: vnet*. The most exact name counts."""
    tagged: types.VlanRanges = ()
    """VLANs that the port sends tagged: 100, 100-199, or a list: [100-199, 300]."""
    untagged: types.VlanNumber | None = None
    """VLAN of untagged frames; default: none, they are dropped."""
    attach: values.Flag | None = None
    """Put the port into the bridge; default: true for a name, false for a pattern."""


class BridgeSection(Section):
    """A VLAN-aware bridge that evpnd creates, configures and removes."""

    name: types.Device
    """Name of the bridge."""
    vxlan: types.Device | None = None
    """One VXLAN device for all VNIs; default: a device for each VNI, vxVNI."""
    ports: list[BridgePortSection] = Field(default_factory=list)
    """VLANs of the bridge's ports."""


class DuplicateDetectionSection(Section):
    """When a moving MAC becomes a duplicate (RFC 7432, 15.1)."""

    enabled: values.Flag = True
    """Detect duplicate MACs."""
    moves: Annotated[int, values.whole(1, 1000)] = 5
    """Number of moves within the window that make a duplicate."""
    window: types.Seconds = 180.0
    """Window, in seconds."""
    action: types.DuplicateAction = "warn"
    """warn: log it; freeze: also keep the MAC where it is."""
    freeze_for: types.Seconds = 300.0
    """Seconds until a frozen MAC is released."""


class ControlSection(Section):
    """The socket at which commands reach the daemon."""

    socket: types.SocketPath = "/run/evpnd/evpnd.sock"
    """Path of the Unix socket."""


class MetricsSection(Section):
    """Metrics for Prometheus."""

    listen: types.ListenAddress
    """ADDRESS:PORT of the HTTP server, such as 127.0.0.1:9471 or [::1]:9471."""


class WebSection(Section):
    """The looking glass, for `evpnd web`; the daemon leaves it alone."""

    listen: types.ListenAddress
    """ADDRESS:PORT of the pages, such as 127.0.0.1:9472 or [::1]:9472."""


class LogSection(Section):
    """How the daemon logs."""

    level: types.LogLevel = "info"
    """Lowest level of the lines to log."""
    format: types.LogFormat = "json"
    """json: one object a line; console: readable text."""


class RecordSection(Section):
    """A recording of all events, for `evpnd replay`."""

    file: types.RecordingPath
    """Path of the recording; earlier parts of it are FILE.1, FILE.2 and so on."""
    size: types.RecordingSize = RING_SIZE
    """Size of all parts together, such as 256M; the oldest part is removed for it."""


class ConfigFile(Section):
    """The configuration of evpnd."""

    router_id: types.RouterId | None = None
    """BGP identifier, as an IPv4 address; default: an IPv4 vtep.address."""
    asn: values.Asn
    """Local AS number."""
    vtep: VtepSection
    """The local tunnel endpoint."""
    site_of_origin: types.SiteOfOrigin | None = None
    """Added to all our routes; routes of others that carry it are not installed."""
    peers: list[PeerSection] = Field(json_schema_extra={"minItems": 1})
    """BGP peers, at least one."""
    evis: list[EviSection] = Field(default_factory=list)
    """EVPN instances."""
    vrfs: list[VrfSection] = Field(default_factory=list)
    """VRFs; EVIs name them in `vrf`."""
    bridges: list[BridgeSection] = Field(default_factory=list)
    """VLAN-aware bridges that evpnd creates; EVIs name them in `bridge`."""
    discover: values.Flag = False
    """Turn every VXLAN device with a local address and no learning into an EVI."""
    duplicate_detection: DuplicateDetectionSection = Field(
        default_factory=DuplicateDetectionSection
    )
    """When a moving MAC becomes a duplicate."""
    policies: list[values.Text] = Field(default_factory=list)
    """Policy files, relative to this one; * and ? match names."""
    control: ControlSection = Field(default_factory=ControlSection)
    """The socket at which commands reach the daemon."""
    metrics: MetricsSection | None = None
    """Prometheus metrics; absent: off."""
    web: WebSection | None = None
    """Where `evpnd web` serves its pages; default: 127.0.0.1:9472."""
    log: LogSection = Field(default_factory=LogSection)
    """How the daemon logs."""
    record: RecordSection | None = None
    """Records all events in a file; absent: off."""
