"""Routes that were withdrawn before this agent started, according to the journals.

A row of an earlier run waits for what every peer has to say (docs/adr/0002). Not so
one whose route a peer is known to have withdrawn: it goes with the routes that it
stood for.
"""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.core.bgp.endpoints import flood_endpoint
from evpnd.core.bgp.importer import Importer
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.session import Session
from evpnd.model.key import IP, MAC
from evpnd.model.routes import ImetRoute, MacIpBatch, OtherRoute, Update, identity


class Gone(NamedTuple):
    """Withdrawn routes of one EVI that adopted rows represent; empty: none."""

    vni: int
    mac: bytes = b""
    ip: bytes = b""
    """With that MAC."""
    vtep: bytes = b""
    """Of a flood row."""


class Bygone:
    """Routes that were announced and withdrawn again in the journals of all peers."""

    def __init__(self) -> None:
        """Start empty."""
        self._mac_ip: list[tuple[Session, Path, bytes]] = []
        self._imet: list[tuple[Session, Path, ImetRoute]] = []

    def note(self, session: Session, update: Update) -> None:
        """Record what an UPDATE withdraws; called before it is applied."""
        for batch in update.withdrawn_mac_ip:
            self._note_mac_ip(session, batch)
        for route in update.withdrawn:
            self._note_other(session, route)

    def _note_mac_ip(self, session: Session, batch: MacIpBatch) -> None:
        table = session.rib.mac_ip.get(batch.rd + batch.ethernet_tag)
        if table is None:
            return
        for key in batch.keys:
            path = table.get(key)
            if path is not None:
                self._mac_ip.append((session, path, key))

    def _note_other(self, session: Session, route: OtherRoute) -> None:
        known, path = session.rib.others.get(identity(route), (None, None))
        if path is not None and isinstance(known, ImetRoute):
            self._imet.append((session, path, known))

    def release(self, importer: Importer) -> Iterator[Gone]:
        """Return the rows that represent only withdrawn routes, by VNI."""
        for session, path, key in self._mac_ip:
            for evi in importer.importers_of(session, path):
                yield Gone(evi.config.vni, mac=key[MAC], ip=key[IP])
        for session, path, route in self._imet:
            vtep = flood_endpoint(route, path.attributes)
            for evi in importer.importers_of(session, path):
                yield Gone(evi.config.vni, vtep=vtep)
        self._mac_ip.clear()
        self._imet.clear()
