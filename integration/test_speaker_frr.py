"""The speaker against FRR's bgpd: sessions of each kind, routes both ways."""

import json
import shutil
from pathlib import Path
from typing import Self

import pytest

from evpnd.model.config import PeerConfig
from evpnd.wire.messages import Announce, Ready, Withdraw
from integration.frr import DAEMONS, is_installed
from integration.lab_netns import LabError, Process, run, wait_until
from integration.peer import mac_route
from integration.speaker_lab import (
    ATTRIBUTES,
    LOCAL4,
    LOCAL6,
    PEER,
    PREFIX,
    REMOTE4,
    REMOTE6,
    SpeakerRun,
    peer,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.frr,
    pytest.mark.usefixtures("_speaker_namespaces"),
]

ROUTE = mac_route(7)
COMMUNITIES = bytes.fromhex("c010100002fde800002774030c000000000008")
ANNOUNCE = Announce(None, bytes((10, 9, 9, 9)), ATTRIBUTES + COMMUNITIES, ROUTE)


class Bgpd:
    """FRR's bgpd alone, with one neighbor: us."""

    def __init__(self, directory: Path, neighbor: str, asn: int, *lines: str) -> None:
        assert is_installed()
        # bgpd runs as frr, and pytest's directories are for root alone.
        self.directory = Path("/tmp") / f"{PREFIX}-frr"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        file = self.directory / "frr.conf"
        file.write_text(
            "\n".join(
                [
                    "router bgp 65000",
                    " bgp router-id 10.0.0.254",
                    " no bgp default ipv4-unicast",
                    " no bgp ebgp-requires-policy",
                    f" neighbor {neighbor} remote-as {asn}",
                    f" neighbor {neighbor} timers connect 1",
                    *(f" neighbor {neighbor} {line}" for line in lines),
                    " address-family l2vpn evpn",
                    f"  neighbor {neighbor} activate",
                    " exit-address-family",
                ]
            )
            + "\n"
        )
        for path in (self.directory, file):
            shutil.chown(path, "frr", "frr")
        self.neighbor = neighbor
        self.process = Process(
            PEER,
            [
                str(DAEMONS / "bgpd"),
                *("-A", "127.0.0.1"),
                *("-f", str(file)),
                *("-i", str(self.directory / "pid")),
                *("-z", str(self.directory / "zserv")),
                *("--vty_socket", str(self.directory)),
            ],
            directory / "bgpd.log",
        )
        wait_until((self.directory / "bgpd.vty").exists, 10, "bgpd's socket")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()
        shutil.rmtree(self.directory)

    def show(self, what: str) -> dict[str, dict[str, object]]:
        command = ["vtysh", "--vty_socket", str(self.directory), "-c"]
        found = json.loads(run([*command, f"show bgp {what} json"]) or "{}")
        assert isinstance(found, dict)
        return found

    def state(self) -> dict[str, object]:
        return self.show("neighbors").get(self.neighbor, {})

    def wait_established(self, timeout: float = 12) -> dict[str, object]:
        def up() -> dict[str, object]:
            state = self.state()
            return state if state.get("bgpState") == "Established" else {}

        return wait_until(up, timeout, "Established in FRR", seen=self.state)

    def has_route(self) -> bool:
        mac = ":".join(f"{octet:02x}" for octet in ROUTE[25:31])
        return mac in json.dumps(self.show("l2vpn evpn route"))


@pytest.mark.parametrize(
    ("config", "neighbor", "lines"),
    [
        (peer(), LOCAL4, ()),
        (peer(), LOCAL4, ("passive",)),
        (peer(passive=True), LOCAL4, ()),
        (peer(REMOTE6), LOCAL6, ()),
        (peer(password="it's;{a}#key"), LOCAL4, ("password it's;{a}#key",)),
        (peer(password="k", passive=True), LOCAL4, ("password k",)),
        (peer(REMOTE6, password="k"), LOCAL6, ("password k", "passive")),
        (peer(graceful_restart=0), LOCAL4, ()),
    ],
)
def test_an_ibgp_session_carries_our_route(
    tmp_path: Path, config: PeerConfig, neighbor: str, lines: tuple[str, ...]
) -> None:
    with (
        Bgpd(tmp_path, neighbor, 65000, *lines) as frr,
        SpeakerRun(tmp_path / "s", [config]) as speaker,
    ):
        frr.wait_established()
        speaker.say(ANNOUNCE)
        wait_until(frr.has_route, 5, "the route in FRR")
        speaker.say(Withdraw(None, ROUTE))
        wait_until(lambda: not frr.has_route(), 5, "the route gone in FRR")


@pytest.mark.parametrize("passive", [False, True])
@pytest.mark.parametrize(("local", "remote"), [(LOCAL4, REMOTE4), (LOCAL6, REMOTE6)])
def test_ttl_security_with_frr(
    tmp_path: Path, local: str, remote: str, *, passive: bool
) -> None:
    config = peer(remote, asn=65000, ttl_security=1, passive=passive)
    lines = ["ttl-security hops 1", *([] if passive else ["passive"])]
    with (
        Bgpd(tmp_path, local, 65001, *lines) as frr,
        SpeakerRun(tmp_path / "s", [config], asn=65001) as speaker,
    ):
        frr.wait_established()
        speaker.say(ANNOUNCE)
        wait_until(frr.has_route, 5, "the route in FRR")


def test_a_restart_brings_the_routes_back(tmp_path: Path) -> None:
    """FRR 8.4.4 itself keeps no EVPN routes of a peer that restarts."""
    startup = (ANNOUNCE, Ready(preserved=True))
    with Bgpd(tmp_path, LOCAL4, 65000, "graceful-restart") as frr:
        with SpeakerRun(tmp_path / "a", [peer()], startup=startup) as speaker:
            frr.wait_established()
            wait_until(frr.has_route, 5, "the route in FRR")
            assert speaker.wait_heard("up")["restart_time"] == 120
        with SpeakerRun(tmp_path / "b", [peer()], startup=startup):
            wait_until(
                lambda: frr.state().get("connectionsEstablished") == 2,
                10,
                "the second session",
            )
            wait_until(frr.has_route, 5, "the route in FRR again")


def test_both_ends_active_come_up_at_once_and_stay(tmp_path: Path) -> None:
    with (
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
        Bgpd(tmp_path, LOCAL4, 65000) as frr,
    ):
        frr.wait_established(6)
        speaker.wait_heard("up")
        with pytest.raises(LabError):
            speaker.wait_heard("down", timeout=0.5)


def test_a_wrong_asn_is_told_by_frr(tmp_path: Path) -> None:
    with (
        Bgpd(tmp_path, LOCAL4, 65077),
        SpeakerRun(tmp_path / "s", [peer()]) as speaker,
    ):
        told = speaker.wait_heard("notification", direction="received", code=2)

        assert told["text"].startswith("received: OPEN Message Error / Bad Peer AS")
