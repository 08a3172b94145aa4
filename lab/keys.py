"""The keys of a topology file: written from containerlab's documentation.

https://containerlab.dev/manual/topo-def-file/ and https://containerlab.dev/manual/nodes/
"""

from collections.abc import Mapping

from lab.model import NAME
from lab.values import (
    LABELS,
    LINES,
    NUMERIC,
    SET,
    SETTINGS,
    SOME_LINES,
    SOME_SET,
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
    scalar,
    text,
    user,
    whole,
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
    r"((\d+\.){3}\d+:)?\d{1,5}(:\d{1,5})?(?(3)(/(tcp|udp|sctp))?)",
    "a port, as in 8080:80/tcp",
)
_folder = pattern(r"/.*", "a path that begins with /")
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
    "exec": SOME_LINES,
    "binds": SOME_SET,
    "volumes": SOME_SET,
    "tmpfs": Each(dict, text, names=_folder),
    "devices": SET,
    "cap-add": SET,
    "privileged": flag,
    "security-opts": SET,
    "cgroupns-mode": choice("host", "private"),
    "cgroup-parent": text,
    "pid-mode": text,
    "shm-size": pattern(
        r"[0-9]+(\.[0-9]*)?\s*([kKmMgG]?[iI]?[bB])?", "a size, as in 64mb"
    ),
    "ports": Each(list, _published),
    "env": SETTINGS,
    "env-files": SOME_SET,
    "user": user,
    "hostname": text,
    "entrypoint": text,
    "cmd": text,
    "labels": LABELS,
    "runtime": choice("docker", "podman"),
    "mgmt-ipv4": address(4),
    "mgmt-ipv6": address(6),
    "network-mode": pattern(
        r"host|none|container:\S+",
        "none, host or container:NODE; without the key it is a bridge",
    ),
    "link-apply-mode": choice("live", "restart", "recreate"),
    "cpu": decimal,
    "cpu-set": text,
    "memory": text,
    "sysctls": NUMERIC,
    "extras": mapping,
    "config": mapping,
    "stages": mapping,
    "dns": mapping,
    "certificate": mapping,
    "healthcheck": mapping,
    "aliases": SET,
    "credentials": mapping,
    "components": items,
}
INNER: Mapping[str, Checks] = {
    "config": {"vars": mapping},
    "certificate": {
        "issue": flag,
        "sans": SET,
        "key-size": number,
        "validity-duration": text,
    },
    "dns": {"servers": SET, "search": SET, "options": SET},
    "credentials": {"username": text, "password": text, "identity-file": text},
}
"""Of keys of a node that are mappings themselves."""
HEALTHCHECK: Checks = {
    "test": LINES,
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
STAGE_EXEC_LISTS: Checks = {"on-enter": SOME_LINES, "on-exit": SOME_LINES}
"""The other form: commands for the container by phase."""
_COMMON: Checks = {
    "type": choice(*LINK_TYPES),
    "mtu": mtu,
    "vars": mapping,
    "labels": LABELS,
}
_BOTH_ENDS: Checks = {
    "ipv4": Each(list, interface_address(4, ""), least=1, most=2, unique=True),
    "ipv6": Each(list, interface_address(6, ""), least=1, most=2, unique=True),
}
BRIEF: Checks = {"mtu": mtu, "vars": mapping, **_BOTH_ENDS, "endpoints": items}
VETH: Checks = {**_COMMON, **_BOTH_ENDS, "endpoints": items}
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
    "vxlan": ("remote", "vni", "dst-port"),
    "vxlan-stitch": ("remote", "vni", "dst-port"),
    "dummy": (),
}
MGMT: Checks = {
    "network": text,
    "bridge": text,
    "ipv4-subnet": network(4, "auto"),
    "ipv6-subnet": network(6, "auto"),
    "ipv4-gw": address(4),
    "ipv6-gw": address(6),
    "ipv4-range": network(4),
    "ipv6-range": network(6),
    "mtu": mtu,
    "external-access": flag,
    "skip-when-unused": flag,
    "driver-opts": Each(dict, scalar),
}


def _name(value: object) -> str | None:
    right = isinstance(value, str) and NAME.fullmatch(value)
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
