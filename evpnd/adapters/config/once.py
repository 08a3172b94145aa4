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
        self._seen: dict[Hashable, KeyPath] = {}

    def check(
        self, value: Hashable, key_path: KeyPath, sentence: Sentence | None = None
    ) -> bool:
        """Return whether the value is new; if not, record it in a sentence."""
        first = self._seen.setdefault(value, key_path)
        if first is not key_path:
            place = self._findings.original(first)
            line = self._findings.document.line(place)
            written = f"{format_key_path(place)} on line {line}"
            self._findings.add(key_path, (sentence or self._sentence)(value, written))
        return first is key_path
