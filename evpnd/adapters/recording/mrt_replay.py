"""Runs an MRT dump through the core: what a host would do with what peers sent.

A dump has no configuration, and says nothing of the host. The configuration is given;
the peers are those of the dump; devices are as evpnd would make them, and the kernel
obeys at once (`views/plan.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from evpnd.adapters.pipe.translation import MessageReader
from evpnd.adapters.recording.reading import RecordingError
from evpnd.adapters.recording.replay import TO_THE_END, Replay, Until
from evpnd.core.engine import Engine
from evpnd.model.config import Config, PeerConfig
from evpnd.model.events import LinksDumped
from evpnd.model.ids import Peer, parse_ip
from evpnd.model.rows import Link
from evpnd.recording.mrt import MrtError, is_mrt, read
from evpnd.recording.records import Header, Record, Told
from evpnd.recording.spoken import Dump
from evpnd.views.plan import ROUNDS, obey
from evpnd.views.remembered import memory_of
from evpnd.wire.messages import Up

_TURN: Final = 0.01
"""Seconds of a dump that are one turn of the core."""
_LOOPBACK: Final = 1


def is_dump(path: Path) -> bool:
    """Return whether a file begins as an MRT dump does; raises OSError."""
    with path.open("rb") as file:
        return is_mrt(file.read(12))


def start_of(path: Path) -> float:
    """Return the Unix time of the first record; raises OSError."""
    with path.open("rb") as file:
        return float(int.from_bytes(file.read(4)))


class MrtReplay(Replay):
    """A core that hears what the peers of a dump sent."""

    def __init__(self, config: Config) -> None:
        """Store the configuration of the host."""
        super().__init__()
        self._given = config

    def run(
        self,
        path: Path,
        until: Until = TO_THE_END,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run a dump; raises RecordingError and OSError."""
        octets = path.read_bytes()
        dump = Dump()
        skipped: dict[str, int] = {}
        try:
            found = [
                each for entry in read(octets, skipped) for each in dump.take(entry)
            ]
        except MrtError as error:
            raise RecordingError(path, str(error)) from None
        progress(len(octets))
        self._note(dump, skipped)
        if not found:
            raise RecordingError(path, "no peer in it sent a route of l2vpn/evpn")
        self._begin_host(dump, found)
        due = 0.0
        for record in found:
            if self._is_past(record, until):
                break
            if self.now >= due:
                self._obey()
                due = self.now + _TURN
            self._run_one(record)
            if self.events == until.events or until.event in self._seen:
                break
        self._obey()

    def _note(self, dump: Dump, skipped: dict[str, int]) -> None:
        if dump.other_families:
            skipped["of other families"] = dump.other_families
        self.notes += [
            f"{count} records left out: {why}" for why, count in skipped.items()
        ]
        strangers = dump.peers.keys() - {peer.address for peer in self._given.peers}
        if strangers:
            named = ", ".join(sorted(strangers))
            self.notes.append(
                f"the configuration does not have these peers of the dump: {named}"
            )

    def _begin_host(self, dump: Dump, found: list[Record]) -> None:
        first = found[0]
        assert isinstance(first, Told)
        given = {peer.address: peer for peer in self._given.peers}
        peers = tuple(
            replace(given.get(Peer(name)) or PeerConfig(Peer(name), asn), asn=asn)
            for name, asn in dump.peers.items()
        )
        evis = tuple(
            evi if evi.made else replace(evi, manage=True) for evi in self._given.evis
        )
        config = replace(self._given, peers=peers, evis=evis, discover=False)
        self.header = Header("", "an MRT dump", "", 0, first.t, first.t, config)
        self.now = first.t
        self._start(Engine(config, first.t))
        self.reader = MessageReader(config)
        self.engine.handle(_loopback(config, first), first.t)

    def _obey(self) -> None:
        """Take turns until the core has no more to do, with a kernel that obeys."""
        read_memory = memory_of(self.engine)
        for _ in range(ROUNDS):
            actions = self.engine.reconcile(self.now)
            self._take(actions)
            answered = False
            for action in actions:
                for event in obey(self.engine, action, read_memory):
                    answered = True
                    self.engine.handle(event, self.now)
            if not answered:
                return


def _loopback(config: Config, first: Told) -> LinksDumped:
    """Return the device with the VTEP address, which a dump does not name."""
    vtep = config.vtep.address
    if vtep is None and isinstance(first.message, Up):
        vtep = parse_ip(first.message.local_address)
    name = config.vtep.interface or "lo"
    link = Link(_LOOPBACK, name, "", True, True, 0, bytes(6), 65536, "")  # noqa: FBT003
    return LinksDumped((link,), frozenset({(_LOOPBACK, bytes(vtep or b""))}))
