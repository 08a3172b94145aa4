"""The type 3 routes that an EVI imports, and the VTEPs that they name."""

from collections.abc import ItemsView, KeysView

Name = tuple[object, ...]
"""Peer and identity of a route."""


class Imets:
    """VTEPs to flood to, by route; a VTEP counts while any route names it."""

    __slots__ = ("_routes", "_uses")

    def __init__(self) -> None:
        """Start empty."""
        self._routes: dict[Name, bytes] = {}
        self._uses: dict[bytes, dict[Name, None]] = {}

    def __contains__(self, vtep: bytes) -> bool:
        """Return whether a route names a VTEP."""
        return vtep in self._uses

    def put(self, name: Name, vtep: bytes) -> None:
        """Store a route, in place of one of the same name."""
        self.drop(name)
        self._routes[name] = vtep
        self._uses.setdefault(vtep, {})[name] = None

    def drop(self, name: Name) -> bytes | None:
        """Remove a route and return its VTEP; None: there was none."""
        vtep = self._routes.pop(name, None)
        if vtep is not None:
            del self._uses[vtep][name]
            if not self._uses[vtep]:
                del self._uses[vtep]
        return vtep

    def owner(self, vtep: bytes) -> object:
        """Return the peer that named a VTEP first; KeyError where none does."""
        return next(iter(self._uses[vtep]))[0]

    def clear(self) -> None:
        """Remove all routes."""
        self._routes.clear()
        self._uses.clear()

    def vteps(self) -> KeysView[bytes]:
        """Return the VTEPs, each once."""
        return self._uses.keys()

    def items(self) -> ItemsView[Name, bytes]:
        """Return the routes with their VTEPs."""
        return self._routes.items()
