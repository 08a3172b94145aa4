"""Sizes as operators write them: 256M."""

import re

SMALLEST = 1 << 20
"""Octets of a recording, at least."""
LARGEST = 1 << 40
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def parse_size(text: str | int) -> int:
    """Return octets of ``256M`` (or ``256MiB``) or of a number; raises ValueError."""
    form = r"([0-9]{1,15})([KMGT]?)(i?B)?"
    found = re.fullmatch(form, str(text).strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"{text!r} is not a size; write it like 256M or 1G")
    size = int(found[1]) << _UNITS[found[2].upper()]
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"{text} is not within 1M..1T")
    return size


def format_size(octets: int) -> str:
    """Write a size with its largest unit, as far as it is a whole number of it."""
    for unit, bits in reversed(_UNITS.items()):
        if octets and octets % (1 << bits) == 0:
            return f"{octets >> bits}{unit}"
    return str(octets)
