"""The lines that the agent reads: compact JSON, ASCII, one object a line."""

import json
from binascii import hexlify
from typing import Any

import evpnd


def hello(replaying: list[str]) -> bytes:
    """Greet a new agent: the first line it reads.

    `replaying` are the addresses of the peers whose journals follow.
    """
    return _line(type="hello", version=evpnd.__version__, replaying=replaying)


def replayed(peer: str) -> bytes:
    """Tell that all of a peer's journal was handed on."""
    return _line(type="replayed", peer=peer)


def update(peer: str, octets: bytes) -> bytes:
    """Hand on whole UPDATE messages with their headers, undecoded."""
    head = f'{{"type":"update","peer":"{peer}","messages":"'.encode()
    return b"".join((head, hexlify(octets), b'"}\n'))


def state(peer: str, name: str, *, waited: float | None = None) -> bytes:
    """Tell the FSM state of a session that is not established.

    `waited` tells a new agent for how many seconds the speaker has waited for the
    first session of this peer.
    """
    if waited is None:
        return _line(type="state", peer=peer, state=name)
    return _line(type="state", peer=peer, state=name, waited=waited)


def down(peer: str, reason: str, *, graceful: bool, ago: float | None = None) -> bytes:
    """Tell that an established session ended.

    It ended gracefully where no NOTIFICATION ended it (RFC 4724, section 4). `ago`
    tells a new agent how many seconds ago it was.
    """
    if ago is None:
        return _line(type="down", peer=peer, reason=reason, graceful=graceful)
    return _line(type="down", peer=peer, reason=reason, graceful=graceful, ago=ago)


def notification(
    peer: str, direction: str, code: int, subcode: int, text: str
) -> bytes:
    """Tell of a NOTIFICATION, `sent` or `received`, at any time."""
    return _line(
        type="notification",
        peer=peer,
        direction=direction,
        code=code,
        subcode=subcode,
        text=text,
    )


def error(peer: str, text: str) -> bytes:
    """Tell why there is no connection."""
    return _line(type="error", peer=peer, text=text)


def damped(peer: str, seconds: int, ended: int) -> bytes:
    """Tell how long a peer has to wait after so many short sessions in a row."""
    return _line(type="damped", peer=peer, seconds=seconds, ended=ended)


def refresh(peer: str, phase: str) -> bytes:
    """Tell that the peer marked `begin` or `end` of a refresh (RFC 7313)."""
    return _line(type="refresh", peer=peer, phase=phase)


def up(peer: str, *, resumed: bool, **session: Any) -> bytes:  # noqa: ANN401
    """Tell what an established session negotiated; `resumed`: it is no news."""
    return _line(type="up", peer=peer, **session, resumed=resumed)


def reload() -> bytes:
    """Ask to read the YAML again (SIGHUP)."""
    return _line(type="reload")


def shutdown(*, flush: bool) -> bytes:
    """Ask to clean up and exit; `flush`: and to remove what was installed."""
    return _line(type="shutdown", flush=flush)


def _line(**fields: Any) -> bytes:  # noqa: ANN401
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
