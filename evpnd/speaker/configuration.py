"""ExaBGP's configuration, written from ours.

ExaBGP's tokeniser knows no way to write a quote inside a quoted word, so nothing
that an operator can choose stands in it as it is: keys are base64, arguments of
the agent are percent-encoded.
"""

import base64
import ipaddress
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer
from evpnd.model.numbers import BGP_PORT
from evpnd.private_files import write_private

AGENT = "agent"
"""The name of ExaBGP's `process` section."""

RESTART_TIME_MAX = 4095
"""Seconds; the field has 12 bits (RFC 4724, section 3)."""

TTL_MAX = 255


class Speaker(NamedTuple):
    """What ExaBGP needs to know about us."""

    asn: int
    router_id: str
    peers: tuple[PeerConfig, ...]


def configuration_text(speaker: Speaker, agent_command: Sequence[str]) -> str:
    """Write the whole file: the agent's process and a neighbor for each peer."""
    program, *arguments = agent_command
    words = " ".join([program, *(quote(word, safe="/") for word in arguments)])
    lines = [
        f"process {AGENT} {{",
        f"  run {words};",
        "  encoder json;",
        "  respawn true;",
        "}",
    ]
    for peer in speaker.peers:
        lines += _neighbor(speaker, peer)
    return "\n".join(lines) + "\n"


def agent_command(run: Sequence[str]) -> list[str]:
    """Read the agent's command back from ExaBGP's `process` section."""
    program, *arguments = run
    return [program, *map(unquote, arguments)]


def _neighbor(speaker: Speaker, peer: PeerConfig) -> list[str]:
    settings = {
        "router-id": speaker.router_id,
        "local-address": peer.local_address or "auto",
        "local-as": speaker.asn,
        "peer-as": peer.asn,
        "hold-time": peer.hold_time,
        "passive": "true" if peer.passive else "false",
        "connect": peer.port,
        "adj-rib-in": "false",
        "adj-rib-out": "true",
        "manual-eor": "false",
    }
    if peer.password is not None:
        settings["md5-base64"] = "true"
        settings["md5-password"] = base64.b64encode(peer.password.encode()).decode()
    if peer.ttl_security is not None:
        settings["outgoing-ttl"] = TTL_MAX
        settings["incoming-ttl"] = minimum_ttl(peer.ttl_security)
    restart = min(peer.graceful_restart, RESTART_TIME_MAX) or "disable"
    return [
        f"neighbor {peer.address} {{",
        *(f"  {name} {value};" for name, value in settings.items()),
        "  capability {",
        f"    graceful-restart {restart};",
        "    asn4 enable;",
        "    route-refresh enable;",
        "    add-path disable;",
        "    multi-session disable;",
        "    operational disable;",
        "    extended-message disable;",
        "  }",
        "  family {",
        "    l2vpn evpn;",
        "  }",
        "}",
    ]


def minimum_ttl(hops: int) -> int:
    """Give the lowest TTL that a peer at most so many hops away can arrive with.

    RFC 5082, section 3: a neighbour on the same link is one hop away, and
    nothing but 255 may arrive from it.
    """
    return TTL_MAX + 1 - hops


def read_peers(text: str) -> Speaker:
    """Read what ``evpnd peers`` carries.

    One JSON object: `asn`, `router_id` and `peers`, a list with the fields of
    PeerConfig; those that do not concern a session are ignored. Raises
    ValueError where it is anything else.
    """
    try:
        given = json.loads(text)
        return Speaker(
            asn=int(given["asn"]),
            router_id=str(ipaddress.IPv4Address(given["router_id"])),
            peers=tuple(_read_peer(peer) for peer in given["peers"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a list of peers: {error!r}") from error


def _read_peer(given: dict[str, Any]) -> PeerConfig:
    local = given.get("local_address")
    password = given.get("password")
    ttl_security = given.get("ttl_security")
    return PeerConfig(
        address=Peer(str(ipaddress.ip_address(given["address"]))),
        asn=int(given["asn"]),
        local_address=None if local is None else str(ipaddress.ip_address(local)),
        port=int(given.get("port", BGP_PORT)),
        passive=bool(given.get("passive", False)),
        hold_time=int(given.get("hold_time", 90)),
        password=None if password is None else str(password),
        ttl_security=None if ttl_security is None else int(ttl_security),
        graceful_restart=int(given.get("graceful_restart", 120)),
    )


def write_configuration(path: Path, text: str) -> None:
    """Put the file in place at once or not at all, readable by us alone."""
    write_private(path, text.encode())


def listening_addresses(peers: Iterable[tuple[str, str | None]]) -> set[str]:
    """Choose where to listen for (peer address, local address) pairs.

    The local addresses when every peer has one; one wildcard for each address
    family when any has not.
    """
    pairs = list(peers)
    if all(local for _, local in pairs):
        return {local for _, local in pairs if local}
    return {"::" if ":" in address else "0.0.0.0" for address, _ in pairs}  # noqa: S104
