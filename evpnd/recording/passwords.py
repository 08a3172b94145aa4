"""Cuts passwords out of what is recorded."""

from dataclasses import replace

from evpnd.model.config import Config, PeerConfig


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
