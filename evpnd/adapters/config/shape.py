"""The shape of a configuration, and the wording of its shape errors."""

from typing import Final

from evpnd.adapters.config import schema
from evpnd.adapters.config.foreign_words import NOT_OURS, OUR_KEYS
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.section import Section
from evpnd.adapters.yaml.shape import Shape
from evpnd.model.ids import VNI_MAX

_CONFIG_EXAMPLES: Final = {
    "asn": "asn: 65001",
    "vtep": "vtep: {address: 10.0.0.1}",
    "peers": "peers: [{address: 10.0.0.254, asn: 65000}]",
    "address": "address: 10.0.0.254",
    "bridges.name": "name: br0",
    "vrfs.name": "name: red",
    "vrfs.vni": "vni: 9999",
    "ports.name": "name: bond0",
    "mac": "mac: 02:00:00:00:00:01",
    "hops": "hops: 1",
    "listen": "listen: 127.0.0.1:9471",
    "file": "file: /var/lib/evpnd/recording",
}
_CONFIG_SECTIONS: Final[dict[str, type[Section]]] = {
    "vtep": schema.VtepSection,
    "peers": schema.PeerSection,
    "ttl-security": schema.TtlSecurity,
    "evis": schema.EviSection,
    "route-targets": schema.RouteTargetSection,
    "advertise": schema.AdvertiseSection,
    "static": schema.StaticSection,
    "vrfs": schema.VrfSection,
    "bridges": schema.BridgeSection,
    "ports": schema.BridgePortSection,
    "duplicate-detection": schema.DuplicateDetectionSection,
    "control": schema.ControlSection,
    "metrics": schema.MetricsSection,
    "web": schema.WebSection,
    "log": schema.LogSection,
    "record": schema.RecordSection,
}


def _config_stand_in(hole: KeyPath) -> int | str | None:
    match hole:
        case ("asn",) | ("peers", _, "asn"):
            return 1
        case ("evis", int(index), "vni" | "vnis"):
            # Distinct, and out of the way of the VNIs that people choose.
            return VNI_MAX - index
        case ("bridges", int(index), "name"):
            return f"bridge#{index}"
        case ("vrfs", int(index), "name"):
            return f"vrf#{index}"
        case ("vrfs", int(index), "vni"):
            return VNI_MAX // 2 - index
        case _:
            return None


CONFIG: Final = Shape(
    model=schema.ConfigFile,
    first="asn:",
    examples=_CONFIG_EXAMPLES,
    sections=_CONFIG_SECTIONS,
    other_words=OUR_KEYS,
    not_ours=NOT_OURS,
    absent={"vtep": {}, "peers": []},
    stand_in=_config_stand_in,
)
