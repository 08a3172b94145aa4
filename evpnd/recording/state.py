"""All that an agent knows, as octets: where a recording begins in the middle.

Python's pickle, of the classes of the pure layers alone: whoever sends a recording can
have no other code run. What pickle does not take, and is here, are weak dictionaries
and functions within functions. The octets mean something to the same code only.
"""

import io
import pickle
import sys
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType
from typing import Any
from weakref import WeakValueDictionary

from evpnd.model.config import PeerConfig
from evpnd.recording.passwords import Passwords

LAYERS = ("core", "model", "policy", "wire", "recording")
"""Packages of whose objects a state is made."""
_CLASSES = {
    "builtins": ("set", "frozenset", "bytearray", "range", "slice", "complex"),
    "collections": ("Counter", "deque", "OrderedDict", "defaultdict"),
    "pathlib": ("PosixPath", "PurePosixPath"),
    "pathlib._local": ("PosixPath", "PurePosixPath"),  # Python 3.13
}
_PROTOCOL = 5


class OtherCodeError(Exception):
    """The octets are of another version of evpnd, or are none of it."""


def freeze(value: object, passwords: Passwords) -> bytes:
    """Return a value without passwords as octets.

    Raises PicklingError, TypeError or AttributeError for what has none.
    """
    file = io.BytesIO()
    _Freezer(file, passwords).dump(value)
    return passwords.cut_octets(file.getvalue())


def thaw(octets: bytes) -> object:
    """Return the value of octets; raises OtherCodeError, whatever is wrong."""
    try:
        return _Thawer(io.BytesIO(octets)).load()
    except Exception as error:
        raise OtherCodeError(str(error)) from error


class _Freezer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, passwords: Passwords) -> None:
        super().__init__(file, _PROTOCOL)
        self._passwords = passwords

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 - as pickle has it
        if type(value) is WeakValueDictionary:
            return weak, (dict(value),)
        if type(value) is PeerConfig and value.password is not None:
            return self._passwords.cut_peer(value).__reduce_ex__(_PROTOCOL)
        if type(value) is FunctionType and "<" in value.__qualname__:
            cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
            place = _place(value.__module__, value.__code__)
            return function, (value.__module__, place, cells)
        return NotImplemented


class _Thawer(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as above
        if (module, name) == ("builtins", "getattr"):
            return method
        if (module, name) == ("functools", "partial"):
            return super().find_class(module, name)
        if name in _CLASSES.get(module, ()):
            return super().find_class(module, name)
        top, _, rest = module.partition(".")
        ours = top == "evpnd" and (
            rest.split(".")[0] in LAYERS or rest == "adapters.pipe.translation"
        )
        found = super().find_class(module, name) if ours and "." not in name else None
        if isinstance(found, type) or found in (weak, function):
            return found
        # Functions of a module that values refer to, as how a table writes its keys.
        if isinstance(found, FunctionType) and found.__module__ == module:
            return found
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a state")


def weak(items: dict[Any, Any]) -> "WeakValueDictionary[Any, Any]":
    """Return a weak dictionary of what others keep."""
    return WeakValueDictionary(items)


def method(value: object, name: str) -> object:
    """Return a method of one of our objects, in place of `getattr`."""
    if not type(value).__module__.startswith("evpnd.") or name.startswith("__"):
        raise pickle.UnpicklingError(f"{name} does not belong in a state")
    return getattr(value, name)


def function(module: str, place: int, cells: tuple[Any, ...]) -> FunctionType:
    """Return a function within a function, by its place in a module of ours."""
    if not module.startswith(tuple(f"evpnd.{layer}." for layer in LAYERS)):
        raise pickle.UnpicklingError(f"{module} does not belong in a state")
    namespace = vars(sys.modules[module])
    inner = _inner(module)[place]
    return FunctionType(inner, namespace, None, None, tuple(map(CellType, cells)))


def _place(module: str, wanted: CodeType) -> int:
    return _inner(module).index(wanted)


def _inner(module: str) -> list[CodeType]:
    """List the code of all functions within functions of a module, in its order."""
    namespace = vars(sys.modules[module])
    found: list[CodeType] = []
    for value in namespace.values():
        if getattr(value, "__module__", None) != module:
            continue
        for one in vars(value).values() if isinstance(value, type) else (value,):
            plain = getattr(one, "fget", None) or getattr(one, "__wrapped__", one)
            if isinstance(plain, FunctionType):
                found.extend(_within(plain.__code__))
    return found


def _within(outer: CodeType) -> Iterator[CodeType]:
    for constant in outer.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _within(constant)
