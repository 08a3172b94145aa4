"""What a command asks in place of a daemon."""

from pathlib import Path
from typing import NamedTuple


class Recorded(NamedTuple):
    """A recording: what `--replay`, `--until` and `--config` say."""

    path: Path
    until: str | None = None
    config: Path | None = None
    """Of an MRT dump, which has none."""
