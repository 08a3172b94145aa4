"""A host with two tenants, and what becomes of their bindings."""

from dataclasses import replace

from evpnd.model.actions import (
    AnnounceMacIp,
    WithdrawMacIp,
)
from evpnd.model.advert import Advert
from evpnd.model.config import (
    DuplicateDetection,
    EviConfig,
)
from evpnd.model.events import (
    BindingsSnooped,
    Heard,
    NdFlags,
)
from evpnd.model.ids import format_ip, parse_ip
from evpnd.model.routes import OVERRIDE, ROUTER
from evpnd.views.show import neighbors
from tests.fakes.host import PEERS, Host, announce, attributes, config
from tests.fakes.kernel import PORTS

A, B, C = (bytes((2, 0, 0, 0, 0, last)) for last in (1, 2, 3))
B6 = bytes((2, 0, 0, 0, 0, 6))
IP4, IP6 = parse_ip("192.0.2.10"), parse_ip("2001:db8::10")
ONE, TWO = PORTS
PEER = PEERS[0]
LOWER, HIGHER = "10.0.0.0", "10.0.0.9"  # than our VTEP address, 10.0.0.1


def made(detection: DuplicateDetection | None = None, **changes: object) -> Host:
    settings = config(duplicate_detection=detection or DuplicateDetection())
    (evi,) = settings.evis
    changed: EviConfig = replace(evi, **changes)  # type: ignore[arg-type]
    host = Host(configuration=replace(settings, evis=(changed,)))
    host.up()
    for port, mac in ((ONE, A), (TWO, B)):
        host.run(*host.kernel.frame(port, mac))
    host.bgp.clear()
    return host


def hear(host: Host, port: int, mac: bytes, *ips: bytes) -> None:
    host.run(BindingsSnooped([Heard(port, mac, ip) for ip in ips]))


def advertise(host: Host, mac: bytes, ip: bytes, flags: int) -> None:
    binding = Heard(ONE, mac, ip)
    said = NdFlags(bool(flags & ROUTER), bool(flags & OVERRIDE))
    host.run(BindingsSnooped([binding], {binding: said}))


def remote(host: Host, mac: bytes, ip: bytes, sequence: int, **more: object) -> None:
    vtep = str(more.pop("vtep", HIGHER))
    path = attributes(vtep, sequence, **more)
    host.run(announce(PEER, path, vtep, mac, mac + ip))


def told(host: Host) -> dict[bytes, Advert]:
    """The type 2 routes that peers hold now, with what they say."""
    held: dict[bytes, Advert] = {}
    for action in host.bgp:
        if isinstance(action, AnnounceMacIp):
            held |= dict.fromkeys(action.keys, action.advert)
        elif isinstance(action, WithdrawMacIp):
            for key in action.keys:
                held.pop(key, None)
    return held


def events(host: Host, name: str) -> list[dict[str, object]]:
    return [each.fields for each in host.notices if each.event == name]


def neighbor_of(host: Host, ip: bytes) -> tuple[bytes, bool]:
    """The MAC that the bridge has for an IP, and whether it is a remote one."""
    row = host.kernel.neighbors[ip]
    return row.mac, not row.is_note


def shown(host: Host, ip: bytes) -> dict[str, object]:
    (row,) = (each for each in neighbors(host.query) if each["ip"] == format_ip(ip))
    return row


# An IP that goes to another MAC
