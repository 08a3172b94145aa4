"""One evpnd with its kernel, its speaker and its peers, driven until it is quiet."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evpnd.adapters.config import ConfigErrors, load_config
from evpnd.adapters.pipe.translation import MessageReader, MessageWriter, peers_of
from evpnd.adapters.recording.replay import Replay
from evpnd.core.engine import Engine
from evpnd.model.actions import (
    BgpAction,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    KernelAction,
    Notice,
    OverrideLocalMacs,
    SendProbes,
    UpsertFlood,
    UpsertLocalNeighbors,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.events import ConfigChanged, Event
from evpnd.model.ids import format_ip, format_mac, parse_ip
from evpnd.views import routes, show
from evpnd.views.query import Query
from evpnd.wire.messages import ToAgent
from evpnd.wire.pipe import Frames, decode, encode
from tests.conformance.kernel import Kernel
from tests.conformance.speaker import PeerEnd, Speaker

TURNS = 30
"""More than any change takes; a core that goes on longer never comes to rest."""


class Host:
    """The host that a case is about."""

    def __init__(self, path: Path) -> None:
        self.now = 1000.0
        self.config = load_config(path)
        vtep = self.config.vtep.address or parse_ip("10.0.0.5")
        self.kernel = Kernel(self.config, bytes(vtep))
        self.speaker = Speaker(self.config, lambda: self.now)
        self.notices: list[Notice] = []
        self.changes: list[str] = []
        """Rows that were written, in words."""
        self.probes: list[str] = []
        """Tenants that were asked for an address, by port, MAC and IP."""
        self.refused: list[str] = []
        """Errors of a configuration that was not taken."""
        self.start_agent()

    def start_agent(self) -> None:
        """Begin with the configuration, the kernel's tables and the sessions."""
        self.running = True
        self.engine = Engine(self.config, self.now)
        self.reader = MessageReader(self.config)
        self.writer = MessageWriter()
        self._malformed: Counter[str] = Counter()
        # The pipe brings them in pieces, and each is acted upon.
        for message in self.speaker.greet():
            self.hear(message)

    @property
    def query(self) -> Query:
        """What views read."""
        return Query(self.engine)

    def stop(self) -> None:
        """Stop speaker and agent: the sessions are down, the kernel's rows stay."""
        self.running = False
        self.speaker = Speaker(self.config, lambda: self.now)

    def reload(self, path: Path) -> None:
        """Read a new configuration, as `evpnd reload` does."""
        try:
            new = load_config(path)
        except ConfigErrors as refused:
            self.refused += [f"{e.key}: {e.reason}" for e in refused.errors]
            return
        old, self.config = self.config, new
        self.reader.configure(new)
        told: list[ToAgent] = []
        for evi in new.evis:
            if evi.vni not in self.kernel.evis:
                devices = self.kernel.add_evi(evi)
                if self.kernel.made is None:
                    self.run(*(self._link_events(devices.vni)))
        if encode(peers_of(old)) != encode(peers_of(new)):
            told = self.speaker.configure(new)
        self.run(ConfigChanged(new))
        self.hear(*told)

    def replay(self, path: Path) -> None:
        """Run a recording; from then on the host is as it ends."""
        played = Replay()
        played.run(path)
        self.engine, self.reader = played.engine, played.reader
        self.config, self.now = played.engine.config, played.now
        self.kernel = Kernel(self.config, self.kernel.vtep)
        self.notices.clear()
        for event in played.reports.remembered():
            fields = {k: v for k, v in event.items() if k not in ("level", "event")}
            self.notices.append(Notice(event["level"], event["event"], fields))

    def _link_events(self, vni: int) -> list[Event]:
        devices = self.kernel.evis[vni]
        return [
            event
            for name in list(devices.links)
            for event in self.kernel.set_link(name, up=True)
        ]

    def hear(self, *told: ToAgent) -> None:
        """Hand over messages of the speaker, and go on until nothing is left to do."""
        if not self.running:
            return
        self.run(*self._events(told))

    def _events(self, told: Iterable[ToAgent]) -> Iterator[Event]:
        """Read messages as the pipe brings them."""
        for frame in Frames().feed(b"".join(map(encode, told))):
            yield from self.reader.read(decode(frame))

    def run(self, *events: Event) -> None:
        """Hand events over, and go on until nothing is left to do.

        Nobody hears what happens while no agent runs.
        """
        if not self.running:
            return
        for event in events:
            self.engine.handle(event, self.now)
        for _ in range(TURNS):
            if not self._turn():
                return
        raise AssertionError("evpnd does not come to rest")

    def _turn(self) -> bool:
        kernel: list[KernelAction] = []
        bgp: list[BgpAction] = []
        for action in self.engine.reconcile(self.now):
            if isinstance(action, Notice):
                self.notices.append(action)
            elif isinstance(action, BgpAction):
                bgp.append(action)
            else:
                kernel.append(action)
        answers = self.speaker.obey(self.writer, bgp)
        for event in self._events(answers):
            self.engine.handle(event, self.now)
        for action in kernel:
            self.changes += _changes(action)
            if isinstance(action, SendProbes):
                self.probes += self._asked(action)
            for event in self.kernel.apply(action):
                self.engine.handle(event, self.now)
        return bool(kernel or bgp or answers)

    def _asked(self, action: SendProbes) -> list[str]:
        port = self.kernel.name(action.port)
        place = f"{port} vlan {action.tag}" if action.tag else port
        return [f"{place} {_binding(ip, mac)}" for mac, ip, _ in action.probes]

    def wait(self, seconds: float) -> None:
        """Let time pass; the agent wakes whenever it asked to be woken."""
        until = self.now + seconds
        if not self.running:
            self.now = until
            return
        for _ in range(10_000):
            due = self.engine.next_deadline()
            if due is None or due > until:
                self.now = until
                self.run()
                return
            self.now = max(self.now, due)
            self.run()
        raise AssertionError("evpnd asks to be woken at once, again and again")

    def flush(self) -> None:
        """Stop as `--flush-on-exit` does: what was installed is removed."""
        for action in self.engine.flush():
            assert not isinstance(action, Notice | BgpAction)
            self.changes += _changes(action)
            self.kernel.apply(action)

    def peer(self, address: str) -> PeerEnd | None:
        return self.speaker.peers.get(address)

    def malformed(self) -> dict[str, int]:
        """Count what was malformed since this was last asked."""
        counts = self.engine.peering.malformed
        now = Counter({t.value: count for t, count in counts.items()})
        new, self._malformed = now - self._malformed, now
        return dict(new)

    def show(self, table: str) -> list[dict[str, Any]]:
        """Answer `evpnd show TABLE --json`."""
        if table == "peers":
            return list(show.peers(self.query, self.now))
        if table == "routes":
            return list(routes.routes(self.query))
        return list(getattr(show, table)(self.query))

    def forget(self) -> None:
        """Begin to note anew: what happened so far was judged."""
        self.notices.clear()
        self.changes.clear()
        self.probes.clear()
        self.refused.clear()
        self.malformed()
        for peer in self.speaker.peers.values():
            peer.announced.clear()
            peer.withdrawn.clear()
            peer.asks.clear()


def _changes(action: KernelAction) -> list[str]:
    """Return what an action changes in the kernel's tables."""
    match action:
        case UpsertRemoteMacs(_, vtep, macs) | OverrideLocalMacs(_, vtep, macs):
            return [f"fdb {format_mac(mac)} {format_ip(vtep)}" for mac in macs]
        case DeleteRemoteMacs(_, macs):
            return [f"fdb {format_mac(mac)} removed" for mac in macs]
        case DeleteVxlanRows(_, macs):
            return [f"fdb {format_mac(mac)} removed" for mac in macs]
        case UpsertFlood(_, vteps):
            return [f"flood {format_ip(vtep)}" for vtep in vteps]
        case DeleteFlood(_, vteps):
            return [f"flood {format_ip(vtep)} removed" for vtep in vteps]
        case UpsertNeighbors(_, bindings):
            return [f"neighbor {_binding(ip, mac)}" for ip, mac, *_ in bindings]
        case UpsertLocalNeighbors(_, bindings):
            return [f"neighbor {_binding(ip, mac)} local" for ip, mac, *_ in bindings]
        case DeleteNeighbors(_, ips):
            return [f"neighbor {format_ip(ip)} removed" for ip in ips]
        case _:
            return []


def _binding(ip: bytes, mac: bytes) -> str:
    return f"{format_ip(ip)} {format_mac(mac)}"
