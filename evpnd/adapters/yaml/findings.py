"""The errors and warnings of one file, and where in it they are."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

from evpnd.adapters.yaml.errors import ConfigError, KeyPath
from evpnd.adapters.yaml.reader import Document


class Findings:
    """The errors of one file, and the way from sound values back to the file."""

    def __init__(self, document: Document, *, warns: bool = False) -> None:
        self.document = document
        self.warns = warns
        """Warnings are wanted, which take time."""
        self._errors: dict[tuple[str, str], ConfigError] = {}
        self._of_members: dict[
            tuple[KeyPath, Hashable], tuple[ConfigError, set[str]]
        ] = {}
        """The first error of a kind at a place, and the members that have such."""
        self._shape: set[KeyPath] = set()
        self._around_shape: set[KeyPath] = set()
        self._warnings: dict[tuple[str, str], ConfigError] = {}
        self.kept: dict[KeyPath, list[int]] = {}
        """Positions in the file of the items of a list that lost some."""
        for error in document.errors:
            self._errors[error.key, error.reason] = error

    @property
    def errors(self) -> tuple[ConfigError, ...]:
        """All that was found: this file's, then others', in the order of lines."""
        return self._sorted(self._all_errors())

    @property
    def warnings(self) -> tuple[ConfigError, ...]:
        """What is valid but pointless, in the order of lines."""
        return self._sorted(self._warnings)

    @property
    def all(self) -> tuple[ConfigError, ...]:
        """Errors and warnings, in the order of lines."""
        return self._sorted({**self._warnings, **self._all_errors()})

    def _all_errors(self) -> dict[tuple[str, str], ConfigError]:
        found = dict(self._errors)
        for error, members in self._of_members.values():
            reason = error.reason
            if len(members) > 1:
                reason += f"; likewise {len(members) - 1} more"
            found[error.key, reason] = replace(error, reason=reason)
        return found

    def _sorted(
        self, found: Mapping[tuple[str, str], ConfigError]
    ) -> tuple[ConfigError, ...]:
        own = self.document.path
        return tuple(
            sorted(
                found.values(),
                key=lambda error: (error.path != own, error.path, error.line or 0),
            )
        )

    def add_shape(self, key_path: KeyPath, reason: str) -> None:
        """Record an error of shape at a place in the file."""
        self._shape.add(key_path)
        self._around_shape.update(
            key_path[:length] for length in range(len(key_path) + 1)
        )
        self._note(key_path, reason)

    def add(
        self, key_path: KeyPath, reason: str, *, member: str = "", kind: Hashable = None
    ) -> None:
        """Record what a check found at a place among the sound values.

        Not where an error of shape stands already: it may be its consequence. Where
        one place stands for many things, `member` says which of them it is about, and
        all errors of a kind there are one.
        """
        if self.is_misshapen(key_path):
            return
        place = self.original(key_path)
        if not member:
            self._note(place, reason)
            return
        error = self.document.error(place, f"{member}: {reason}")
        _, members = self._of_members.setdefault((place, kind), (error, set()))
        members.add(member)

    def warn(self, key_path: KeyPath, reason: str) -> None:
        """Record what is valid but pointless at a place among the sound values.

        Not where an error of shape stands already: it may be its consequence.
        """
        if self.is_misshapen(key_path):
            return
        place = self.original(key_path)
        error = self.document.error(place, f"warning: {reason}")
        self._warnings.setdefault((error.key, reason), error)

    def warn_elsewhere(self, warning: ConfigError) -> None:
        """Record a warning about another file."""
        self._warnings[str(warning.path) + warning.key, warning.reason] = warning

    def add_elsewhere(self, error: ConfigError) -> None:
        """Record an error in another file."""
        self._errors[str(error.path) + error.key, error.reason] = error

    def original(self, key_path: KeyPath) -> KeyPath:
        """Return the place in the file of a place among the sound values."""
        place: KeyPath = ()
        for part in key_path:
            kept = self.kept.get(place)
            place += (kept[part] if kept and isinstance(part, int) else part,)
        return place

    def is_misshapen(self, key_path: KeyPath) -> bool:
        """Return whether an error of shape stands at a place, around it or below."""
        place = self.original(key_path)
        return (bool(place) and place in self._around_shape) or any(
            place[:length] in self._shape for length in range(1, len(place) + 1)
        )

    def _note(self, key_path: KeyPath, reason: str) -> None:
        error = self.document.error(key_path, reason)
        self._errors.setdefault((error.key, reason), error)
