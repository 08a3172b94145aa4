"""The looking glass over a control socket with given answers, asked as ASGI is."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from evpnd.web.daemons import named
from evpnd.web.server import application
from tests.unit.cli.daemon import Daemon, daemon

Row = dict[str, Any]

PEER: Row = {
    "address": "10.0.0.254",
    "asn": 65001,
    "description": "spine1",
    "state": "established",
    "uptime": 75,
    "routes_received": 12,
    "routes_stale": 0,
    "routes_rejected": 0,
    "rejected_octets": 0,
    "routes_advertised": 3,
    "max_routes": None,
    "routes_over_limit": 0,
    "damped_for": 0,
    "last_error": None,
    "last_error_at": None,
    "findings": [],
}
EVI: Row = {
    "name": "tenant-a",
    "vni": 10100,
    "bridge": "br10100",
    "vlan": None,
    "vxlan": "vx10100",
    "rd": "10.0.0.1:1",
    "import_targets": ["*:10100"],
    "export_targets": ["65001:10100"],
    "vtep": "10.0.0.1",
    "state": "ready",
    "reason": None,
    "notes": [],
    "local_macs": 1,
    "remote_macs": 1,
    "remote_vteps": 1,
    "managed": False,
    "discovered": False,
}
VTEP: Row = {
    "vtep": "10.0.0.2",
    "vnis": [10100],
    "macs": 1,
    "flood": True,
    "peer": "10.0.0.254",
    "peers": ["10.0.0.254"],
}
MAC: Row = {
    "vni": 10100,
    "vlan": None,
    "mac": "02:00:00:00:00:01",
    "ips": ["192.0.2.1"],
    "kind": "remote",
    "vtep": "10.0.0.2",
    "sequence": 0,
    "sticky": False,
    "duplicate": False,
    "interface": "vx10100",
    "state": "installed",
    "reason": None,
    "since": "2026-01-02T03:04:05+00:00",
    "origin": "bgp",
    "peer": "10.0.0.254",
}
BINDING: Row = {
    "vni": 10100,
    "vlan": None,
    "ip": "192.0.2.1",
    "mac": "02:00:00:00:00:01",
    "kind": "remote",
    "vtep": "10.0.0.2",
    "state": "installed",
    "duplicate": False,
    "router": False,
    "override": False,
    "immutable": False,
    "peer": "10.0.0.254",
}
RULE: Row = {
    "policy": "guard",
    "number": 1,
    "rule": "tenants",
    "at": "/etc/evpnd/guard.yaml:3",
    "verdict": "accept",
    "routes": 12,
    "judged": 13,
    "attached": ["import from 10.0.0.254"],
    "limit": None,
}
EVENT: Row = {
    "time": "2026-01-02T03:04:05.678+00:00",
    "level": "warning",
    "event": "peer_down",
    "peer": "10.0.0.254",
}
STEP: Row = {
    "step": "end",
    "vni": 10100,
    "vlan": None,
    "text": "frames to it go to VTEP 10.0.0.2",
    "ok": True,
}
TABLES: dict[str, list[Row]] = {
    "peers": [PEER],
    "evis": [EVI],
    "vteps": [VTEP],
    "macs": [MAC],
    "neighbors": [BINDING],
    "policies": [RULE],
    "events": [EVENT],
    "routes": [],
}


class Answer(NamedTuple):
    """What a browser gets."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.text)


class Glass:
    """An application, and the daemons behind it."""

    def __init__(self, daemons: list[Daemon], names: tuple[str, ...] = ()) -> None:
        self.daemons = daemons
        self._asking = named([each.path for each in daemons])
        self.app = application(self._asking, names)

    def expire(self) -> None:
        """Let all answers be too old to be given again."""
        for each in self._asking:
            each.expire()

    def get(
        self, target: str, method: str = "GET", host: str | None = "127.0.0.1:9472"
    ) -> Answer:
        """Ask for a path with its query."""
        path, _, query = target.partition("?")
        headers = [] if host is None else [(b"host", host.encode())]
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "scheme": "http",
            "http_version": "1.1",
            "server": ("127.0.0.1", 9472),
            "client": ("127.0.0.1", 1),
        }
        return asyncio.run(_asked(self.app, scope))


async def _asked(app: Callable[..., Any], scope: Row) -> Answer:
    sent: list[Row] = []
    request = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Row:
        for message in request:
            return message
        return await asyncio.Future()  # the browser stays

    async def send(message: Row) -> None:
        sent.append(message)

    await app(scope, receive, send)
    begun, *bodies = sent
    headers = {key.decode(): value.decode() for key, value in begun["headers"]}
    text = b"".join(each.get("body", b"") for each in bodies).decode()
    return Answer(begun["status"], headers, text)


def answered(tables: Mapping[str, list[Row]]) -> Callable[[Row], Row]:
    """Return how a daemon answers that has these tables."""

    def answer(question: Row) -> Row:
        if question["command"] == "show":
            rows = tables[question["what"]]
            if "limit" not in question:
                return {"ok": True, "result": rows}
            first = question["offset"]
            part = rows[first : first + question["limit"]]
            return {"ok": True, "total": len(rows), "result": part}
        if question["command"] == "explain":
            return {"ok": True, "what": question["what"], "result": [STEP]}
        return {"ok": True, "result": {"settled": True}}

    return answer


@contextmanager
def glass(
    path: Path, names: tuple[str, ...] = (), **tables: list[Row]
) -> Iterator[Glass]:
    """Look at one daemon, which has these tables in place of the usual ones."""
    with daemon(path, answered(TABLES | tables)) as asked:
        yield Glass([asked], names)
