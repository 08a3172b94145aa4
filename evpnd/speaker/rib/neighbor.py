"""ExaBGP's class of a configured peer, with our Adj-RIB-Out."""

from typing import ClassVar

from exabgp.bgp.message.open.capability import Capabilities, Capability
from exabgp.bgp.message.open.capability.graceful import Graceful
from exabgp.bgp.neighbor import Neighbor
from exabgp.protocol.family import AFI, SAFI
from exabgp.rib import RIB
from exabgp.rib.incoming import IncomingRIB

from evpnd.speaker.rib.adj_rib_out import AdjRibOut


class PeerRib(RIB):  # type: ignore[misc] # exabgp has no types
    """The RIBs of one peer address.

    ExaBGP keeps its RIBs by the neighbor's name, which changes with the ASN; a
    route that the agent announced to an address stays announced to it.
    """

    known: ClassVar[dict[str, AdjRibOut]] = {}

    def __init__(self, address: str, families: list[tuple[AFI, SAFI]]) -> None:
        self.name = address
        self.incoming = IncomingRIB(False, families)  # noqa: FBT003
        self.outgoing = self.known.setdefault(address, AdjRibOut())

    def clear(self) -> None:
        """Forget every route."""
        self.incoming.clear()
        self.outgoing.clear()

    def uncache(self) -> None:
        """Keep the routes: a peer that was reconfigured finds them again."""

    @classmethod
    def forget_all_but(cls, addresses: set[str]) -> None:
        """Drop the routes of peers that are no longer configured."""
        for address in cls.known.keys() - addresses:
            del cls.known[address]


class SpeakerNeighbor(Neighbor):  # type: ignore[misc] # exabgp has no types
    """A configured peer."""

    def make_rib(self) -> None:
        """Store the peer's routes, or create an empty table."""
        self.rib = PeerRib(self["peer-address"].top(), self._families)


class SpeakerCapabilities(Capabilities):  # type: ignore[misc] # exabgp has no types
    """The capabilities of our OPEN, with the true F and R bits.

    ExaBGP claims preserved forwarding state whenever the capability is on.
    """

    preserved: ClassVar[bool] = False
    """The agent found the kernel's rows of its predecessor and keeps them."""

    def _graceful(self, neighbor: Neighbor, restarted: bool) -> None:  # noqa: FBT001
        """Set R for a restart that kept its state, F for state that was kept.

        A session that comes back without a restart of this process lost nothing.
        """
        seconds = neighbor["capability"]["graceful-restart"]
        if not seconds:
            return
        kept = self.preserved or not restarted
        forwarding = Graceful.FORWARDING_STATE if kept else 0
        self[Capability.CODE.GRACEFUL_RESTART] = Graceful().set(
            Graceful.RESTART_STATE if restarted and kept else 0,
            seconds,
            [(afi, safi, forwarding) for afi, safi in neighbor.families()],
        )
