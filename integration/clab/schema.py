"""What may stand in a topology file: written from containerlab's documentation.

https://containerlab.dev/manual/topo-def-file/ and https://containerlab.dev/manual/nodes/
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

from evpnd.adapters.config_yaml.errors import ConfigError, KeyPath
from evpnd.adapters.config_yaml.reader import Document, describe
from evpnd.adapters.config_yaml.scalars import Nothing
from integration.clab.kinds import KINDS
from integration.clab.model import NAME

Check = Callable[[object], str | None]
"""Gives what is wanted instead, or None where the value is right."""
Checks = dict[str, Check]

STAGES = ("create", "create-links", "configure", "healthy", "exit")
LINK_TYPES = (
    *("veth", "host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch", "dummy"),
)
SPECIAL_ENDS = ("host", "mgmt-net", "macvlan")
"""In the brief form, in place of a node's name."""
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def _text(value: object) -> str | None:
    return None if isinstance(value, str) else "text"


def _word(value: object) -> str | None:
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return None if plain else "text or a number"


def _flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _number(value: object) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if whole else "a whole number"


def _decimal(value: object) -> str | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return None if plain else "a number"


def _texts(value: object) -> str | None:
    right = isinstance(value, list) and all(_word(item) is None for item in value)
    return None if right else "a list of text"


def _words(value: object) -> str | None:
    right = isinstance(value, dict) and all(
        isinstance(item, str | int | float) for item in value.values()
    )
    return None if right else "a mapping of names to text or numbers"


def _mapping(value: object) -> str | None:
    return None if isinstance(value, dict) else "a mapping"


def _addresses(value: object, version: int) -> str | None:
    try:
        found = [ipaddress.ip_interface(item) for item in value]  # type: ignore[attr-defined]
        right = all(each.version == version for each in found)
    except (TypeError, ValueError):
        right = False
    return None if right else f"an IPv{version} address with its prefix length"


def _network(value: object) -> str | None:
    try:
        ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return None if value == "auto" else "a subnet, or auto"
    return None


def _choice(*words: str) -> Check:
    def check(value: object) -> str | None:
        return None if value in words else "one of " + ", ".join(words)

    return check


NODE: Checks = {
    "kind": _text,
    "type": _text,
    "group": _text,
    "image": _text,
    "image-pull-policy": _choice(
        *("always", "Always", "never", "Never", "ifnotpresent", "IfNotPresent")
    ),
    "restart-policy": _choice("no", "on-failure", "always", "unless-stopped"),
    "license": _text,
    "startup-config": _text,
    "startup-delay": _number,
    "enforce-startup-config": _flag,
    "suppress-startup-config": _flag,
    "auto-remove": _flag,
    "exec": _texts,
    "binds": _texts,
    "volumes": _texts,
    "devices": _texts,
    "cap-add": _texts,
    "shm-size": _text,
    "ports": _texts,
    "env": _words,
    "env-files": _texts,
    "user": _word,
    "entrypoint": _text,
    "cmd": _text,
    "publish": _texts,
    "labels": _words,
    "runtime": _choice("docker", "podman", "ignite"),
    "mgmt-ipv4": _text,
    "mgmt-ipv6": _text,
    "mgmt_ipv4": _text,
    "mgmt_ipv6": _text,
    "network-mode": _text,
    "cpu": _decimal,
    "cpu-set": _text,
    "memory": _text,
    "sysctls": _words,
    "extras": _mapping,
    "config": _mapping,
    "stages": _mapping,
    "dns": _mapping,
    "certificate": _mapping,
    "healthcheck": _mapping,
    "aliases": _texts,
    "credentials": _mapping,
    "components": lambda value: None if isinstance(value, list) else "a list",
    "position": _text,
}
HEALTHCHECK: Checks = {
    "test": _texts,
    "start-period": _number,
    "interval": _number,
    "timeout": _number,
    "retries": _number,
}
WAIT_FOR: Checks = {"node": _text, "stage": _choice(*STAGES)}
STAGE_EXEC: Checks = {
    "command": _text,
    "target": _choice("container", "host"),
    "phase": _choice("on-enter", "on-exit"),
}
_COMMON: Checks = {
    "type": _choice(*LINK_TYPES),
    "mtu": _number,
    "vars": _mapping,
    "labels": _words,
}
BRIEF: Checks = _COMMON | {
    "ipv4": lambda value: _addresses(value, 4),
    "ipv6": lambda value: _addresses(value, 6),
}
END: Checks = {
    "node": _text,
    "interface": _text,
    "mac": lambda value: (
        None if isinstance(value, str) and _MAC.fullmatch(value) else "a MAC address"
    ),
    "ipv4": lambda value: _addresses([value], 4),
    "ipv6": lambda value: _addresses([value], 6),
    "vars": _mapping,
}
_TUNNEL: Checks = {
    "remote": _text,
    "vni": _number,
    "dst-port": _number,
    "src-port": _number,
    "udp-port": _number,
}
SINGLE: dict[str, Checks] = {
    "host": {"host-interface": _text},
    "mgmt-net": {"host-interface": _text},
    "macvlan": {
        "host-interface": _text,
        "mode": _choice("private", "vepa", "bridge", "passthru", "source"),
    },
    "vxlan": _TUNNEL,
    "vxlan-stitch": _TUNNEL,
    "dummy": {},
}
"""Links with one ``endpoint``, and their own keys."""
MANDATORY: Mapping[str, tuple[str, ...]] = {
    "host": ("host-interface",),
    "mgmt-net": ("host-interface",),
    "macvlan": ("host-interface",),
    "vxlan": ("remote", "vni"),
    "vxlan-stitch": ("remote", "vni"),
    "dummy": (),
}
MGMT: Checks = {
    "network": _text,
    "bridge": _text,
    "ipv4-subnet": _network,
    "ipv6-subnet": _network,
    "ipv4-gw": _text,
    "ipv6-gw": _text,
    "ipv4-range": _text,
    "ipv6-range": _text,
    "mtu": _number,
    "external-access": _flag,
    "driver-opts": _mapping,
}
TOP: Checks = {
    "name": lambda value: (
        None
        if isinstance(value, str) and NAME.fullmatch(value)
        else "a name of letters, digits, dots, dashes and underscores"
    ),
    "prefix": _text,
    "mgmt": _mapping,
    "settings": _mapping,
    "topology": _mapping,
}
TOPOLOGY: Checks = {
    "defaults": _mapping,
    "kinds": _mapping,
    "groups": _mapping,
    "nodes": _mapping,
    "links": lambda value: None if isinstance(value, list) else "a list",
}


def absent(value: object) -> bool:
    """Tell whether a key has no value: as if it were not there."""
    return value is None or isinstance(value, Nothing)


class Validator:
    """Collects all that is wrong with a document."""

    def __init__(self, document: Document) -> None:
        """Nothing is wrong as yet."""
        self.document = document
        self.errors: list[ConfigError] = list(document.errors)

    def wrong(self, key: KeyPath, reason: str) -> None:
        """Note an error."""
        self.errors.append(self.document.error(key, reason))

    def known(
        self, value: object, checks: Checks, key: KeyPath, what: str
    ) -> dict[str, object]:
        """Check a mapping; gives the entries that are right and have a value."""
        if not isinstance(value, dict):
            self.wrong(key, f"must be a mapping, not {describe(value)}")
            return {}
        right: dict[str, object] = {}
        for name, entry in value.items():
            check = checks.get(name)
            if check is None:
                self.wrong((*key, name), f"is no key of {what} in containerlab")
            elif absent(entry):
                continue
            elif wanted := check(entry):
                self.wrong((*key, name), f"must be {wanted}, not {describe(entry)}")
            else:
                right[name] = entry
        return right

    def validate(self) -> None:
        """Check the whole document."""
        top = self.known(self.document.value, TOP, (), "a topology file")
        for name in ("name", "topology"):
            if name not in top and not self.errors:
                self.wrong((), f"{name} is missing")
        if "mgmt" in top:
            self.known(top["mgmt"], MGMT, ("mgmt",), "mgmt")
        body = self.known(top.get("topology", {}), TOPOLOGY, ("topology",), "topology")
        for section in ("kinds", "groups", "nodes"):
            for name, node, key in self._entries(body.get(section, {}), section):
                if section == "kinds":
                    self._kind(name, key)
                if section == "nodes" and not NAME.fullmatch(name):
                    self.wrong(key, "is no name for a node")
                if not absent(node):
                    self._node(node, key)
        if "defaults" in body:
            self._node(body["defaults"], ("topology", "defaults"))
        links = body.get("links", [])
        nodes = body.get("nodes", {})
        if isinstance(links, list) and isinstance(nodes, dict):
            for index, link in enumerate(links):
                self._link(link, ("topology", "links", index), nodes)

    @staticmethod
    def _entries(section: object, name: str) -> Iterator[tuple[str, object, KeyPath]]:
        if isinstance(section, dict):
            for key, value in section.items():
                yield key, value, ("topology", name, key)

    def _kind(self, kind: object, key: KeyPath) -> None:
        if kind not in KINDS:
            self.wrong(key, f"{describe(kind)} is no kind that containerlab documents")

    def _node(self, value: object, key: KeyPath) -> None:
        node = self.known(value, NODE, key, "a node")
        if "kind" in node:
            self._kind(node["kind"], (*key, "kind"))
        mode = str(node.get("network-mode", "none"))
        if mode not in ("none", "host", "bridge") and not mode.startswith("container:"):
            self.wrong(
                (*key, "network-mode"), "must be none, host, bridge or container:NODE"
            )
        if "healthcheck" in node:
            inner = (*key, "healthcheck")
            found = self.known(node["healthcheck"], HEALTHCHECK, inner, "healthcheck")
            test = found.get("test")
            if isinstance(test, list) and test[:1] not in (["CMD"], ["CMD-SHELL"]):
                self.wrong((*inner, "test"), "must begin with CMD or CMD-SHELL")
        if "stages" in node:
            self._stages(node["stages"], (*key, "stages"))

    def _stages(self, value: object, key: KeyPath) -> None:
        stages = self.known(value, dict.fromkeys(STAGES, _mapping), key, "stages")
        for name, stage in stages.items():
            inner = (*key, name)
            lists: Checks = dict.fromkeys(
                ("wait-for", "exec"),
                lambda value: None if isinstance(value, list) else "a list",
            )
            found = self.known(stage, lists, inner, "a stage")
            for part, checks, must in (
                ("wait-for", WAIT_FOR, ("node", "stage")),
                ("exec", STAGE_EXEC, ("command",)),
            ):
                items = found.get(part, [])
                for index, item in enumerate(items if isinstance(items, list) else []):
                    place = (*inner, part, index)
                    entry = self.known(item, checks, place, part)
                    self._mandatory(entry, must, place)

    def _mandatory(
        self, entry: Mapping[str, object], names: tuple[str, ...], key: KeyPath
    ) -> None:
        for name in names:
            if name not in entry:
                self.wrong(key, f"{name} is missing")

    def _link(self, link: object, key: KeyPath, nodes: Mapping[str, object]) -> None:
        if not isinstance(link, dict):
            self.wrong(key, f"must be a mapping, not {describe(link)}")
            return
        kind = link.get("type", "veth")
        if "type" not in link:
            self._brief(link, key, nodes)
        elif kind == "veth":
            found = self.known(link, _COMMON | {"endpoints": _pair}, key, "a veth link")
            self._mandatory(found, ("endpoints",), key)
            ends = found.get("endpoints", [])
            for index, end in enumerate(ends if isinstance(ends, list) else []):
                self._end(end, (*key, "endpoints", index), nodes)
        elif isinstance(kind, str) and kind in SINGLE:
            checks = _COMMON | SINGLE[kind] | {"endpoint": _mapping}
            found = self.known(link, checks, key, f"a {kind} link")
            self._mandatory(found, ("endpoint", *MANDATORY[kind]), key)
            if "endpoint" in found:
                self._end(found["endpoint"], (*key, "endpoint"), nodes)
        else:
            self.wrong((*key, "type"), "must be one of " + ", ".join(LINK_TYPES))

    def _brief(
        self, link: Mapping[str, object], key: KeyPath, nodes: Mapping[str, object]
    ) -> None:
        checks = BRIEF | {"endpoints": _pair}
        found = self.known(link, checks, key, "a link")
        self._mandatory(found, ("endpoints",), key)
        ends = found.get("endpoints", [])
        for index, end in enumerate(ends if isinstance(ends, list) else []):
            place = (*key, "endpoints", index)
            if not isinstance(end, str) or not re.fullmatch(r"[^\s:]+:\S+", end):
                self.wrong(place, f"must be NODE:INTERFACE, not {describe(end)}")
            elif (node := end.split(":")[0]) not in nodes and node not in SPECIAL_ENDS:
                self.wrong(place, f"there is no node {node}")

    def _end(self, end: object, key: KeyPath, nodes: Mapping[str, object]) -> None:
        found = self.known(end, END, key, "an endpoint")
        self._mandatory(found, ("node", "interface"), key)
        node = found.get("node")
        if isinstance(node, str) and node not in nodes:
            self.wrong((*key, "node"), f"there is no node {node}")


def _pair(value: object) -> str | None:
    right = isinstance(value, list) and len(value) == 2
    return None if right else "a list of two endpoints"
