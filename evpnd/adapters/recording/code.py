"""Tells the code that wrote a state from any other."""

import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import evpnd
from evpnd.recording.state import LAYERS

_LOADED: Final = time.time()


def code() -> str:
    """Return the digest of the source of all that a state has objects of.

    Where it was changed since this process loaded it, the digest is of no code.
    """
    root = Path(evpnd.__file__).parent
    digest = sha256(sys.version.encode())
    for layer in LAYERS:
        for path in sorted(root.joinpath(layer).rglob("*.py")):
            if path.stat().st_mtime > _LOADED:
                return "changed"
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
