"""ExaBGP's configuration, written from ours.

ExaBGP's tokeniser knows no way to write a quote inside a quoted word, so nothing
that an operator can choose stands in it as it is: keys are base64, arguments of
the agent are percent-encoded.
"""

import base64
import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from evpnd.model.config import Config, PeerConfig
from evpnd.model.ids import format_ip
from evpnd.model.numbers import RESTART_TIME_MAX
from evpnd.private_files import beside, write_private
from evpnd.wire.messages import Peers

AGENT = "agent"
"""The name of ExaBGP's `process` section."""

TTL_MAX = 255


def configuration_text(speaker: Peers, agent_command: Sequence[str]) -> str:
    """Write the whole file: the agent's process and a neighbor for each peer.

    Raises ValueError for what is no address.
    """
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


def _neighbor(speaker: Peers, peer: PeerConfig) -> list[str]:
    local = peer.local_address
    settings = {
        "router-id": ipaddress.IPv4Address(speaker.router_id),
        "local-address": "auto" if local is None else ipaddress.ip_address(local),
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
        f"neighbor {ipaddress.ip_address(peer.address)} {{",
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
    """Return the lowest TTL of packets from a peer so many hops away.

    RFC 5082, section 3: a neighbour on the same link is one hop away, and
    nothing but 255 may arrive from it.
    """
    return TTL_MAX + 1 - hops


def configuration_path(control_socket: Path) -> Path:
    """Return the path of ExaBGP's configuration, beside the control socket."""
    return beside(control_socket, ".exabgp.conf")


def write_configuration(path: Path, text: str) -> None:
    """Write the file atomically, readable only by its owner."""
    write_private(path, text.encode())


def write_speaker(config: Config, agent_command: Sequence[str]) -> Path:
    """Write what a speaker reads at its start; return the file's path.

    Raises OSError where it cannot be written.
    """
    path = configuration_path(config.control_socket)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    speaker = Peers(config.asn, format_ip(config.router_id), config.peers)
    write_configuration(path, configuration_text(speaker, agent_command))
    return path


def listening_addresses(peers: Iterable[tuple[str, str | None]]) -> set[str]:
    """Choose where to listen for (peer address, local address) pairs.

    The local addresses when every peer has one; one wildcard for each address
    family when any has not.
    """
    pairs = list(peers)
    if all(local for _, local in pairs):
        return {local for _, local in pairs if local}
    return {"::" if ":" in address else "0.0.0.0" for address, _ in pairs}  # noqa: S104
