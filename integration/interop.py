"""``make interop``: every topology that runs here, and who gets on with whom.

Prints a Markdown page: the matrix, then the expected results of all topologies. With
``--write FILE`` the page goes there, too.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import yaml

from integration.bed import bed
from integration.lab_netns import LabError, ip, run, wait_until
from integration.roots import MACHINE, Root
from lab.checks import rows_of
from lab.deploy import deploy
from lab.expected import read_expected
from lab.images import TABLE, Image, read_images
from lab.model import Topology
from lab.ping import Ping, PingResult
from lab.place import Place
from lab.reader import topology_file
from lab.steps import run_step
from lab.support import load

TOPOLOGIES = Path(__file__).parents[1] / "containerlab"
BRIDGE = "br10100"
PATIENCE = 60.0
"""Seconds that anything may take to converge."""
_GOBGP = {"macadv": 2, "multicast": 3, "esi": 4, "A-D": 1, "Prefix": 5}

ROOTS = (MACHINE, bed())
"""Where FRR and GoBGP are from, one after the other."""

HEAD = (
    "neighbour",
    "version",
    "sent, as the neighbour has it",
    "received",
    "session",
    "first ping",
    "ping",
    "move there and back",
    "neighbour crashes",
    "evpnd crashes",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of the matrix."""

    title: str
    topology: str
    evpnd: str
    neighbour: dict[str, str]
    vm: dict[str, str]
    far: str
    other: dict[str, str]


def pairs() -> list[Pair]:
    """Read who is measured with whom."""
    found = yaml.safe_load((TOPOLOGIES / "interop.yaml").read_text())
    return [Pair(**entry) for entry in found["pairs"]]


class Measurement:
    """One pair in its lab."""

    def __init__(
        self, pair: Pair, version: str, topology: Topology, place: Place
    ) -> None:
        """Measure in a lab that has just come up."""
        self.pair = pair
        self.version = version
        self.place = place
        self.start = time.monotonic()
        self.peers = self._configured(topology)

    def _configured(self, topology: Topology) -> int:
        file = topology.path.with_name(f"{self.pair.evpnd}.yaml")
        return len(yaml.safe_load(file.read_text())["peers"])

    def cells(self) -> list[str]:
        """Measure everything; a cell with ``no`` is what did not work."""
        pair = self.pair
        session = self._timed(self._established)
        first = self._timed(lambda: bool(self._ping(1).received))
        ping = self._ping(20)
        wait_until(lambda: self._sent() >= {2, 3}, 10, "routes at the neighbour")
        return [
            pair.title,
            self.version,
            _types(self._sent()),
            _types(self._received()),
            session,
            first,
            _loss(ping.loss, ping.sent, 0),
            self._attempt(self._move),
            self._attempt(lambda: self._crash(pair.neighbour["node"])),
            self._attempt(lambda: self._crash(pair.evpnd)),
        ]

    @staticmethod
    def _attempt(measure: Callable[[], str]) -> str:
        try:
            return measure()
        except LabError as error:
            click.echo(str(error), err=True)
            return "**no**"

    def _timed(self, holds: Callable[[], bool]) -> str:
        wait_until(holds, PATIENCE, "convergence", seen=lambda: self.pair.title)
        return f"{time.monotonic() - self.start:.1f} s"

    def _established(self) -> bool:
        return len(self._uptimes()) == self.peers

    def _established_since(self, start: float) -> bool:
        """Return whether all sessions are up, one of them since some time."""
        found = self._uptimes()
        spent = time.monotonic() - start
        return len(found) == self.peers and min(found) <= spent

    def _uptimes(self) -> list[int]:
        """Return for how many seconds each session has been up."""
        try:
            rows = rows_of(self.place, self.pair.evpnd, "peers")
        except LabError:
            return []
        up = [row for row in rows if row["state"] == "established"]
        return [int(str(row["uptime"])) for row in up]

    def _ping(self, count: int) -> PingResult:
        namespace = self.place.namespace(self.pair.vm["node"])
        return Ping(namespace, self.pair.other["ip"], 0.05, 0.3).count(count)

    def _received(self) -> set[int]:
        rows = rows_of(self.place, self.pair.evpnd, "routes")
        return {int(str(row["type"])) for row in rows if row["peer"]}

    def _sent(self) -> set[int]:
        """Which types the neighbour has of ours: by our RD, which is our router id."""
        node = self.pair.neighbour["node"]
        match self.pair.neighbour["program"]:
            case "frr":
                text = self._output(node, "vtysh", "-c", "show bgp l2vpn evpn route")
                ours = text.partition("Route Distinguisher: 10.0.0.1:")[2]
                ours = ours.partition("Route Distinguisher")[0]
                return {int(each) for each in re.findall(r"\*>?[ i]*\[(\d)\]:", ours)}
            case "gobgp":
                text = self._output(node, "gobgp", "global", "rib", "-a", "evpn")
                found = re.findall(r"\[type:([\w-]+)\]\[rd:10\.0\.0\.1:", text)
                return {_GOBGP[each] for each in found}
            case _:
                text = self._output(node, "evpnd", "show", "routes", "--json")
                rows = json.loads(text)
                return {
                    row["type"] for row in rows if row["rd"].startswith("10.0.0.1:")
                }

    def _output(self, node: str, *argv: str) -> str:
        return self.place.execute(node, argv).stdout

    def _move(self) -> str:
        """Move the machine's cable to the far end and back, under pings."""
        pair = self.pair
        near, far = (self.place.namespace(node) for node in (pair.evpnd, pair.far))
        port = pair.vm["port"]
        gaps = []
        for here, there, name in ((near, far, "moved"), (far, near, port)):
            old = port if here == near else "moved"
            namespace = self.place.namespace(pair.other["node"])
            with Ping(namespace, pair.vm["ip"]) as ping:
                wait_until(lambda: ping.answered >= 30, 10, "answers before the move")
                ip([f"link set {old} netns {there} name {name}"], here)
                ip([f"link set {name} master {BRIDGE}", f"link set {name} up"], there)
                # As a hypervisor does: the machine is heard at its new place.
                wait_until(lambda: self._ping(1).received, 10, "the machine heard")
                _more(ping)
            gaps.append(ping.result().gap)
        return " and ".join(f"{gap * 1000:.0f} ms" for gap in gaps)

    def _crash(self, node: str) -> str:
        """Kill a BGP speaker, and say what it costs and when it is back."""
        namespace = self.place.namespace(self.pair.vm["node"])
        with Ping(namespace, self.pair.other["ip"]) as ping:
            wait_until(lambda: ping.answered >= 30, 10, "answers before the crash")
            start = time.monotonic()
            crash = self.pair.neighbour["crash"]
            if node == self.pair.evpnd:
                crash = "pkill -KILL -x evpnd:.speaker"
            done = self.place.execute(node, crash.split())
            if done.returncode != 0:
                raise LabError(f"{node}: {crash}: {done.stdout}{done.stderr}")
            # It may be lost and back between two looks.
            back = partial(self._established_since, start)
            wait_until(back, PATIENCE, "the session lost and back")
            spent = time.monotonic() - start
            _more(ping)
        result = ping.result()
        gap = result.gap if result.loss else 0.0
        return f"{_loss(result.loss, result.sent, gap)}, session back in {spent:.1f} s"


def _more(ping: Ping) -> None:
    """Wait until it is answered for another while."""
    enough = ping.answered + 50
    wait_until(lambda: ping.answered >= enough, PATIENCE, "answers after")


def _types(found: set[int]) -> str:
    return ", ".join(map(str, sorted(found))) or "**none**"


def _loss(loss: int, sent: int, gap: float) -> str:
    if not loss:
        return f"all {sent} answered" if not gap else "nothing lost"
    return f"{loss} of {sent} lost" + (f" ({gap:.1f} s)" if gap else "")


@dataclass(frozen=True, slots=True)
class Release:
    """FRR and GoBGP of one root, and labs that have them."""

    root: Root
    images: list[Image]
    frr: str
    gobgp: str

    def version(self, program: str) -> str:
        """Return name and version of a neighbour's program."""
        names = {"frr": f"FRR {self.frr}", "gobgp": f"GoBGP {self.gobgp}"}
        return names.get(program, "this one")

    def versions_in(self, topology: Topology) -> str:
        """Return names and versions of all that a topology has beside evpnd."""
        images = [node.text("image") for node in topology.nodes.values()]
        found = [word for word in ("frr", "gobgp") if any(word in i for i in images)]
        return ", ".join(map(self.version, found))


def release(root: Root) -> Release:
    """Return what a root has."""
    images = [
        replace(image, root=root.path) if _is_of_a_release(image) else image
        for image in read_images(TABLE)
    ]
    said = run(root.command(["/usr/lib/frr/bgpd", "--version"]))
    frr = re.search(r"version (\S+)", said)
    gobgp = run(root.command(["gobgpd", "--version"])).split()[-1]
    return Release(root, images, frr[1] if frr else "?", gobgp)


def _is_of_a_release(image: Image) -> bool:
    """Return whether a program is tried in each release.

    evpnd is not, nor what runs beside it: its Python is this machine's.
    """
    return bool(image.package) and "evpnd" not in image.entrypoint


def _measure(pair: Pair, release: Release, prefix: str) -> list[str]:
    file = topology_file(TOPOLOGIES / pair.topology)
    topology = load(file, f"{prefix}{pair.topology}", release.images)
    version = release.version(pair.neighbour["program"])
    place = deploy(topology, strict=True, say=lambda _: None)
    try:
        return Measurement(pair, version, topology, place).cells()
    except LabError as error:
        click.echo(f"{pair.title}: {error}", err=True)
        return [pair.title, version, *["**no**"] * (len(HEAD) - 2)]
    finally:
        place.remove()


def _expectations(topology: Topology, release: Release) -> list[str]:
    """Run a topology's expected results; gives a line of the second table."""
    name = topology.path.parent.name
    steps = read_expected(topology.path.with_name("expected.yaml"), [*topology.nodes])
    start = time.monotonic()
    place = deploy(topology, strict=True, say=lambda _: None)
    try:
        outcomes = [run_step(place, step) for step in steps]
    finally:
        place.remove()
    for outcome in outcomes:
        if outcome.trouble:
            click.echo(f"{name}: {outcome.name}: {outcome.trouble}", err=True)
    held = sum(not outcome.trouble for outcome in outcomes)
    verdict = f"{held} of {len(outcomes)}" + ("" if held == len(outcomes) else " **!**")
    spent = f"{time.monotonic() - start:.0f} s"
    link = f"[{name}](../containerlab/{name})"
    return [link, release.versions_in(topology) or "evpnd alone", verdict, spent]


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _matrix(releases: list[Release], prefix: str) -> list[list[str]]:
    """Measure all pairs; those of evpnd alone once."""
    rows = []
    for pair in pairs():
        alone = pair.neighbour["program"] == "evpnd"
        for each in releases[:1] if alone else releases:
            version = each.version(pair.neighbour["program"])
            click.echo(f"measuring: {pair.title} ({version})", err=True)
            rows.append(_measure(pair, each, prefix))
    return rows


def _results(releases: list[Release], prefix: str) -> list[list[str]]:
    """Run all topologies; those of evpnd alone once."""
    rows = []
    for path in sorted(TOPOLOGIES.glob("*/expected.yaml")):
        file, name = topology_file(path.parent), path.parent.name
        for each in releases:
            topology = load(file, f"{prefix}{name}", each.images)
            versions = each.versions_in(topology)
            if each is not releases[0] and not versions:
                continue
            click.echo(f"running: {name} {versions}", err=True)
            rows.append(_expectations(topology, each))
    return rows


def _versions(releases: list[Release]) -> str:
    kernel = run(["uname", "-r"]).partition("-")[0].strip()
    pairs = (f"FRR {each.frr} with GoBGP {each.gobgp}" for each in releases)
    return f"Linux {kernel}; " + ", ".join(pairs)


@click.command()
@click.option("--write", type=click.Path(path_type=Path), help="Also write it there.")
@click.option("--prefix", default="io-", help="Of the labs' names.")
def main(write: Path | None, prefix: str) -> None:
    """Measure evpnd with all neighbours that run here."""
    releases = [release(root) for root in ROOTS]
    start = time.monotonic()
    matrix = _matrix(releases, prefix)
    results = _results(releases, prefix)
    spent = time.monotonic() - start
    page = _PAGE.format(
        versions=_versions(releases),
        matrix=_table(HEAD, matrix),
        results=_table(
            ("topology", "with", "expected results that were met", "took"), results
        ),
    )
    click.echo(page)
    click.echo(f"{spent:.0f} s", err=True)
    if write is not None:
        write.write_text(page)
    troubled = "**" in page
    sys.exit(1 if troubled else 0)


_PAGE = """\
# Interoperability, measured

`make interop WRITE=docs/interop-matrix.md` writes this page.
{versions}. All run on this kernel.

Times start when the lab is complete and the speakers answer commands.
*Sent* and *received* are route types.
Pings go out every 10 ms. For the move, they go to a machine that moves from evpnd's
host to the far side and back. For the crashes, they go between two machines while a
BGP speaker is killed (SIGKILL) and started again. When evpnd crashes, pings are lost if
the neighbour removes evpnd's routes at once. A neighbour that keeps them, as a graceful
restart helper, loses no ping: evpnd and GoBGP keep them; FRR 8.4.4 does not keep EVPN
routes, with or without `bgp graceful-restart` ([why](interop-frr.md)).

{matrix}

## All topologies

{results}
"""

if __name__ == "__main__":
    main()
