"""The keys of a topology file, written from containerlab's documentation.

https://containerlab.dev/manual/topo-def-file/ and https://containerlab.dev/manual/nodes/
"""

import ipaddress
from collections.abc import Callable, Mapping

from lab.checker import (
    Check,
    Depending,
    Keys,
    ListOf,
    MapOf,
    Schema,
    anything,
    being,
    command,
    parsed,
    pattern,
    refused,
    text,
    word,
)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Of labs and of nodes."""
_what = "a name of letters, digits, dots, dashes and underscores"


def _mtu(least: int) -> Check:
    return being(
        f"a number from {least} to 65535",
        lambda v: type(v) is int and (v == 0 or least <= v <= 65535),
    )


def _subnet(
    network: Callable[..., ipaddress.IPv4Network | ipaddress.IPv6Network], family: str
) -> Check:
    # Four addresses: the network's own, a gateway, a node, and broadcast.
    return parsed(
        lambda v: (
            v == "auto" or ("/" in v and network(v, strict=False).num_addresses >= 4)
        ),
        f"auto or an {family} subnet with its prefix length, of 4 addresses or more",
    )


_bind = pattern(
    r"/[^:]+|[^:]+:/[^:]+(:r[ow])?",
    "SOURCE:/TARGET, also with :ro, or /TARGET alone for an empty directory",
)
_health = Keys(
    "healthcheck",
    {
        "test": being(
            "a list of words that begins with CMD or CMD-SHELL",
            lambda v: (
                isinstance(v, list)
                and v[:1] in (["CMD"], ["CMD-SHELL"])
                and not any(map(text, v))
            ),
        ),
        **dict.fromkeys(("start-period", "interval", "timeout", "retries"), anything),
    },
)
NOT_DONE: Mapping[str, str] = {
    **dict.fromkeys(
        ("license", "components", "startup-config"), "is for vendors' images"
    ),
    **dict.fromkeys(("extras", "volumes", "tmpfs"), "is not done; use binds"),
    **dict.fromkeys(
        ("cpu", "cpu-set", "memory", "shm-size"), "is not done: nodes have no limits"
    ),
    **dict.fromkeys(("certificate", "credentials", "devices", "dns"), "is not done"),
    "aliases": "is not done: a node is known by its name",
    "env-files": "is not done; use env",
    "pid-mode": "is not done: every node has processes of its own",
    "ports": "is not done; run what uses them in the node",
    "privileged": "is always true here: programs may do all in their node",
    "restart-policy": "is always: a program that ends is started again",
    "runtime": "is for containers",
    "stages": "is not done: exec runs when all nodes and links are there",
    "startup-delay": "is not done: all nodes come up at once",
    "user": "is root here",
}
"""Keys of a node that only containerlab itself follows."""
AS_IT_IS: Mapping[str, tuple[object, ...]] = {
    "privileged": (True,),
    "restart-policy": ("always", "Always", "unless-stopped", "Unless-stopped"),
    "user": ("root", "0", 0, "0:0", "root:root"),
}
"""Of these, what asks for what is done anyway."""
_NO_EFFECT = (
    *("image-pull-policy", "auto-remove", "cap-add", "security-opts", "config"),
    *("cgroupns-mode", "cgroup-parent", "link-apply-mode"),
    *("enforce-startup-config", "suppress-startup-config"),
)
_NODE = Keys(
    "a node in containerlab",
    {
        **dict.fromkeys((*NOT_DONE, *_NO_EFFECT), anything),
        **dict.fromkeys(("kind", "type", "group", "hostname"), text),
        "image": pattern(r"[A-Za-z0-9][\w.:/@-]*", "the name of an image"),
        "exec": ListOf(command),
        "entrypoint": command,
        "cmd": command,
        "binds": ListOf(_bind),
        "env": MapOf(word, pattern("[^=]+", "the name of a variable")),
        "labels": MapOf(word),
        "sysctls": MapOf(word),
        "healthcheck": _health,
        "network-mode": pattern(
            r"host|none|container:\S+",
            "none, host or container:NODE; without the key it is a bridge",
        ),
        "mgmt-ipv4": parsed(ipaddress.IPv4Address, "an IPv4 address without /"),
        "mgmt-ipv6": parsed(ipaddress.IPv6Address, "an IPv6 address without /"),
    },
)
_by_hand = refused("is not done here; exec with `ip addr add` does it")
_ADDRESSES: Mapping[str, Schema] = {"ipv4": _by_hand, "ipv6": _by_hand}
# containerlab's schema begins at 1; IPv4 (RFC 791), and so Linux, at 68.
_LINK: Mapping[str, Schema] = {**_ADDRESSES, "mtu": _mtu(68), "vars": anything}
_BRIEF = Keys(
    "a link in containerlab",
    {
        **_LINK,
        "endpoints": ListOf(pattern(r"[^\s:]+:\S+", "NODE:INTERFACE"), count=2),
    },
    must=("endpoints",),
)
_END = Keys(
    "an endpoint in containerlab",
    {
        **_ADDRESSES,
        "node": text,
        "interface": text,
        "mac": pattern(
            "[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}){5}",
            "the MAC address of one interface, as 02:00:00:00:00:01",
        ),
        "vars": anything,
    },
    must=("node", "interface"),
)
_VETH = Keys(
    "a link in containerlab",
    {**_LINK, "type": text, "labels": MapOf(word), "endpoints": ListOf(_END, 2)},
    must=("endpoints",),
)


def _link(link: object) -> Schema:
    """Choose the form of a link."""
    kind = link.get("type") if isinstance(link, dict) else None
    if kind not in (None, "veth"):
        return refused(f"{kind} links are not made here, but veth")
    return _BRIEF if kind is None else _VETH


_gateway = refused("is not done: it is the first address of the subnet")
_range = refused("is not done; use mgmt-ipv4 and mgmt-ipv6")
_MGMT = Keys(
    "mgmt in containerlab",
    {
        **dict.fromkeys(("network", "bridge", "external-access"), anything),
        "skip-when-unused": anything,
        "ipv4-subnet": _subnet(ipaddress.IPv4Network, "IPv4"),
        "ipv6-subnet": _subnet(ipaddress.IPv6Network, "IPv6"),
        # IPv6, which the network has, needs as much.
        "mtu": _mtu(1280),
        **dict.fromkeys(("ipv4-gw", "ipv6-gw"), _gateway),
        **dict.fromkeys(("ipv4-range", "ipv6-range"), _range),
        "driver-opts": refused("is for a container engine's network"),
    },
)
FILE = Keys(
    "a topology file in containerlab",
    {
        "name": pattern(NAME, _what),
        "prefix": pattern(f"{NAME}|__lab-name", _what),
        "mgmt": _MGMT,
        "settings": anything,
        "debug": anything,
        "topology": Keys(
            "topology in containerlab",
            {
                "defaults": _NODE,
                "kinds": MapOf(_NODE),
                "groups": MapOf(_NODE),
                "nodes": MapOf(_NODE, pattern(NAME, _what)),
                "links": ListOf(Depending(_link)),
            },
            must=("nodes",),
        ),
    },
    must=("name", "topology"),
)
