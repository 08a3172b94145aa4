"""Numbers and ranges of them, `100-199` or `[100-199, 300]`, as YAML keys have them."""

import re
from collections.abc import Iterable

from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.values import Parsed, number, range_hint

Ranges = tuple[range, ...]
_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")


def ranges(low: int, high: int) -> Parsed:
    """Return a parser of numbers within bounds: one, a range, or a list of them.

    Their order is kept.
    """

    def one(value: object) -> range:
        if not isinstance(value, str):
            only = number(value, low, high)
            return range(only, only + 1)
        found = _RANGE.fullmatch(value)
        if not found:
            raise ValueError(
                f"{describe(value)} is neither a number nor a range like 100-199"
                f"{range_hint(value)}"
            )
        first, last = (number(int(bound), low, high) for bound in found.groups())
        if first > last:
            raise ValueError(f"the range {value} is backwards; write {last}-{first}")
        return range(first, last + 1)

    def parse(value: object) -> Ranges:
        found = tuple(map(one, value if isinstance(value, list) else [value]))
        before: range | None = None
        for each in in_order(found):
            if before is not None and each.start < before.stop:
                raise ValueError(f"lists {each.start} twice; write it once")
            before = each
        return found

    item = [
        {"type": "integer", "minimum": low, "maximum": high},
        {"type": "string", "pattern": "^[0-9]+-[0-9]+$"},
    ]
    schema = {"anyOf": [*item, {"type": "array", "items": {"anyOf": item}}]}
    return Parsed(parse, schema)


def in_order(found: Iterable[range]) -> Ranges:
    """Return ranges in ascending order."""
    return tuple(sorted(found, key=lambda each: each.start))


def size(found: Ranges) -> int:
    """Return how many numbers the ranges have."""
    return sum(map(len, found))
