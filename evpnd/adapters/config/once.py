"""Notes what a file gives twice."""

from collections.abc import Callable, Hashable

from evpnd.adapters.yaml.errors import KeyPath, format_key_path
from evpnd.adapters.yaml.findings import Findings

Sentence = Callable[[object, str], str]
"""Returns what is wrong, of a value and the place that has it already."""


class Once:
    """Notes what is given twice."""

    def __init__(self, findings: Findings, sentence: Sentence) -> None:
        self._findings = findings
        self._sentence = sentence
        self._seen: dict[Hashable, tuple[KeyPath, str]] = {}

    def check(
        self,
        value: Hashable,
        key_path: KeyPath,
        sentence: Sentence | None = None,
        *,
        member: str = "",
    ) -> bool:
        """Return whether the value is new; if not, record it in a sentence.

        `member`: which of several things that stand at the place has the value.
        """
        here = key_path, member
        first = self._seen.setdefault(value, here)
        if first is here:
            return True
        place, earlier = self._findings.original(first[0]), first[1]
        line = self._findings.document.line(place)
        written = f"{format_key_path(place)} on line {line}"
        written += f" ({earlier})" if earlier else ""
        sentence = sentence or self._sentence
        told = sentence(value, written)
        self._findings.add(key_path, told, member=member, kind=sentence)
        return False
