"""The commands' end of the control socket; no event loop, few imports."""

import contextlib
import errno
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 18
_ABSENT = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.ENOTDIR})
_RESTART = 2.0
"""Seconds in which an agent that died has started again."""
_PAUSE = 0.05


class NoDaemon(Exception):  # noqa: N818 - it says what is wrong
    """Nothing listens at the socket."""

    def __init__(self, path: Path, *, left: bool = False) -> None:
        self.path = path
        self.left = left
        """The socket is there: an agent died a moment ago, or with all of evpnd."""
        super().__init__(
            f"no evpnd at {path}: start it with `evpnd run -c FILE` or "
            "`systemctl start evpnd`, or name another with --socket"
        )


class RequestFailed(Exception):  # noqa: N818 - as above
    """The daemon is there and did not answer; the text is a sentence."""


def request(
    path: Path,
    question: dict[str, object],
    timeout: float = 30.0,
    restart: float = _RESTART,
) -> dict[str, object]:
    """Send one request and wait for its answer.

    `timeout` is in seconds and bounds every pause, not the whole: a long table
    may take longer. `restart` are the seconds that an agent which died has to start
    again. Raises NoDaemon, or RequestFailed.
    """
    try:
        answer = json.loads(b"".join(pieces(path, question, timeout, restart)))
    except ValueError:
        raise _not_evpnd(path) from None
    if not isinstance(answer, dict):
        raise _not_evpnd(path)
    return answer


def pieces(
    path: Path,
    question: dict[str, object],
    timeout: float = 30.0,
    restart: float = _RESTART,
) -> Iterator[bytes]:
    """Send one request and yield its answer, a line, as it comes.

    As `request` otherwise.
    """
    try:
        with _connect_patiently(path, timeout, restart) as sock:
            # One that is refused at once has its answer before it asks.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(json.dumps(question).encode() + b"\n")
            yield from _read_line(sock)
    except TimeoutError:
        raise RequestFailed(
            f"evpnd at {path} did not answer within {timeout:g} seconds"
        ) from None
    except (ConnectionResetError, BrokenPipeError):
        raise RequestFailed(
            f"the agent of evpnd at {path} ended before it answered; ask again"
        ) from None
    except OSError as error:
        raise RequestFailed(f"asking evpnd at {path}: {error.strerror}") from None


def _not_evpnd(path: Path) -> RequestFailed:
    return RequestFailed(f"the program that answers at {path} is not evpnd")


def is_answered(path: Path) -> bool:
    """Return whether a daemon listens at a socket."""
    try:
        _connect(path, 2.0).close()
    except NoDaemon:
        return False
    except (OSError, RequestFailed):
        # In doubt, for want of permission or a full backlog, it is in use.
        return True
    return True


def _connect_patiently(path: Path, timeout: float, restart: float) -> socket.socket:
    """Connect, now or when the agent has started again."""
    deadline = time.monotonic() + restart
    while True:
        try:
            return _connect(path, timeout)
        except NoDaemon as absent:
            if not absent.left or time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE)


def _connect(path: Path, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        if error.errno in _ABSENT:
            left = error.errno == errno.ECONNREFUSED
            raise NoDaemon(path, left=left) from None
        if error.errno is None:
            # Python refuses a path that is too long itself.
            raise RequestFailed(f"{path}: {error}") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise RequestFailed(
                f"no permission to use {path}; run as root or as its group"
            ) from None
        raise
    except ValueError as error:
        sock.close()
        raise RequestFailed(f"{path}: {error}") from None
    return sock


def _read_line(sock: socket.socket) -> Iterator[bytes]:
    while piece := sock.recv(_CHUNK):
        yield piece
        if piece.endswith(b"\n"):
            return
    raise RequestFailed("evpnd ended the connection in the middle of its answer")
