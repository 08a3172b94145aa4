"""The errors and warnings of one file, and where in it they are."""

from collections.abc import Mapping

from evpnd.adapters.yaml.errors import ConfigError, KeyPath
from evpnd.adapters.yaml.reader import Document


class Findings:
    """The errors of one file, and the way from sound values back to the file."""

    def __init__(self, document: Document, *, warns: bool = False) -> None:
        self.document = document
        self.warns = warns
        """Warnings are wanted, which take time."""
        self._errors: dict[tuple[str, str], ConfigError] = {}
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
        return self._sorted(self._errors)

    @property
    def warnings(self) -> tuple[ConfigError, ...]:
        """What is valid but pointless, in the order of lines."""
        return self._sorted(self._warnings)

    @property
    def all(self) -> tuple[ConfigError, ...]:
        """Errors and warnings, in the order of lines."""
        return self._sorted({**self._warnings, **self._errors})

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

    def add(self, key_path: KeyPath, reason: str) -> None:
        """Record what a check found at a place among the sound values.

        Not where an error of shape stands already: it may be its consequence.
        """
        place = self.original(key_path)
        if not self._is_misshapen(place):
            self._note(place, reason)

    def warn(self, key_path: KeyPath, reason: str) -> None:
        """Record what is valid but pointless at a place among the sound values.

        Not where an error of shape stands already: it may be its consequence.
        """
        place = self.original(key_path)
        if self._is_misshapen(place):
            return
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

    def _is_misshapen(self, place: KeyPath) -> bool:
        return (bool(place) and place in self._around_shape) or any(
            place[:length] in self._shape for length in range(1, len(place) + 1)
        )

    def _note(self, key_path: KeyPath, reason: str) -> None:
        error = self.document.error(key_path, reason)
        self._errors.setdefault((error.key, reason), error)
