"""The keys of a topology file, written from containerlab's documentation.

https://containerlab.dev/manual/topo-def-file/ and https://containerlab.dev/manual/nodes/
"""

import re
from collections.abc import Mapping

from lab.checker import (
    Checks,
    Each,
    being,
    choice,
    flag,
    ipv4_address,
    ipv4_network,
    ipv6_address,
    ipv6_network,
    items,
    label,
    mapping,
    number,
    pattern,
    setting,
    text,
    word,
)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Of labs and of nodes."""
_what = "a name of letters, digits, dots, dashes and underscores"
_LINES = Each(list, text, least=1)
_SET = Each(list, text, unique=True)


# containerlab's schema begins at 1; IPv4 (RFC 791), and so Linux, at 68.
_mtu = being(
    "a number from 68 to 65535",
    lambda v: type(v) is int and (v == 0 or 68 <= v <= 65535),
)
_pairs = pattern(
    r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}",
    "a MAC address of pairs, as in 02:00:00:00:00:01",
)
_of_one = being(
    "the MAC address of one interface, of no group",
    lambda v: not int(v[:2], 16) & 1 and re.sub("[:-]", "", v) != 12 * "0",
)


def _mac(value: object) -> str | None:
    return _pairs(value) or _of_one(value)


NODE: Checks = {
    "kind": text,
    "type": text,
    "group": text,
    "image": pattern(r"([A-Za-z0-9][\w.:/@-]*)?", "the name of an image"),
    "exec": _LINES,
    "binds": Each(list, text, least=1, unique=True),
    "env": Each(dict, setting),
    "labels": Each(dict, label),
    "sysctls": Each(dict, word),
    "hostname": text,
    "entrypoint": text,
    "cmd": text,
    "healthcheck": mapping,
    "network-mode": pattern(
        r"host|none|container:\S+",
        "none, host or container:NODE; without the key it is a bridge",
    ),
    "mgmt-ipv4": ipv4_address,
    "mgmt-ipv6": ipv6_address,
    # These change nothing here.
    "image-pull-policy": choice(
        *("always", "Always", "never", "Never", "ifnotpresent", "IfNotPresent")
    ),
    "auto-remove": flag,
    "cap-add": _SET,
    "security-opts": _SET,
    "cgroupns-mode": choice("host", "private"),
    "cgroup-parent": text,
    "enforce-startup-config": flag,
    "suppress-startup-config": flag,
    "link-apply-mode": choice("live", "restart", "recreate"),
    "config": mapping,
}
NOT_DONE: Mapping[str, str] = {
    "license": "is for vendors' images",
    "components": "is for vendors' images",
    "startup-config": "is for vendors' images; use binds",
    "extras": "is not done; use binds",
    "env-files": "is not done; use env",
    "volumes": "is not done; use binds",
    "tmpfs": "is not done; /run and /tmp are such, and a bind without source is empty",
    "devices": "is not done",
    "pid-mode": "is not done: every node has processes of its own",
    "stages": "is not done: exec runs when all nodes and links are there",
    "startup-delay": "is not done: all nodes come up at once",
    "restart-policy": "is not done: a program that ends is started again",
    "aliases": "is not done: a node is known by its name",
    "ports": "publishes ports of a container; here, run what uses them in the node",
    "user": "is not done: programs run as root",
    "privileged": "is always true here: programs may do all in their node",
    "runtime": "chooses a container engine; there is none here",
    "cpu": "is not done: a node has no limits here",
    "cpu-set": "is not done: a node has no limits here",
    "memory": "is not done: a node has no limits here",
    "shm-size": "is not done: a node has no limits here",
    "dns": "is not done: a node has the machine's resolv.conf",
    "certificate": "is not done: a node gets no certificate",
    "credentials": "is not done: there is nothing to log in to",
}
"""Keys of a node that only containerlab itself follows."""
AS_IT_IS: Mapping[str, tuple[object, ...]] = {
    "user": ("root", "0", 0, "0:0", "root:root"),
    "privileged": (True,),
    "restart-policy": ("always", "Always", "unless-stopped", "Unless-stopped"),
    "certificate": ({"issue": False},),
}
"""Of these, what asks for what is done anyway."""
ANY_NODE: Checks = {**NODE, **dict.fromkeys(NOT_DONE, lambda _: None)}
HEALTHCHECK: Checks = {
    "test": Each(list, text),
    "start-period": number,
    "interval": number,
    "timeout": number,
    "retries": number,
}
LINKS = (
    *("veth", "veth-stitch", "host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch"),
    "dummy",
)
"""Those that containerlab has; here there is the first."""
BRIEF: Checks = {"endpoints": items, "mtu": _mtu, "vars": mapping}
VETH: Checks = {**BRIEF, "type": text, "labels": Each(dict, label)}
END: Checks = {"node": text, "interface": text, "mac": _mac, "vars": mapping}
_BY_HAND = "is not done here; exec with `ip addr add` does it"
ADDRESSES: Mapping[str, str] = {"ipv4": _BY_HAND, "ipv6": _BY_HAND}
"""Not done, of links and of their ends."""
MGMT: Checks = {
    "network": text,
    "bridge": text,
    "ipv4-subnet": ipv4_network,
    "ipv6-subnet": ipv6_network,
    "mtu": _mtu,
    "external-access": flag,
    "skip-when-unused": flag,
}
MGMT_NOT_DONE: Mapping[str, str] = {
    **dict.fromkeys(
        ("ipv4-gw", "ipv6-gw"), "is not done: it is the first address of the subnet"
    ),
    **dict.fromkeys(
        ("ipv4-range", "ipv6-range"), "is not done; use mgmt-ipv4 and mgmt-ipv6"
    ),
    "driver-opts": "is for a container engine's network, which this is not",
}
TOP: Checks = {
    "name": pattern(NAME, _what),
    "prefix": pattern(rf"({NAME})?|__lab-name", _what),
    "mgmt": mapping,
    "settings": mapping,
    "debug": flag,
    "topology": mapping,
}
TOPOLOGY: Checks = {
    "defaults": mapping,
    "kinds": mapping,
    "groups": mapping,
    "nodes": mapping,
    "links": items,
}
