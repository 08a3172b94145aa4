"""The keys of a topology file: written from containerlab's documentation.

https://containerlab.dev/manual/topo-def-file/ and https://containerlab.dev/manual/nodes/
"""

from collections.abc import Mapping

from integration.clab.model import NAME
from integration.clab.values import (
    SETTINGS,
    TEXTS,
    Check,
    Each,
    address,
    any_address,
    choice,
    decimal,
    flag,
    image,
    interface_address,
    items,
    mac,
    mapping,
    mtu,
    network,
    number,
    pattern,
    port,
    text,
    whole,
    word,
)

Checks = Mapping[str, Check | Each]

STAGES = ("create", "create-links", "configure", "healthy", "exit")
LINK_TYPES = (
    *("veth", "veth-stitch", "host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch"),
    "dummy",
)
PAIRS = ("veth", "veth-stitch")
"""Links with two ``endpoints``."""
SPECIAL_ENDS = ("host", "mgmt-net", "macvlan")
"""In the brief form, in place of a node's name."""

_published = pattern(
    r"((\d+\.){3}\d+:)?\d{1,5}(-\d{1,5})?(:\d{1,5})?(/(tcp|udp|sctp))?",
    "a port, as in 8080:80/tcp",
)
NODE: Checks = {
    "kind": text,
    "type": text,
    "group": text,
    "image": image,
    "image-pull-policy": choice(
        *("always", "Always", "never", "Never", "ifnotpresent", "IfNotPresent")
    ),
    "restart-policy": choice(
        *("no", "No", "on-failure", "On-failure", "always", "Always"),
        *("unless-stopped", "Unless-stopped"),
    ),
    "license": text,
    "startup-config": text,
    "startup-delay": number,
    "enforce-startup-config": flag,
    "suppress-startup-config": flag,
    "auto-remove": flag,
    "exec": TEXTS,
    "binds": TEXTS,
    "volumes": TEXTS,
    "tmpfs": Each(dict, text),
    "devices": TEXTS,
    "cap-add": TEXTS,
    "privileged": flag,
    "security-opts": TEXTS,
    "cgroupns-mode": choice("host", "private"),
    "cgroup-parent": text,
    "pid-mode": text,
    "shm-size": pattern(
        r"[0-9]+(\.[0-9]*)?\s*([kKmMgG]?[iI]?[bB])?", "a size, as in 64mb"
    ),
    "ports": Each(list, _published),
    "env": SETTINGS,
    "env-files": TEXTS,
    "user": word,
    "hostname": text,
    "entrypoint": text,
    "cmd": text,
    "publish": TEXTS,
    "labels": SETTINGS,
    "runtime": choice("docker", "podman", "ignite"),
    "mgmt-ipv4": address(4),
    "mgmt-ipv6": address(6),
    "mgmt_ipv4": address(4),
    "mgmt_ipv6": address(6),
    "network-mode": text,
    "link-apply-mode": choice("live", "restart", "recreate"),
    "cpu": decimal,
    "cpu-set": text,
    "memory": text,
    "sysctls": SETTINGS,
    "extras": mapping,
    "config": mapping,
    "stages": mapping,
    "dns": mapping,
    "certificate": mapping,
    "healthcheck": mapping,
    "aliases": TEXTS,
    "credentials": mapping,
    "components": items,
    "position": text,
}
INNER: Mapping[str, Checks] = {
    "config": {"vars": mapping},
    "certificate": {
        "issue": flag,
        "sans": TEXTS,
        "key-size": number,
        "validity-duration": text,
    },
    "dns": {"servers": TEXTS, "search": TEXTS, "options": TEXTS},
    "credentials": {"username": text, "password": text, "identity-file": text},
}
"""Of keys of a node that are mappings themselves."""
HEALTHCHECK: Checks = {
    "test": TEXTS,
    "start-period": number,
    "interval": number,
    "timeout": number,
    "retries": number,
}
WAIT_FOR: Checks = {"node": text, "stage": choice(*STAGES)}
STAGE_EXEC: Checks = {
    "command": text,
    "target": choice("container", "host"),
    "phase": choice("on-enter", "on-exit"),
}
STAGE_EXEC_LISTS: Checks = {"on-enter": TEXTS, "on-exit": TEXTS}
"""The other form: commands for the container by phase."""
_COMMON: Checks = {
    "type": choice(*LINK_TYPES),
    "mtu": mtu,
    "vars": mapping,
    "labels": SETTINGS,
}
_BOTH_ENDS: Checks = {
    "ipv4": Each(list, interface_address(4), most=2),
    "ipv6": Each(list, interface_address(6), most=2),
}
BRIEF: Checks = {**_COMMON, **_BOTH_ENDS, "endpoints": items}
VETH = BRIEF
END: Checks = {
    "node": text,
    "interface": text,
    "mac": mac,
    "ipv4": interface_address(4),
    "ipv6": interface_address(6),
    "vars": mapping,
}
_TUNNEL: Checks = {
    "remote": any_address,
    "vni": whole(1, 0xFFFFFF),
    "dst-port": port,
    "udp-port": port,
    "src-port": port,
}
_SINGLE: Mapping[str, Checks] = {
    "host": {"host-interface": text},
    "mgmt-net": {"host-interface": text},
    "macvlan": {
        "host-interface": text,
        "mode": choice("private", "vepa", "bridge", "passthru", "source"),
    },
    "vxlan": _TUNNEL,
    "vxlan-stitch": _TUNNEL,
    "dummy": {},
}
SINGLE: Mapping[str, Checks] = {
    kind: {**_COMMON, **own, "endpoint": mapping} for kind, own in _SINGLE.items()
}
"""Links with one ``endpoint``."""
MANDATORY: Mapping[str, tuple[str, ...]] = {
    "host": ("host-interface",),
    "mgmt-net": ("host-interface",),
    "macvlan": ("host-interface",),
    "vxlan": ("remote", "vni"),
    "vxlan-stitch": ("remote", "vni"),
    "dummy": (),
}
MGMT: Checks = {
    "network": text,
    "bridge": text,
    "ipv4-subnet": network(4),
    "ipv6-subnet": network(6),
    "ipv4-gw": address(4),
    "ipv6-gw": address(6),
    "ipv4-range": network(4),
    "ipv6-range": network(6),
    "mtu": mtu,
    "external-access": flag,
    "skip-when-unused": flag,
    "driver-opts": mapping,
}


def _name(value: object) -> str | None:
    right = word(value) is None and NAME.fullmatch(str(value))
    return None if right else "a name of letters, digits, dots, dashes and underscores"


def _prefix(value: object) -> str | None:
    return None if value in ("", "__lab-name") else _name(value)


TOP: Checks = {
    "name": _name,
    "prefix": _prefix,
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
