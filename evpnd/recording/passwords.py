"""Cuts passwords out of what is recorded."""

import json
from dataclasses import replace

from evpnd.model.config import Config, PeerConfig

_SHORTEST = 4
"""Characters of a password that is looked for in other text: a shorter one may be
anything there."""


class Passwords:
    """Passwords that were cut, each of which has a name in place of it.

    So that a change of a password remains a change. The names say nothing of it.
    """

    def __init__(self) -> None:
        """Start with none known."""
        self._names: dict[str, str] = {}

    def cut(self, config: Config) -> Config:
        """Return a configuration without passwords."""
        return replace(config, peers=tuple(map(self.cut_peer, config.peers)))

    def cut_peer(self, peer: PeerConfig) -> PeerConfig:
        """Return a peer without its password."""
        if peer.password is None:
            return peer
        name = f"(cut {len(self._names) + 1})"
        return replace(peer, password=self._names.setdefault(peer.password, name))

    def cut_text(self, text: str) -> str:
        """Return JSON without passwords that are in it for another reason."""
        for password in tuple(self._names):
            if len(password) >= _SHORTEST:
                for form in (password, json.dumps(password)[1:-1]):
                    text = text.replace(form, "(cut)")
        return text

    def cut_octets(self, octets: bytes) -> bytes:
        """Return as many octets without such passwords."""
        for password in tuple(self._names):
            if len(password) >= _SHORTEST:
                form = password.encode()
                octets = octets.replace(form, b"x" * len(form))
        return octets
