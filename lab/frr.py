"""containerlab's own kind of FRR: its settings, and what it writes into /etc/frr."""

from collections.abc import Iterator
from pathlib import Path

from lab.document import FileError, similar
from lab.expand import magic
from lab.model import FRR_KINDS, Node, Topology, beside
from lab.schema import absent

_PROGRAMS = Path("/usr/lib/frr")
_ALWAYS = ("zebra", "staticd", "mgmtd", "watchfrr")
"""Run whether they are listed or not."""
_DAEMONS = (
    *("bgpd", "ospfd", "ospf6d", "ripd", "ripngd", "isisd", "pimd", "pim6d", "ldpd"),
    *("nhrpd", "eigrpd", "babeld", "sharpd", "pbrd", "bfdd", "fabricd", "vrrpd"),
    "pathd",
)
"""What may be listed."""


def of_frr(topology: Topology, node: Node) -> Iterator[FileError]:
    """Find what is wrong with the settings that a node of this kind alone has."""
    extras = node.settings.get("extras", {})
    key = node.origin("extras")
    for name in extras if isinstance(extras, dict) else []:
        if name != "frr":
            reason = "is none of the extras of kind frr, which has frr alone"
            yield topology.error((*key, name), reason)
    own = extras.get("frr") if isinstance(extras, dict) else None
    key = (*key, "frr")
    if absent(own):
        return
    if not isinstance(own, dict):
        yield topology.error(key, "must be a mapping with daemons")
        return
    for name in own:
        if name != "daemons":
            yield topology.error((*key, name), "is no key of frr, which has daemons")
    listed = own.get("daemons")
    key = (*key, "daemons")
    if absent(listed):
        return
    if not isinstance(listed, list):
        yield topology.error(key, "must be a list of daemons")
        return
    for index, name in enumerate(listed):
        if name not in (*_DAEMONS, *_ALWAYS):
            also = similar(str(name), _DAEMONS)
            reason = f"{name} is no daemon that kind frr takes{also}"
            yield topology.error((*key, index), reason)
        elif name not in _ALWAYS and not (_PROGRAMS / str(name)).exists():
            reason = f"the FRR of this machine has no {name}"
            yield topology.error((*key, index), reason)


def startup_file(topology: Topology, node: Node) -> Path:
    """Find the file of a node's ``startup-config``."""
    name = magic(
        node.text("startup-config"),
        lab=topology.name,
        lab_directory=str(topology.lab_directory),
        node=node.name,
    )
    return beside(topology.path, name)


def frr_files(topology: Topology, node: Node) -> dict[str, str]:
    """Compose the files of /etc/frr by their names; none for other kinds."""
    if node.kind not in FRR_KINDS:
        return {}
    config = node.text("startup-config")
    if config and "\n" not in config:
        config = startup_file(topology, node).read_text()
    extras = node.settings.get("extras")
    own = extras.get("frr") if isinstance(extras, dict) else None
    wanted = own.get("daemons") if isinstance(own, dict) else None
    names = wanted if isinstance(wanted, list) else _DAEMONS
    listed = [name for name in names if (_PROGRAMS / str(name)).exists()]
    listed = [name for name in listed if name not in _ALWAYS]
    daemons = "".join(f"{name}=yes\n" for name in listed)
    options = '_options=" -A 127.0.0.1"\n'
    daemons += "".join(f"{name}{options}" for name in ("zebra", *listed))
    return {
        "frr.conf": config or "frr defaults traditional\nlog stdout\n",
        "daemons": "vtysh_enable=yes\n" + daemons,
        "vtysh.conf": "service integrated-vtysh-config\n",
    }
