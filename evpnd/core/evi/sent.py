"""What the peers were told of one EVI."""

from typing import NamedTuple, final

from evpnd.model.advert import Advert
from evpnd.model.policy import Learned


class Announced(NamedTuple):
    """The announcement of one local MAC."""

    advert: Advert
    alone: bool
    """A route without an IP was sent."""
    ips: tuple[bytes, ...]
    of_ips: tuple[Advert, ...] = ()
    """The advert with each IP; empty: all have `advert`."""
    learned: tuple[Learned, ...] = ()
    """How the MAC was learned, then each IP; empty where no policy asks."""


class Gateway(NamedTuple):
    """The announcement of the bridge's own addresses in one family."""

    advert: Advert
    keys: tuple[bytes, ...]
    """The bridge's MAC with each of its IPs."""


@final
class Sent:
    """The routes that were announced. announce/originator.py keeps them."""

    __slots__ = ("gateways", "imet", "macs", "routes_of_macs", "stale")

    def __init__(self) -> None:
        """Start with nothing announced."""
        self.macs: dict[bytes, Announced] = {}
        self.routes_of_macs = 0
        """Routes of these MACs, with and without an IP."""
        self.gateways: tuple[Gateway, ...] = ()
        self.imet: Advert | None = None
        self.stale = True
        """The type 3 route and the gateways are to be compared with what is so now."""

    def take_stale(self) -> bool:
        """Return whether something is stale; nothing is then."""
        stale, self.stale = self.stale, False
        return stale

    def doubt(self) -> None:
        """Mark the type 3 route and the gateways as stale."""
        self.stale = True
