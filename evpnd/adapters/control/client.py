"""The commands' end of the control socket; no event loop, few imports."""

import errno
import json
import socket
from pathlib import Path

_CHUNK = 1 << 18
_ABSENT = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.ENOTDIR})


class NoDaemon(Exception):  # noqa: N818 - it says what is wrong
    """Nothing listens at the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"no evpnd at {path}: start it with `evpnd run -c FILE` or "
            "`systemctl start evpnd`, or name another with --socket"
        )


class RequestFailed(Exception):  # noqa: N818 - as above
    """The daemon is there and did not answer; the text is a sentence."""


def request(
    path: Path, question: dict[str, object], timeout: float = 30.0
) -> dict[str, object]:
    """Send one request and wait for its answer.

    `timeout` is in seconds and bounds every pause, not the whole: a long table
    may take longer. Raises NoDaemon, or RequestFailed.
    """
    try:
        with _connect(path, timeout) as sock:
            sock.sendall(json.dumps(question).encode() + b"\n")
            line = _read_line(sock)
        answer = json.loads(line)
    except TimeoutError:
        raise RequestFailed(
            f"evpnd at {path} did not answer within {timeout:g} seconds"
        ) from None
    except OSError as error:
        raise RequestFailed(f"asking evpnd at {path}: {error.strerror}") from None
    except ValueError:
        raise RequestFailed(f"what answers at {path} is not evpnd") from None
    if not isinstance(answer, dict):
        raise RequestFailed(f"what answers at {path} is not evpnd")
    return answer


def is_answered(path: Path) -> bool:
    """Tell whether a daemon listens at a socket."""
    try:
        _connect(path, 2.0).close()
    except NoDaemon:
        return False
    except (OSError, RequestFailed):
        # In doubt, for want of permission or a full backlog, it is in use.
        return True
    return True


def _connect(path: Path, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        if error.errno in _ABSENT:
            raise NoDaemon(path) from None
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


def _read_line(sock: socket.socket) -> bytes:
    pieces: list[bytes] = []
    while piece := sock.recv(_CHUNK):
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return b"".join(pieces)
    raise RequestFailed("evpnd ended the connection in the middle of its answer")
