"""An engine with a model kernel, driven until it is quiet."""

from collections.abc import Sequence
from pathlib import Path

from evpnd.core.engine import Engine
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import Action, BgpAction, DumpFdb, KernelAction, Notice
from evpnd.model.config import (
    Config,
    EviConfig,
    PeerConfig,
    VtepConfig,
)
from evpnd.model.events import Event, PeerWentUp, UpdateReceived
from evpnd.model.ids import Peer, parse_ip, parse_rd, parse_route_target, parse_vni
from evpnd.model.routes import (
    ImetRoute,
    MacIpBatch,
    PathAttributes,
    PmsiTunnel,
    Update,
)
from evpnd.model.targets import auto_export_target, auto_import_targets
from evpnd.views.query import Query
from tests.fakes.kernel import FakeKernel

VTEP = parse_ip("10.0.0.1")
VNI = parse_vni(100)
TARGET = parse_route_target("65000:100")
PEERS = (Peer("192.0.2.1"), Peer("192.0.2.2"))
LABEL = VNI.to_bytes(3, "big")
NO_TAG = bytes(4)
NO_ESI = bytes(10)


def config(**changes: object) -> Config:
    """A host with one EVI, VNI 100, and two iBGP peers."""
    evi = EviConfig(
        vni=VNI,
        name="tenant",
        export_targets=(auto_export_target(65000, VNI),),
        import_targets=auto_import_targets(VNI),
        given_targets=(),
    )
    settings: dict[str, object] = {
        "path": Path("evpnd.yaml"),
        "asn": 65000,
        "router_id": VTEP,
        "vtep": VtepConfig(VTEP),
        "peers": tuple(PeerConfig(peer, 65000) for peer in PEERS),
        "evis": (evi,),
    }
    return Config(**(settings | changes))  # type: ignore[arg-type]


def attributes(vtep: str, sequence: int = 0, **more: object) -> PathAttributes:
    return PathAttributes(
        next_hop=parse_ip(vtep),
        route_targets=(TARGET,),
        sequence=sequence,
        **more,  # type: ignore[arg-type]
    )


def rd_of(vtep: str) -> bytes:
    return parse_rd(f"{vtep}:100")


def announce(peer: Peer, path: PathAttributes, vtep: str, *keys: bytes) -> Event:
    batch = MacIpBatch(rd_of(vtep), NO_TAG, NO_ESI, LABEL, list(keys))
    return UpdateReceived(peer, Update(path, [batch], [], [], []))


def withdraw(peer: Peer, vtep: str, *keys: bytes) -> Event:
    batch = MacIpBatch(rd_of(vtep), NO_TAG, b"", b"", list(keys))
    return UpdateReceived(peer, Update(None, [], [], [batch], []))


def announce_imet(peer: Peer, vtep: str) -> Event:
    ip = parse_ip(vtep)
    path = PathAttributes(
        next_hop=ip, route_targets=(TARGET,), pmsi=PmsiTunnel(6, VNI, ip)
    )
    route = ImetRoute(rd_of(vtep), NO_TAG, ip)
    return UpdateReceived(peer, Update(path, [], [route], [], []))


def withdraw_imet(peer: Peer, vtep: str) -> Event:
    route = ImetRoute(rd_of(vtep), NO_TAG, parse_ip(vtep))
    return UpdateReceived(peer, Update(None, [], [], [], [route]))


def end_of_rib(peer: Peer) -> Event:
    return UpdateReceived(peer, Update(None, [], [], [], [], end_of_rib=True))


class Host:
    """One evpnd: its core, its kernel, and all it said to BGP and to people."""

    def __init__(
        self,
        kernel: FakeKernel | None = None,
        configuration: Config | None = None,
        told: Sequence[Event] = (),
        *,
        unread: bool = False,
    ) -> None:
        self.now = 100.0
        self.kernel = kernel or FakeKernel(VTEP)
        self.engine = Engine(configuration or config(), self.now)
        self.bgp: list[BgpAction] = []
        self.notices: list[Notice] = []
        self.actions: list[Action] = []
        self.unread: list[Action] | None = [] if unread else None
        """Dumps that were asked for and that the kernel has not answered."""
        self.run(*told)

    @property
    def query(self) -> Query:
        """What views read."""
        return Query(self.engine)

    @property
    def vrf(self) -> MacVrf:
        return self.engine.inventory.vrfs[VNI]

    def tell(self, *events: Event) -> None:
        """Hand events to the core without letting it act."""
        for event in events:
            self.engine.handle(event, self.now)

    def turn(self) -> list[Action]:
        """Reconcile once, apply, and hand what the kernel says back."""
        actions = self.engine.reconcile(self.now)
        self.actions.extend(actions)
        for action in actions:
            if isinstance(action, Notice):
                self.notices.append(action)
            elif isinstance(action, BgpAction):
                self.bgp.append(action)
            elif self.unread is not None and isinstance(action, DumpFdb):
                self.unread.append(action)
            else:
                self.tell(*self.kernel.apply(action))
        return actions

    def read(self) -> None:
        """Let the kernel answer the dumps that were asked for."""
        waiting, self.unread = self.unread or [], None
        for action in waiting:
            assert isinstance(action, DumpFdb)
            self.run(*self.kernel.apply(action))

    def run(self, *events: Event) -> None:
        """Hand events over and go on until nothing is left to do."""
        self.tell(*events)
        for _ in range(20):
            if not any(
                isinstance(action, KernelAction | BgpAction) for action in self.turn()
            ):
                return
        raise AssertionError("the core does not come to rest")

    def up(self) -> None:
        """Both peers come up and have nothing to say."""
        for peer in PEERS:
            self.run(PeerWentUp(peer), end_of_rib(peer))

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.run()

    def remote_macs(self) -> dict[bytes, bytes]:
        """MACs whose rows lead to a VTEP, both rows being there and ours."""
        return {
            mac: row.dst
            for mac, row in self.kernel.vxlan.items()
            if row.flags & 0x10 and self.kernel.bridge[mac].ifindex == 11
        }
