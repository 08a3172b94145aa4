"""Keywords of other daemons, mainly FRR, and what replaces them in evpnd.

They are no misspelt keys of ours, and an operator who brings them from another
configuration is not sent after a similar word.
"""

from typing import Final

OUR_KEYS: Final = {
    "as": "asn",
    "local-as": "asn",
    "local-asn": "asn",
    "remote-as": "asn",
    "remote-asn": "asn",
    "peer-as": "asn",
    "neighbors": "peers",
    "neighbor": "peers",
    "vnis": "evis",
    "instances": "evis",
    "id": "vni",
    "ip": "address",
    "local": "address",
    "password": "password-file",
    "md5": "password-file",
    "source-address": "local-address",
    "update-source": "local-address",
    "rt": "route-targets",
    "route-target": "route-targets",
    "dstport": "udp-port",
    "gtsm": "ttl-security",
    "soo": "site-of-origin",
    "duplicates": "duplicate-detection",
    "dup-addr-detection": "duplicate-detection",
    "allowas-in": "allow-own-as",
    "maximum-prefix": "max-routes",
    "holdtime": "hold-time",
    "shared-vxlan-device": "vxlan",
    "neigh-suppress": "suppress",
    "arp-suppression": "suppress",
    "flooding": "flood",
    "head-end-replication": "flood",
    "max-moves": "moves",
    "autort": "profile",
    "bgp-id": "router-id",
    "etag": "ethernet-tag",
    "eth-tag": "ethernet-tag",
    "ethernet-tag-id": "ethernet-tag",
    "vlan-aware-bundle-eth-tag": "ethernet-tag",
    "access": "untagged",
    "bridge-access": "untagged",
    "native": "untagged",
    "pvid": "untagged",
    "bridge-pvid": "untagged",
    "vid": "vlan",
    "vids": "tagged",
    "bridge-vids": "tagged",
    "trunk": "tagged",
    "members": "ports",
    "bridge-ports": "ports",
}
"""Keys by what other daemons call them."""

_POLICIES = "unknown key; name policies in `import` and `export` (evpnd policy --help)"
_SEGMENTS = "not supported: multihoming (Ethernet segments)"
_VRF = (
    "unknown key; write the VRF in `vrfs`, with its L3 VNI as `vni`, and `vrf: NAME` "
    "in its EVIs"
)
_TYPE_5 = (
    "unknown key; `advertise` of a VRF in `vrfs` says which routes of its table are "
    "announced"
)
_REFLECTOR = "not supported: evpnd does not pass routes on; it is no route reflector"
_RAPID = (
    "not supported: use a shorter `hold-time` of the peer to detect failures sooner"
)
_VLANS = (
    "unknown key; write `vlan: 100` in the EVI, and name bridges that evpnd creates "
    "in `bridges`"
)

NOT_OURS: Final = {
    "activate": "not needed: every peer has the family l2vpn evpn",
    "add-path": "not supported: ADD-PATH",
    "addpath-tx-all-paths": "not supported: ADD-PATH",
    "address-family": "not needed: every peer has the family l2vpn evpn",
    "advertise-all-vni": "unknown key; write `discover: true` at the top of the file, "
    "or an EVI for each VNI in `evis`",
    "advertise-default-gw": "unknown key; write `advertise: {default-gateway: true}` "
    "in the EVI",
    "advertise-svi-ip": "not supported as it is; `advertise: {default-gateway: true}` "
    "in the EVI announces the bridge's addresses as default gateway",
    "advertise-pip": "not needed: the next hop is the VTEP address, and the router's "
    "MAC that of this host",
    "as-override": "not supported; on a leaf whose AS is the other leaves' too the "
    "peer does it, or `allow-own-as` of the peer lets their routes in",
    "bestpath": "not supported: the order in which paths are compared is fixed",
    "bfd": _RAPID,
    "capability": "not needed: capabilities are negotiated with the peer",
    "cluster-id": _REFLECTOR,
    "confederation": "not supported: confederations",
    "connect-retry": "not supported: the interval is short and increases automatically",
    "advertise-ipv4-unicast": _TYPE_5,
    "advertise-ipv6-unicast": _TYPE_5,
    "distribute-list": _POLICIES,
    "ebgp-multihop": "not needed: external peers may be any number of hops away; "
    "`ttl-security` bounds it",
    "ebgp-requires-policy": "not needed: without policies, all routes are accepted",
    "encapsulation": "not supported: the encapsulation is always VXLAN",
    "es-id": _SEGMENTS,
    "es-sys-mac": _SEGMENTS,
    "esi": _SEGMENTS,
    "ethernet-segments": _SEGMENTS,
    "segments": _SEGMENTS,
    "ethernet-tag": "unknown key; write it in an EVI of `evis`",
    "filter-list": _POLICIES,
    "prefix-list": _POLICIES,
    "route-map": _POLICIES,
    "gateway": "not supported: anycast gateways; give address and MAC of the gateway "
    "to the bridge",
    "keepalive": "not needed: it is a third of `hold-time`",
    "l3vni": _VRF,
    "listen": "not supported: dynamic peers (`listen range`); give each its address",
    "listen-range": "not supported: dynamic peers; give each its address",
    "mac-holdtime": "not needed: evpnd uses the ageing time of the bridge "
    "(ip link set BRIDGE type bridge ageing_time)",
    "multicast-group": "not supported: multicast underlays; flooding is ingress "
    "replication (`flood: true`)",
    "neigh-holdtime": "not needed: evpnd probes tenants",
    "network": _TYPE_5,
    "next-hop-self": "not needed: the next hop of our routes is the VTEP address, and "
    "evpnd does not pass routes on",
    "next-hop-unchanged": "not needed: evpnd does not pass routes on; "
    "configure it on the spine",
    "peer-group": "not supported; write the values at each peer, or a YAML anchor: "
    "`- {<<: *spines, address: 10.0.0.254}`",
    "redistribute": _TYPE_5,
    "remove-private-as": "not supported: AS paths are not rewritten",
    "route-reflector-client": _REFLECTOR,
    "route-server-client": "not supported: evpnd does not pass routes on",
    "send-community": "not needed: communities are always sent",
    "shutdown": "not supported; remove the peer or comment it out with `#`, and reload",
    "soft-reconfiguration": "not needed: rejected routes are always kept and judged "
    "again at a reload",
    "timers": "unknown key; write `hold-time`; keepalives are sent every third of it",
    "unnumbered": "not supported: unnumbered peers; give the peer's address",
    "vlan": _VLANS,
    "vlans": _VLANS,
    "vlan-aware": _VLANS,
    "vlan-filtering": _VLANS,
    "tunnel-info": _VLANS,
    "weight": "not supported; an import policy sets `local-preference`",
}
"""Words that have no key here, to what there is instead or why there is nothing."""
