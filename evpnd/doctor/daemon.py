"""What a running evpnd told: tables of `show --json`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Daemon(NamedTuple):
    """Tables, as interface names them."""

    peers: Sequence[Row]
    evis: Sequence[Row]
    vteps: Sequence[Row]
