"""Values that a process hands to another one of the same code, as octets.

Python's own pickle: configuration is built of plain values of `model/`, and nothing
else has to be written twice. Whoever reads it trusts the writer, and the code must be
the same on both sides: after an upgrade what is on the disk is not what runs.
"""

import io
import pickle
from pathlib import Path

from evpnd.model import config as model


class OtherCode(Exception):  # noqa: N818 - it says what is wrong
    """What wrote the octets was no evpnd, or is not the one that reads them."""


def pack(value: object) -> bytes:
    """Return the octets of a value."""
    return pickle.dumps(_CODE) + pickle.dumps(value)


def unpack(octets: bytes) -> object:
    """Return the value of octets; raises OtherCode, whatever is wrong with them."""
    file = io.BytesIO(octets)
    try:
        same = pickle.load(file) == _CODE  # noqa: S301 - the caller knows the writer
        value = pickle.load(file) if same else None  # noqa: S301 - as above
    except Exception as error:
        raise OtherCode from error
    if not same:
        raise OtherCode
    return value


def _code() -> list[tuple[str, int, int]]:
    """Return what tells this code from the one after an upgrade."""
    files = Path(model.__file__).parent.glob("*.py")
    stats = [(file.name, file.stat()) for file in sorted(files)]
    return [(name, each.st_size, each.st_mtime_ns) for name, each in stats]


_CODE = _code()
"""At the start: what stands on the disk after an upgrade is not what runs here."""
