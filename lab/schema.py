"""Judging the keys of a topology file, one by one."""

import re
from collections.abc import Iterator, Mapping

from lab.document import Document, FileError, KeyPath, describe, similar
from lab.keys import (
    BRIEF,
    END,
    HEALTHCHECK,
    INNER,
    LINK_TYPES,
    MANDATORY,
    MGMT,
    NODE,
    PAIRS,
    SINGLE,
    SPECIAL_ENDS,
    STAGE_EXEC,
    STAGE_EXEC_LISTS,
    STAGES,
    TOP,
    TOPOLOGY,
    VETH,
    WAIT_FOR,
    Checks,
)
from lab.kinds import KINDS
from lab.model import NAME
from lab.values import Each, items, mapping


def absent(value: object) -> bool:
    """Tell whether a key has no value: as if it were not there."""
    return value is None


def unset(value: object) -> bool:
    """Tell whether a setting is as if it were not there: empty text is no value."""
    return absent(value) or value == ""


def listed(value: object) -> list[object]:
    """Give a list; an empty one in the place of anything else."""
    return value if isinstance(value, list) else []


class Validator:
    """Collects all that is wrong with a document."""

    def __init__(self, document: Document) -> None:
        """Nothing is wrong as yet."""
        self.document = document
        self.errors: list[FileError] = list(document.errors)

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
        missing = unset if checks is NODE or checks is MGMT else absent
        right: dict[str, object] = {}
        for name, entry in value.items():
            if name not in checks:
                also = similar(name, checks)
                self.wrong((*key, name), f"is no key of {what}{also}")
            elif not missing(entry) and self._fits(entry, checks[name], (*key, name)):
                right[name] = entry
        return right

    def _fits(self, entry: object, check: object, key: KeyPath) -> bool:
        if isinstance(check, Each):
            return self._each(entry, check, key)
        assert callable(check)
        wanted = check(entry)
        if wanted:
            self.wrong(key, f"must be {wanted}, not {describe(entry)}")
        return not wanted

    def _each(self, entry: object, check: Each, key: KeyPath) -> bool:
        if not isinstance(entry, check.collection):
            wanted = "a list" if check.collection is list else "a mapping"
            self.wrong(key, f"must be {wanted}, not {describe(entry)}")
            return False
        if len(entry) > check.most:
            self.wrong(key, f"has {len(entry)} entries; {check.most} are the most")
            return False
        if len(entry) < check.least:
            self.wrong(key, "is empty; leave the key out")
            return False
        pairs = entry.items() if isinstance(entry, dict) else enumerate(entry)
        before = len(self.errors)
        seen: list[object] = []
        for at, item in pairs:
            if check.names is not None and check.names(at):
                self.wrong((*key, at), f"must be {check.names(at)}")
            elif self._fits(item, check.check, (*key, at)) and check.unique:
                if item in seen:
                    self.wrong((*key, at), f"{describe(item)} stands twice")
                seen.append(item)
        return len(self.errors) == before

    def mandatory(self, value: object, names: tuple[str, ...], key: KeyPath) -> bool:
        """Check that keys are there, whatever they say."""
        if not isinstance(value, dict):
            return False
        missing = [name for name in names if absent(value.get(name))]
        for name in missing:
            self.wrong(key, f"{name} is missing")
        return not missing

    def validate(self) -> None:
        """Check the whole document."""
        value = self.document.value
        top = self.known(value, TOP, (), "a topology file in containerlab")
        self.mandatory(value, ("name", "topology"), ())
        if "mgmt" in top:
            self.known(top["mgmt"], MGMT, ("mgmt",), "mgmt in containerlab")
        if "topology" not in top:
            return
        within: KeyPath = ("topology",)
        what = "topology in containerlab"
        body = self.known(top["topology"], TOPOLOGY, within, what)
        if (
            self.mandatory(top["topology"], ("nodes",), within)
            and body.get("nodes") == {}
        ):
            self.wrong(("topology", "nodes"), "is empty")
        for section in ("kinds", "groups", "nodes"):
            for name, node, key in self._entries(body.get(section, {}), section):
                if section == "kinds":
                    self._kind(name, key)
                if section == "nodes" and not NAME.fullmatch(name):
                    bridge = "; bridges within a node, BRIDGE|NODE, are not made here"
                    also = bridge if "|" in name else ""
                    self.wrong(key, f"is no name for a node{also}")
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
        if str(kind).lower() not in KINDS:
            also = similar(str(kind), KINDS)
            what = "is no kind that containerlab documents"
            self.wrong(key, f"{describe(kind)} {what}{also}")

    def _node(self, value: object, key: KeyPath) -> None:
        node = self.known(value, NODE, key, "a node in containerlab")
        if "kind" in node:
            self._kind(node["kind"], (*key, "kind"))
        for name, checks in INNER.items():
            if name in node:
                self.known(node[name], checks, (*key, name), f"{name} in containerlab")
        if "healthcheck" in node:
            inner = (*key, "healthcheck")
            found = self.known(node["healthcheck"], HEALTHCHECK, inner, "healthcheck")
            test = found.get("test")
            if isinstance(test, list) and test[:1] not in (["CMD"], ["CMD-SHELL"]):
                self.wrong((*inner, "test"), "must begin with CMD or CMD-SHELL")
        if "stages" in node:
            self._stages(node["stages"], (*key, "stages"))

    def _stages(self, value: object, key: KeyPath) -> None:
        stages = self.known(value, dict.fromkeys(STAGES, mapping), key, "stages")
        for name, stage in stages.items():
            inner = (*key, name)
            parts: Checks = {"wait-for": items, "exec": lambda _: None}
            found = self.known(stage, parts, inner, "a stage")
            self._list(found.get("wait-for", []), WAIT_FOR, (*inner, "wait-for"))
            commands = found.get("exec", [])
            place = (*inner, "exec")
            if isinstance(commands, dict):
                self.known(commands, STAGE_EXEC_LISTS, place, "exec of a stage")
            elif not isinstance(commands, list):
                self.wrong(place, f"must be a list, not {describe(commands)}")
            else:
                self._list(commands, STAGE_EXEC, place)

    def _list(self, entries: object, checks: Checks, key: KeyPath) -> None:
        must = ("command", "phase") if checks is STAGE_EXEC else ("node", "stage")
        for index, item in enumerate(listed(entries)):
            place = (*key, index)
            self.known(item, checks, place, str(key[-1]))
            self.mandatory(item, must, place)

    def _link(self, link: object, key: KeyPath, nodes: Mapping[str, object]) -> None:
        if not isinstance(link, dict):
            self.wrong(key, f"must be a mapping, not {describe(link)}")
            return
        kind = link.get("type", "veth")
        if kind in PAIRS:
            checks = VETH if "type" in link else BRIEF
            found = self.known(link, checks, key, "a link in containerlab")
            self.mandatory(link, ("endpoints",), key)
            ends = found.get("endpoints")
            if isinstance(ends, list):
                self._ends(ends, (*key, "endpoints"), nodes, brief="type" not in link)
        elif isinstance(kind, str) and kind in SINGLE:
            what = f"a {kind} link in containerlab"
            found = self.known(link, SINGLE[kind], key, what)
            self.mandatory(link, ("endpoint", *MANDATORY[kind]), key)
            if "endpoint" in found:
                self._end(found["endpoint"], (*key, "endpoint"), nodes)
        else:
            self.wrong((*key, "type"), "must be one of " + ", ".join(LINK_TYPES))

    def _ends(
        self,
        ends: list[object],
        key: KeyPath,
        nodes: Mapping[str, object],
        *,
        brief: bool,
    ) -> None:
        if len(ends) != 2:
            self.wrong(key, f"must be a list of two endpoints, not of {len(ends)}")
        for index, end in enumerate(ends):
            place = (*key, index)
            if not brief:
                self._end(end, place, nodes)
            elif not isinstance(end, str) or not re.fullmatch(r"[^\s:]+:\S+", end):
                self.wrong(place, f"must be NODE:INTERFACE, not {describe(end)}")
            elif (node := end.split(":")[0]) not in nodes and node not in SPECIAL_ENDS:
                self.wrong(place, f"there is no node {node}{similar(node, nodes)}")

    def _end(self, end: object, key: KeyPath, nodes: Mapping[str, object]) -> None:
        found = self.known(end, END, key, "an endpoint in containerlab")
        self.mandatory(end, ("node", "interface"), key)
        node = found.get("node")
        if isinstance(node, str) and node not in nodes:
            also = similar(node, nodes)
            self.wrong((*key, "node"), f"there is no node {node}{also}")
