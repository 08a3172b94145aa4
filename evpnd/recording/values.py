"""Values of `model/` and `wire/messages.py` as JSON and back, by their annotations.

    None, bool, int, float, str   as in JSON
    bytes                         hexadecimal text
    Enum                          the name of the member
    Path                          text
    range                         [start, stop]
    tuple, list, (frozen)set      a list
    Mapping                       a list of [key, value]
    a row (see ROWS)              its fields as a list, in order
    NamedTuple, dataclass         an object of its fields; those that have their
                                  default are left out
    one of several classes        an object: the name of the class, and the value

A field that is missing has its default, so that a field added later does not make old
recordings unreadable. A field that nobody knows is refused.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from evpnd.model.events import Heard
from evpnd.model.rows import FdbRow, NeighborRow

ROWS = frozenset({FdbRow, NeighborRow, Heard})
"""Classes of which there are many, written without names."""
_PLAIN = frozenset({bool, int, float, str, object, Any})

Turn = Callable[[Any], Any]


class BadValueError(ValueError):
    """JSON that no value is written as; the text is a sentence."""


class Form(NamedTuple):
    """How the values of an annotation are written and read."""

    write: Turn
    read: Turn


_known: dict[Any, Form] = {}


def form_of(annotation: Any) -> Form:  # noqa: ANN401 - whatever stands behind a colon
    """Return how the values of an annotation are written."""
    known = _known.get(annotation)
    if known is None:
        known = _known[annotation] = _form(annotation)
    return known


def _form(annotation: Any) -> Form:  # noqa: ANN401 - as above
    while hasattr(annotation, "__supertype__"):
        annotation = annotation.__supertype__
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return Form(_same, _same)
    if annotation is bytes:
        return Form(bytes.hex, _octets)
    if annotation is range:
        return Form(lambda it: [it.start, it.stop], lambda it: range(*it))
    if origin in (UnionType, Union):
        return _one_of(arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _fixed(arguments)
    if origin in (tuple, list, set, frozenset):
        return _several(origin, arguments[0])
    if issubclass(annotation, Enum):
        return Form(lambda it: it.name, lambda name: _member(annotation, name))
    if issubclass(annotation, Path):
        return Form(str, Path)
    return _fields(annotation)


def _same(value: object) -> object:
    return value


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError):
        raise BadValueError(f"{text!r} is not hexadecimal") from None


def _member(kind: type[Enum], name: str) -> Enum:
    try:
        return kind[name]
    except KeyError:
        raise BadValueError(f"{name!r} is no {kind.__name__}") from None


def _lazily(annotation: object) -> Callable[[], Form]:
    """Return how to find a form later: classes name each other in circles."""
    return lambda: form_of(annotation)


def _several(make: Callable[[Iterable[object]], object], inner: object) -> Form:
    form = _lazily(inner)
    if make in (set, frozenset):
        return Form(
            lambda values: sorted(map(form().write, values)),
            lambda them: make(map(form().read, _list(them))),
        )
    return Form(
        lambda values: list(map(form().write, values)),
        lambda them: make(map(form().read, _list(them))),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise BadValueError(f"{value!r} is no list")
    return value


def _fixed(inner: tuple[object, ...]) -> Form:
    forms = [_lazily(each) for each in inner]

    def write(values: tuple[object, ...]) -> list[object]:
        return [f().write(value) for f, value in zip(forms, values, strict=True)]

    def read(values: object) -> tuple[object, ...]:
        if len(_list(values)) != len(forms):
            raise BadValueError(f"{values!r} has not {len(forms)} members")
        return tuple(
            f().read(value) for f, value in zip(forms, _list(values), strict=True)
        )

    return Form(write, read)


def _mapping(key: object, value: object) -> Form:
    keys, values = _lazily(key), _lazily(value)

    def write(mapping: Mapping[object, object]) -> list[list[object]]:
        k, v = keys().write, values().write
        return [[k(key), v(value)] for key, value in mapping.items()]

    def read(pairs: object) -> dict[object, object]:
        k, v = keys().read, values().read
        return {k(key): v(value) for key, value in _list(pairs)}

    return Form(write, read)


def _one_of(kinds: tuple[Any, ...]) -> Form:
    inner = [kind for kind in kinds if kind is not NoneType]
    if len(inner) == 1:
        form = _lazily(inner[0])
        return Form(
            lambda value: None if value is None else form().write(value),
            lambda value: None if value is None else form().read(value),
        )
    named = {kind.__name__: kind for kind in inner if kind not in _PLAIN}

    def write(value: object) -> object:
        name = type(value).__name__
        return {name: form_of(named[name]).write(value)} if name in named else value

    def read(value: object) -> object:
        if not isinstance(value, dict):
            return value
        name, written = next(iter(value.items()), ("", None))
        if name not in named or len(value) != 1:
            raise BadValueError(f"{name!r} is none of {', '.join(named)}")
        return form_of(named[name]).read(written)

    return Form(write, read)


def _fields(kind: type[Any]) -> Form:
    hints = get_type_hints(kind)
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        defaults = {
            field.name: field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default
            for field in dataclasses.fields(kind)
            if field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        }
    elif hasattr(kind, "_fields"):
        names, defaults = kind._fields, kind._field_defaults
    else:
        raise TypeError(f"{kind} has no form in a recording")
    forms = {name: _lazily(hints[name]) for name in names}
    if kind in ROWS:
        return _row(kind, [forms[name]() for name in names])

    def write(value: object) -> dict[str, object]:
        written: dict[str, object] = {}
        for name in names:
            field = getattr(value, name)
            if name not in defaults or field != defaults[name]:
                written[name] = forms[name]().write(field)
        return written

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise BadValueError(f"{value!r} is no {kind.__name__}")
        unknown = value.keys() - forms.keys()
        if unknown:
            raise BadValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        given = {name: forms[name]().read(each) for name, each in value.items()}
        missing = forms.keys() - given.keys() - defaults.keys()
        if missing:
            listed = ", ".join(sorted(missing))
            raise BadValueError(f"{kind.__name__} lacks {listed}")
        return kind(**given)

    return Form(write, read)


def _row(kind: type[Any], forms: list[Form]) -> Form:
    """Return the form of a class without names; most of its fields need no writing."""
    octets = [at for at, form in enumerate(forms) if form.write is bytes.hex]
    least = len(forms) - len(kind._field_defaults)

    def write(value: Iterable[object]) -> list[Any]:
        written: list[Any] = list(value)
        for at in octets:
            written[at] = written[at].hex()
        return written

    def read(value: object) -> object:
        fields = list(_list(value))
        if not least <= len(fields) <= len(forms):
            raise BadValueError(f"{value!r} is no {kind.__name__}")
        for at in octets:
            if at < len(fields):
                fields[at] = _octets(fields[at])
        return kind(*fields)

    return Form(write, read)
