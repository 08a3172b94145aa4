"""A fabric of evpnds: real cores, model kernels, real octets between them.

Each host has its core, its kernel with its own delays, and a speaker's Adj-RIB-Out
for each session. Sessions lead to every other host or to route reflectors; each
direction is a queue, so nothing is reordered within a session and everything
between them. Nothing moves by itself: a test says which queue goes on.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from evpnd.core.engine import Engine
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    AnnouncePrefixes,
    BgpAction,
    FinishAnnouncement,
    KernelAction,
    Notice,
    ReopenSession,
    RequestRefresh,
    ResetSession,
    WithdrawImet,
    WithdrawMacIp,
    WithdrawPrefixes,
)
from evpnd.model.config import Config, PeerConfig, VtepConfig
from evpnd.model.events import (
    BindingsSnooped,
    Event,
    Heard,
    PeerWentDown,
    PeerWentUp,
    UpdateReceived,
)
from evpnd.model.ids import Ip, Peer, parse_ip
from evpnd.speaker.rib.adj_rib_out import Block, read_routes
from evpnd.views.query import Query
from evpnd.wire.attributes import encode_attributes
from evpnd.wire.nlri import encode_imet, encode_mac_ip, encode_prefixes
from evpnd.wire.update import UpdateDecoder
from tests.fakes.host import VNI, config
from tests.fakes.kernel import FakeKernel
from tests.fakes.speakers import (
    HEADER,
    Direction,
    Message,
    Reflector,
    RefreshAsked,
    Speaker,
)

RESTART_TIME = 120


class Host(Speaker):
    """One evpnd. Its kernel works and is heard when the test says so."""

    def __init__(
        self,
        address: str,
        vtep: str,
        settings: Config,
        fabric: "Fabric",
        vlans: tuple[int, ...],
    ) -> None:
        super().__init__(address)
        self.vtep = parse_ip(vtep)
        self.settings = settings
        self.fabric = fabric
        self.kernel = FakeKernel(self.vtep, vlans=vlans)
        self.jobs: deque[KernelAction] = deque()
        """What the kernel was asked for and has not done."""
        self.heard: deque[Event] = deque()
        """What the kernel said and the core has not heard."""
        self.notices: list[Notice] = []
        self.ready = False
        self.start()

    def start(self) -> None:
        """Begin with a core that knows nothing, on the kernel as it is."""
        self.engine = Engine(self.settings, self.fabric.now)
        self.decoders: dict[Peer, UpdateDecoder] = {}
        self.jobs.clear()
        self.heard.clear()
        self.ready = False

    def restart_agent(self) -> None:
        """Lose the core; the speaker and its sessions live on."""
        self.start()
        for peer, way in self.out.items():
            way.rib.mark_stale()
            told = any(isinstance(m, PeerWentUp) for m in self.into[peer].queue)
            if way.up and not told:
                up = PeerWentUp(peer, RESTART_TIME, resumed=True)
                self.engine.handle(up, self.fabric.now)

    @property
    def query(self) -> Query:
        """What views read."""
        return Query(self.engine)

    @property
    def vrf(self) -> MacVrf:
        return self.engine.inventory.vrfs[VNI]

    def receive(self, way: Direction, message: Message) -> None:
        peer = way.sender.address
        match message:
            case RefreshAsked():
                self.out[peer].answer()
            case bytes():
                decoder = self.decoders.get(peer)
                if decoder is None:
                    decoder = self.decoders[peer] = UpdateDecoder()
                update = decoder.decode(message[HEADER:])
                assert not update.malformed
                self.engine.handle(UpdateReceived(peer, update), self.fabric.now)
            case _:
                self.engine.handle(message, self.fabric.now)

    def work(self, count: int = 1000) -> bool:
        """Let the kernel do what it was asked for; tells whether it did anything."""
        done = min(count, len(self.jobs))
        for _ in range(done):
            self.heard.extend(self.kernel.apply(self.jobs.popleft()))
        return done > 0

    def hear(self, count: int = 1000) -> bool:
        """Let the core hear of the kernel; tells whether there was anything."""
        done = min(count, len(self.heard))
        for _ in range(done):
            self.engine.handle(self.heard.popleft(), self.fabric.now)
        return done > 0

    def turn(self) -> bool:
        """Reconcile once; tells whether there was anything to do."""
        acted = False
        for action in self.engine.reconcile(self.fabric.now):
            if isinstance(action, Notice):
                self.notices.append(action)
                continue
            acted = True
            self._do(action)
        for way in self.out.values():
            way.fill()
        return acted

    def _do(self, action: Action) -> None:
        match action:
            case AnnounceMacIp(peer, attributes, rd, vni, keys):
                nlris = b"".join(encode_mac_ip(rd, vni, keys, attributes.l3_vni))
                block = Block(attributes.next_hop, encode_attributes(attributes))
                for way in self._ways(peer):
                    way.rib.announce(read_routes(block, nlris))
            case AnnounceImet(peer, attributes, rd, originator):
                nlri = encode_imet(rd, originator)
                block = Block(attributes.next_hop, encode_attributes(attributes))
                for way in self._ways(peer):
                    way.rib.announce(read_routes(block, nlri))
            case WithdrawMacIp(peer, rd, keys):
                for way in self._ways(peer):
                    way.rib.retract(encode_mac_ip(rd, 0, keys))
            case WithdrawImet(peer, rd, originator):
                for way in self._ways(peer):
                    way.rib.retract([encode_imet(rd, originator)])
            case AnnouncePrefixes(peer, attributes, rd, vni, prefixes):
                nlris = b"".join(encode_prefixes(rd, vni, prefixes))
                block = Block(attributes.next_hop, encode_attributes(attributes))
                for way in self._ways(peer):
                    way.rib.announce(read_routes(block, nlris))
            case WithdrawPrefixes(peer, rd, prefixes):
                for way in self._ways(peer):
                    way.rib.retract(encode_prefixes(rd, 0, prefixes))
            case FinishAnnouncement():
                self.ready = True
                for way in self.out.values():
                    way.rib.sweep_stale()
            case RequestRefresh(peer):
                self.out[peer].queue.append(RefreshAsked())
            case ReopenSession(peer):
                self.fabric.reopen(self, peer)
            case ResetSession(peer):
                raise AssertionError(f"{self.address} resets the session of {peer}")
            case Notice():
                pass
            case _:
                self.jobs.append(action)

    def _ways(self, peer: Peer | None) -> Iterable[Direction]:
        return self.out.values() if peer is None else (self.out[peer],)

    def leftover_actions(self) -> list[Action]:
        """Look at everything anew; what there is to do ought to be nothing."""
        self.vrf.mark_all()
        return [
            action
            for action in self.engine.reconcile(self.fabric.now)
            if isinstance(action, KernelAction | BgpAction)
        ]


@dataclass(slots=True)
class Station:
    """A tenant: where it is and what IPs it has told of."""

    host: int
    port: int
    ips: set[bytes] = field(default_factory=set)


class Fabric:
    """Hosts, sessions between them, and stations that wander about."""

    def __init__(
        self,
        size: int = 3,
        reflectors: int = 0,
        change: Callable[[Config], Config] = lambda settings: settings,
        vlans: tuple[int, ...] = (0,),
    ) -> None:
        self.now = 100.0
        self.stations: dict[bytes, Station] = {}
        self.fixed: dict[bytes, tuple[int, bool]] = {}
        """MACs that an operator put on a port: (host, sticky)."""
        addresses = [f"192.0.2.{number}" for number in range(1, size + 1)]
        self.reflectors = [Reflector(f"192.0.2.{101 + n}") for n in range(reflectors)]
        self.reopened: list[tuple[Direction, Direction]] = []
        """Sessions that one end closed to open them again."""
        self.hosts: list[Host] = []
        for number, address in enumerate(addresses, 1):
            vtep = f"10.0.0.{number}"
            others = (
                [reflector.address for reflector in self.reflectors]
                if reflectors
                else [Peer(other) for other in addresses if other != address]
            )
            settings = change(
                replace(
                    config(),
                    router_id=Ip(parse_ip(vtep)),
                    vtep=VtepConfig(Ip(parse_ip(vtep))),
                    peers=tuple(PeerConfig(other, 65000) for other in others),
                )
            )
            self.hosts.append(Host(address, vtep, settings, self, vlans))
        self.sessions: list[tuple[Direction, Direction]] = []
        for left, right in self._pairs():
            there, back = (
                Direction(left, right, self._clock),
                Direction(right, left, self._clock),
            )
            left.out[right.address] = right.into[left.address] = there
            right.out[left.address] = left.into[right.address] = back
            self.sessions.append((there, back))
        self.ways = [way for session in self.sessions for way in session]
        self.settle()

    def _clock(self) -> float:
        return self.now

    def _pairs(self) -> Iterator[tuple[Speaker, Speaker]]:
        for number, host in enumerate(self.hosts):
            for other in self.reflectors or self.hosts[number + 1 :]:
                yield host, other

    # Sessions

    def bring_up(
        self, session: tuple[Direction, Direction], *, forwarding: bool
    ) -> None:
        """Establish a session that is down, once both ends are ready."""
        if session[0].up or not all(
            way.sender.ready for way in session if isinstance(way.sender, Host)
        ):
            return
        # Both ends have seen the end of the old session by now.
        for way in session:
            way.deliver(len(way.queue))
        for way in session:
            way.open(PeerWentUp(way.sender.address, RESTART_TIME, forwarding))

    def break_down(
        self, session: tuple[Direction, Direction], *, graceful: bool, arrive: int = 0
    ) -> None:
        """Lose a session; each end sees it when its queue has come that far."""
        if session[0].up:
            for way in session:
                down = PeerWentDown(way.sender.address, "lost", graceful)
                way.close(down, arrive)

    def sessions_of(self, host: Host) -> list[tuple[Direction, Direction]]:
        return [s for s in self.sessions if host in (s[0].sender, s[1].sender)]

    def reopen(self, host: Host, peer: Peer) -> None:
        """Have a host close a session that it opens again, with graceful restart."""
        ways = (host.out[peer], host.into[peer])
        session = next(s for s in self.sessions if s[0] in ways)
        self.break_down(session, graceful=True)
        self.reopened.append(session)

    def restart_daemon(self, host: Host, *, graceful: bool) -> None:
        """Lose speaker and core of a host; its kernel stays as it is."""
        for session in self.sessions_of(host):
            self.break_down(session, graceful=graceful)
            for way in session:
                way.deliver(len(way.queue))
                if way.sender is host:
                    way.rib.clear()
        host.start()

    # Tenants

    def speak(self, mac: bytes) -> None:
        """Let a station send a frame, an ARP request for each of its IPs."""
        station = self.stations[mac]
        host = self.hosts[station.host]
        host.heard.extend(host.kernel.frame(station.port, mac))
        if station.ips:
            bindings = [Heard(station.port, mac, ip) for ip in sorted(station.ips)]
            host.heard.append(BindingsSnooped(bindings))

    def place(self, mac: bytes, host: int, port: int) -> None:
        """Move a station and let it speak."""
        station = self.stations.setdefault(mac, Station(host, port))
        station.host, station.port = host, port
        self.speak(mac)

    def age(self) -> None:
        """Let all rows go whose station is no longer behind their port."""
        for number, host in enumerate(self.hosts):
            for mac, row in list(host.kernel.bridge.items()):
                station = self.stations.get(mac)
                place = station and (station.host, station.port)
                if place != (number, row.ifindex):
                    host.heard.extend(host.kernel.age(mac))

    # Time

    def drain(self) -> None:
        """Go on until nothing is left to do."""
        for _ in range(60):
            busy = False
            for host in self.hosts:
                busy |= host.work()
                busy |= host.hear()
                busy |= host.turn()
            for way in self.ways:
                busy |= way.deliver() > 0
            if not busy:
                return
        raise AssertionError("the fabric does not come to rest")

    def settle(self) -> None:
        """Bring every session up and go on until nothing is left to do."""
        self.drain()
        for session in self.sessions:
            self.bring_up(session, forwarding=False)
        self.drain()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every timer of cores and speakers that is due in it."""
        end = self.now + seconds
        for _ in range(100):
            dues = [host.engine.next_deadline() for host in self.hosts]
            dues += [way.next_turn() for way in self.ways]
            due = min((d for d in dues if d is not None), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            self.drain()
            while self.reopened:
                self.bring_up(self.reopened.pop(), forwarding=True)
            self.drain()
        self.now = end
        self.drain()
