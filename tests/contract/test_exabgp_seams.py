"""What the speaker counts on in ExaBGP, one sentence each.

A failure says which seam moved; the class named beside it is what to look at.
"""
# ruff: noqa: TID251 # the seams are exabgp's

import inspect
from importlib import import_module
from typing import NamedTuple

import pytest
from exabgp.bgp.message.open.capability.graceful import Graceful
from exabgp.bgp.neighbor import Neighbor
from exabgp.environment import getenv
from exabgp.protocol.family import AFI, SAFI, Family
from exabgp.reactor.network.connection import Connection
from exabgp.rib import RIB
from exabgp.rib.outgoing import OutgoingRIB
from exabgp.version import version

from evpnd.model.numbers import EVPN_FAMILY
from evpnd.speaker.main import SETTINGS
from evpnd.speaker.rib.adj_rib_out import AdjRibOut
from evpnd.speaker.seams import SEAMS, Seam, SeamMoved, check_seam
from evpnd.speaker.session.connection import SpeakerIncoming, SpeakerOutgoing


class Does(NamedTuple):
    """Code of ExaBGP, what its source says, and who relies on it."""

    where: str
    says: str
    relies: str


LOOP = "exabgp.reactor.loop:Reactor"
PEER = "exabgp.reactor.peer:Peer"
PROTOCOL = "exabgp.reactor.protocol:Protocol"
DOES = [
    Does(f"{LOOP}.run", "self._wait_for_io(sleep)", "SpeakerReactor sleeps there"),
    Does(f"{LOOP}.run", "self.listener.incoming()", "SpeakerListener has its turn"),
    Does(f"{LOOP}.run", "in self.processes.received()", "AgentPipe gives frames"),
    Does(f"{LOOP}.run", "self.api.process(self, service, command)", "SpeakerApi"),
    Does(f"{LOOP}.run", "self.processes.start(self.configuration.processes)", "spawn"),
    Does(f"{LOOP}.run", "if not self._listen_for_neighbors():", "port 179 in use"),
    Does(f"{LOOP}.run", "return self.Exit.listening", "exit status 1"),
    Does(f"{LOOP}.run", "self.daemon.drop_privileges()", "SpeakerDaemon keeps them"),
    Does(f"{LOOP}.run", "signaled == Signal.SHUTDOWN", "SpeakerSignal.sigterm"),
    Does(f"{LOOP}.run", "self.signal.rearm()", "a second SIGTERM is impatience"),
    Does(f"{LOOP}.run", "self.shutdown()", "SpeakerReactor.shutdown"),
    Does(f"{LOOP}.run", "api_fds != self.processes.fds", "AgentPipe has none"),
    Does(f"{LOOP}.run", "action = peer.run()", "SpeakerPeer.run"),
    Does(f"{LOOP}.run", "action == ACTION.CLOSE", "removed peers go"),
    Does(f"{LOOP}.reload", "self._listen_for_neighbors()", "listening after reload"),
    Does(f"{LOOP}.reload", "peer.remove()", "SpeakerPeer.remove sends CEASE 6/3"),
    Does(f"{LOOP}.reload", "].reestablish(neighbor)", "SpeakerPeer.reestablish"),
    Does(f"{LOOP}.reload", "].reconfigure(neighbor)", "unchanged sessions stay"),
    Does(f"{LOOP}.reload", "for ip in self._ips:", "no addresses of its own"),
    Does(f"{LOOP}.active_peers", "peer.neighbor['passive'] and not", "passive peers"),
    Does(f"{PEER}.run", "processes.broken(self.neighbor)", "AgentPipe.broken"),
    Does(f"{PEER}.run", "self._delay.backoff()", "SpeakerDelay"),
    Does(f"{PEER}.run", "self.generator = self._run()", "SpeakerPeer.settled"),
    Does(f"{PEER}._run", "except NetworkError as network", "connection failures"),
    Does(f"{PEER}._run", "self.proto.new_notification(notify)", "NOTIFICATION sent"),
    Does(f"{PEER}._run", "', notify)", "SpeakerPeer._close is told the Notify"),
    Does(f"{PEER}._run", "except Notification as notification", "and one received"),
    Does(f"{PEER}._reset", "self._close(message, error)", "SpeakerPeer._close"),
    Does(f"{PEER}._reset", "self.neighbor.reset_rib()", "AdjRibOut.reset"),
    Does(f"{PEER}._close", "self._delay.increase()", "SpeakerDelay"),
    Does(f"{PEER}._close", "self.proto.close(message)", "Buffered.close"),
    Does(f"{PEER}._connect", "self._teardown", "reestablish while connecting"),
    Does(f"{PEER}._establish", "self._restarted = False", "R bit: first OPEN only"),
    Does(f"{PEER}._establish", "self.proto.validate_open()", "SpeakerProtocol"),
    Does(f"{PEER}._read_ka", "self.proto.read_keepalive()", "the last of ExaBGP's"),
    Does(f"{PEER}._main", "self.proto.read_message()", "SpeakerProtocol reads"),
    Does(f"{PEER}._main", "self.recv_timer.check_ka(message)", "the hold timer"),
    Does(f"{PEER}._main", "message.reserved == RouteRefresh.request", "a refresh"),
    Does(f"{PEER}._main", "self.resend(enhanced, (message.afi", "AdjRibOut.resend"),
    Does(f"{PEER}._main", "self.neighbor.refresh.popleft()", "ask_refresh"),
    Does(f"{PEER}._main", "neighbor.rib.outgoing.pending()", "AdjRibOut.pending"),
    Does(f"{PEER}._main", "outgoing.replace_restart(previous, current)", "AdjRibOut"),
    Does(f"{PEER}._main", "outgoing.replace_reload(previous, current)", "AdjRibOut"),
    Does(f"{PEER}._main", "self.proto.new_update(include_withdraw)", "sending"),
    Does(f"{PEER}._main", "self.proto.new_eors()", "End-of-RIB after the routes"),
    Does(f"{PEER}.handle_connection", "Protocol(self).accept(connection)", "take"),
    Does(f"{PEER}.handle_connection", "self.generator = None", "take starts over"),
    Does(f"{PEER}.stop", "self.neighbor.rib.uncache()", "PeerRib.uncache"),
    Does(f"{PEER}.shutdown", "self._stop('shutting down')", "closes in silence"),
    Does(f"{PROTOCOL}.connect", "self.connection.establish()", "SpeakerOutgoing"),
    Does(f"{PROTOCOL}.new_open", "self.peer._restarted", "SpeakerCapabilities"),
    Does(f"{PROTOCOL}.write", "self.connection.writer(raw)", "Buffered.writer"),
    Does(f"{PEER}._read_open", "self.proto.read_open(", "SpeakerProtocol.read_message"),
    Does(f"{PEER}._read_open", "opentimer.check_ka(message)", "HoldTimer.check_ka"),
    Does(f"{PEER}._read_ka", "self.recv_timer.check_ka_timer(message)", "HoldTimer"),
    Does(f"{PROTOCOL}.read_open", "in self.read_message()", "SpeakerProtocol"),
    Does(f"{PROTOCOL}.read_keepalive", "self.read_message()", "SpeakerProtocol"),
    Does(f"{PROTOCOL}.new_eors", "self.new_eor(", "SpeakerProtocol.new_eor"),
    Does(
        "exabgp.bgp.message.open.capability.capabilities:Capabilities.new",
        "self._graceful(neighbor, restarted)",
        "SpeakerCapabilities._graceful sets F and R",
    ),
    Does(
        "exabgp.configuration.neighbor:ParseNeighbor.post",
        "neighbor.make_rib()",
        "SpeakerNeighbor.make_rib",
    ),
    Does(
        "exabgp.bgp.neighbor:Neighbor.reset_rib",
        "self.rib.reset()",
        "PeerRib.reset",
    ),
    Does("exabgp.rib:RIB.reset", "self.outgoing.reset()", "AdjRibOut.reset"),
    Does(
        "exabgp.reactor.network.outgoing:Outgoing._connect",
        "return setup_issue",
        "SpeakerOutgoing.establish raises what it returns",
    ),
    Does(
        "exabgp.reactor.network.tcp:connect",
        "errno.EINPROGRESS",
        "SpeakerOutgoing.establish waits",
    ),
    Does(
        "exabgp.bgp.timer:SendTimer.need_ka",
        "time.time()",
        "keepalives follow the steady clock",
    ),
    Does(
        "exabgp.logger:log.logger",
        "option.formater(line, source, level, timestamp)",
        "logs.exabgp_formatter",
    ),
    Does(
        "exabgp.reactor.interrupt:Signal.__init__",
        "self.rearm()",
        "SpeakerSignal.rearm installs the handlers",
    ),
    Does(
        "exabgp.configuration.configuration:Configuration._reload",
        "self._configurations.pop(0)",
        "`Peers` writes the file that is read again",
    ),
]


def source(where: str) -> str:
    module, _, path = where.partition(":")
    found: object = import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
        assert found is not None, f"{where} is gone"
    return inspect.getsource(found)  # type: ignore[arg-type]


@pytest.mark.parametrize("does", DOES, ids=lambda d: f"{d.where}: {d.says}")
def test_exabgp_still_does(does: Does) -> None:
    assert does.says in source(does.where), (
        f"{does.where} says `{does.says}` no more; {does.relies} relies on it"
    )


@pytest.mark.parametrize("seam", SEAMS, ids=lambda s: f"{s.module}.{s.name}")
def test_a_replaced_name_is_still_used(seam: Seam) -> None:
    check_seam(seam)


@pytest.mark.parametrize(
    ("name", "user", "use"),
    [
        ("Nothing", "Reactor.run", "Processes()"),
        ("Processes", "Reactor.walk", "Processes()"),
        ("Processes", "Reactor.run", "Processes(None)"),
    ],
)
def test_a_seam_that_moved_is_named(name: str, user: str, use: str) -> None:
    seam = Seam("exabgp.reactor.loop", name, None, user, use)

    with pytest.raises(SeamMoved, match=r"exabgp\.reactor\.loop"):
        check_seam(seam)


def test_the_version_is_the_one_that_was_read() -> None:
    assert version.startswith("5.0."), f"ExaBGP {version} is not 5.0"


def test_the_adj_rib_out_takes_the_calls_that_exabgps_own_takes() -> None:
    for name in (
        *("pending", "reset", "clear", "resend", "withdraw", "replace_restart"),
        *("replace_reload", "queued_changes", "cached_changes"),
        "delete_cached_family",
    ):
        theirs = inspect.signature(getattr(OutgoingRIB, name)).parameters
        ours = inspect.signature(getattr(AdjRibOut, name)).parameters
        assert len(ours) >= len(theirs) - (name == "cached_changes"), (
            f"exabgp.rib.outgoing.OutgoingRIB.{name} takes {list(theirs)} now"
        )


def test_the_peers_rib_has_every_method_of_exabgps_own() -> None:
    methods = {name for name in vars(RIB) if not name.startswith("_")}

    assert methods == {"reset", "uncache", "clear"}, (
        f"exabgp.rib.RIB has {sorted(methods)}; PeerRib knows reset, uncache, clear"
    )


def test_buffered_connections_hide_nothing_of_exabgps_by_accident() -> None:
    meant = {"writer", "close", "establish", "__init__", "__module__"}
    for ours in (SpeakerIncoming, SpeakerOutgoing):
        base = ours.__mro__[2]
        instance = set(inspect.getsource(Connection.__init__).split("self."))
        fields = {text.split(" ")[0].strip() for text in instance}
        mine = {n for c in ours.__mro__[:2] for n in vars(c) if not n.startswith("__")}
        theirs = {n for n in dir(base) if not n.startswith("__")} | fields

        assert mine & theirs <= meant | {"io"}, (
            f"exabgp's {base.__name__} has {mine & theirs - meant} of its own now"
        )


def test_the_environment_has_every_setting_that_we_settle() -> None:
    environment = getenv()
    for section, settings in SETTINGS.items():
        for name in settings:
            assert name in environment[section], (
                f"exabgp's environment has no {section}.{name} any more"
            )
    assert "umask" in environment["daemon"]


def test_the_family_is_a_pair_of_numbers() -> None:
    assert (AFI.l2vpn, SAFI.evpn) == EVPN_FAMILY
    assert EVPN_FAMILY in Family.size, "exabgp.protocol.family.Family.size has no EVPN"


def test_a_graceful_restart_capability_is_flags_time_and_families() -> None:
    capability = Graceful().set(8, 120, [(AFI.l2vpn, SAFI.evpn, 0x80)])

    assert capability.extract() == [bytes.fromhex("807800194680")]
    assert capability.get(EVPN_FAMILY) == 0x80
    assert capability.restart_time == 120


def test_neighbors_have_the_keys_that_we_read() -> None:
    neighbor = Neighbor()
    for key in (
        *("peer-address", "local-address", "router-id", "local-as", "passive"),
        *("md5-password", "incoming-ttl", "outgoing-ttl", "capability"),
    ):
        assert key in neighbor, f"exabgp.bgp.neighbor.Neighbor has no {key} any more"
    for name in ("auto_discovery", "refresh", "rib", "families"):
        assert hasattr(neighbor, name), f"Neighbor has no {name} any more"
