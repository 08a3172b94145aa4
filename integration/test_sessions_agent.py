"""Sessions as the whole daemon sees them: what becomes of rows, and what is shown."""

import pytest

from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from integration.lab import ROUTER_SESSION, Host, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs
from integration.peer import (
    END_OF_RIB,
    ENHANCED_REFRESH,
    EVPN,
    NOTIFICATION,
    OPEN,
    REFRESH,
    ROUTE_REFRESH,
    UPDATE,
    capability,
    four_octet_asn,
    graceful_restart,
    message,
    read_update,
)
from integration.raw_peer import RawPeer, open_body
from tests.fuzz.seeds import body, reach

pytestmark = pytest.mark.root

VNI = 10100
ASN = 65001
RESTART_TIME = 6
"""Seconds that the peer asks for; the configuration allows more."""
ROUTER = ROUTER_SESSION[4]
VTEP, RD = "10.99.0.2", bytes.fromhex("00010a6300020064")
TARGETS = encode_attribute(
    0xC0, 16, bytes.fromhex("0002fde900002774") + bytes.fromhex("030c000000000008")
)
IBGP = bytes.fromhex("40010100 400200 40050400000064")
FOUR = four_octet_asn(ASN)
FORWARDING = (EVPN, FOUR, ROUTE_REFRESH, graceful_restart(RESTART_TIME))
LOST = (EVPN, FOUR, graceful_restart(RESTART_TIME, forwarding=False))
WITHOUT = (EVPN, FOUR)
OTHER_FAMILY = (EVPN, FOUR, capability(64, bytes.fromhex("0078 00010180")))


def mac(number: int) -> bytes:
    return (0x020000000000 + number).to_bytes(6, "big")


def announce(*numbers: int, attributes: bytes = IBGP + TARGETS) -> bytes:
    nlris = b"".join(encode_mac_ip(RD, VNI, map(mac, numbers)))
    return message(UPDATE, body(reach(nlris, bytes([10, 99, 0, 2])), attributes, b""))


def rows(*numbers: int) -> dict[str, str]:
    return {mac(number).hex(":"): VTEP for number in numbers}


@pytest.fixture
def host(make_lab: MakeLab) -> Host:
    lab = make_lab(1)
    lab[1].prepare(VNI)
    return lab[1]


def run(host: Host, *, asn: int = ASN, peer_asn: int = ASN) -> Evpnd:
    peer = {"address": ROUTER, "asn": peer_asn, "passive": True}
    return host.evpnd(host.config(peer, evis=[evi(VNI)], asn=asn))


def speak(host: Host, *capabilities: bytes, asn: int = ASN) -> RawPeer:
    """Bring a session up, as the peer that the router is."""
    far = RawPeer.connect(host.lab.router, ROUTER, host.session)
    return far.establish(message(OPEN, open_body(*capabilities, asn=asn)))


def last_error(daemon: Evpnd, expected: str) -> None:
    daemon.wait_show(
        "peers", lambda shown: shown[0]["last_error"] == expected, expected, 5
    )


def test_rows_of_a_restarting_peer_stay_and_go_as_rfc_4724_says(host: Host) -> None:
    daemon = run(host)

    def expect(*numbers: int, within: float = 1.5) -> None:
        expect_macs(host, VNI, rows(*numbers), within)

    with speak(host, *FORWARDING) as far:
        far.send(announce(1, 2, 3) + message(UPDATE, END_OF_RIB))
        expect(1, 2, 3, within=5)
    # It kept its state: what it does not send again goes with End-of-RIB.
    with speak(host, *FORWARDING) as far:
        far.send(announce(1))
        expect(1, 2, 3)
        far.send(message(UPDATE, END_OF_RIB))
        expect(1)
        far.send(announce(2))
        expect(1, 2)
    # It did not: everything goes at once.
    with speak(host, *LOST) as far:
        expect()
        far.send(announce(1, 2) + message(UPDATE, END_OF_RIB))
        expect(1, 2)
    # It comes back without the capability, or with another family's alone.
    for capabilities in (WITHOUT, OTHER_FAMILY):
        with speak(host, *FORWARDING) as far:
            far.send(announce(1, 2) + message(UPDATE, END_OF_RIB))
            expect(1, 2)
        with speak(host, *capabilities) as far:
            expect()
            far.send(announce(4))
            expect(4)
        expect()
    # It does not come back.
    with speak(host, *FORWARDING) as far:
        far.send(announce(1, 2) + message(UPDATE, END_OF_RIB))
        expect(1, 2)
        far.reset()
    expect(1, 2)
    expect(within=RESTART_TIME + 2)
    last_error(daemon, "connection lost: Connection reset by peer")
    # It says that it goes: that is no restart.
    with speak(host, *FORWARDING) as far:
        far.send(announce(1, 2))
        expect(1, 2)
        said = "maintenance until 10"
        words = bytes([6, 2, len(said)]) + said.encode()
        far.send(message(NOTIFICATION, words))
        expect()
    last_error(daemon, f'received: Cease / Administrative Shutdown ("{said}")')


def test_long_lived_graceful_restart_is_passed_over(host: Host) -> None:
    """The capability and the communities (RFC 9494): routes are as good as others."""
    run(host)
    long_lived = capability(71, bytes.fromhex("00194680 00012c"))
    stale = encode_attribute(0xC0, 8, bytes.fromhex("ffff0006"))
    never = encode_attribute(0xC0, 8, bytes.fromhex("ffff0007"))
    with speak(host, *FORWARDING, long_lived) as far:
        far.send(announce(1, attributes=IBGP + stale + TARGETS))
        far.send(announce(2, attributes=IBGP + never + TARGETS))
        far.send(message(UPDATE, END_OF_RIB))

        expect_macs(host, VNI, rows(1, 2), 5)


@pytest.mark.parametrize("enhanced", [False, True])
def test_a_peer_is_asked_for_everything_and_asks_for_it(
    host: Host, *, enhanced: bool
) -> None:
    daemon = run(host)
    request = message(REFRESH, bytes.fromhex("00190046"))
    begin, end = bytes.fromhex("00190146"), bytes.fromhex("00190246")
    marks = (ENHANCED_REFRESH,) if enhanced else ()
    with speak(host, EVPN, FOUR, ROUTE_REFRESH, *marks) as far:
        far.send(announce(1, 2) + message(UPDATE, END_OF_RIB))
        expect_macs(host, VNI, rows(1, 2), 5)
        asked = ("clear", "peer", ROUTER, "--soft", "--socket", str(daemon.socket))
        assert daemon.run(*asked).returncode == 0
        assert far.listen_for(REFRESH, timeout=8) == bytes.fromhex("00190046")
        # The answer leaves out what is gone; only marks can say so.
        if enhanced:
            answer = message(REFRESH, begin) + announce(1) + message(REFRESH, end)
            far.send(answer)
        else:
            far.send(announce(1))
        expect_macs(host, VNI, rows(1) if enhanced else rows(1, 2), 5)

        # What the command has sent again comes first; then what the peer asks for.
        far.listen_for(UPDATE)
        if enhanced:
            far.listen_for(REFRESH)
        before = len(far.heard)
        far.send(request)
        if enhanced:
            far.listen_for(REFRESH)
            far.listen_for(REFRESH)
            heard = far.heard[before:]
            assert (heard[0], heard[-1]) == ((REFRESH, begin), (REFRESH, end))
        else:
            far.listen_for(UPDATE)
            heard = far.heard[before:]
        told = [read_update(octets) for kind, octets in heard if kind == UPDATE]
        # Our membership of the VNI is all that there is to tell.
        assert [each.announced[0] for each in told] == [3]


@pytest.mark.parametrize(
    ("as4_path", "accepted"),
    [
        ("0202 0000fde7 fa56ea02", True),
        ("0202 0000fde7 fa56ea01", False),
    ],
)
def test_an_old_speakers_path_is_merged(
    host: Host, as4_path: str, *, accepted: bool
) -> None:
    """Our own AS hides behind AS_TRANS; AS4_PATH brings it to light (RFC 6793)."""
    ours, theirs = 4200000001, 64999
    daemon = run(host, asn=ours, peer_asn=theirs)
    path = b"\x40\x02\x06\x02\x02" + bytes.fromhex("fde7 5ba0")
    as4 = encode_attribute(0xC0, 17, bytes.fromhex(as4_path))
    with speak(host, EVPN, asn=theirs) as far:
        attributes = bytes.fromhex("40010100") + path + TARGETS + as4
        far.send(announce(1, attributes=attributes) + message(UPDATE, END_OF_RIB))
        (route,) = daemon.wait_show("routes", lambda shown: len(shown) == 1, "it", 5)

        assert route["accepted"] is accepted
        if not accepted:
            assert str(route["reason"]).startswith(f"our AS {ours} is in its AS_PATH")
        expect_macs(host, VNI, rows(1) if accepted else {})
        # Ours is told with AS_TRANS, and in full beside it.
        told = read_update(far.listen_for(UPDATE))
        assert told.attributes[2] == bytes.fromhex("02015ba0")
        assert told.attributes[17] == bytes.fromhex("0201fa56ea01")


def test_show_peers_tells_why_there_is_no_session(host: Host) -> None:
    daemon = run(host)
    refused = "sent: OPEN Message Error"
    no_evpn = "the peer does not offer l2vpn evpn, only IPv4 unicast"
    for opening, told in (
        (
            open_body(EVPN, asn=65055),
            f"{refused} / Bad Peer AS (the peer is AS 65055, configured is AS {ASN})",
        ),
        (
            open_body(asn=ASN),
            f"{refused} / Unsupported Capability ({no_evpn})",
        ),
        (
            open_body(EVPN, asn=ASN, identifier="0.0.0.0"),
            f"{refused} / Bad BGP Identifier (the peer's router id is 0.0.0.0)",
        ),
    ):
        with RawPeer.connect(host.lab.router, ROUTER, host.session) as far:
            far.send(message(OPEN, opening))
            far.wait_closed()
        last_error(daemon, told)


def test_a_peer_is_cleared_and_asked_again(host: Host) -> None:
    daemon = run(host)

    def clear(*arguments: str) -> tuple[int, str]:
        socket = ("--socket", str(daemon.socket))
        done = daemon.run("clear", "peer", *arguments, *socket)
        return done.returncode, done.stdout + done.stderr

    with speak(host, *FORWARDING) as far:
        far.send(announce(1) + message(UPDATE, END_OF_RIB))
        expect_macs(host, VNI, rows(1), 5)
        far.listen_for(UPDATE)
        assert clear(ROUTER, "--soft")[0] == 0
        far.listen_for(REFRESH)
        assert clear(ROUTER) == (0, f"{ROUTER}: its session is reset\n")
        assert far.wait_closed() == [(6, 4)]
        expect_macs(host, VNI, {}, 1.5)
    status, said = clear(ROUTER, "--soft")
    assert (status, "there is no session" in said) == (1, True)
    status, said = clear("10.9.9.9")
    assert (status, "there is no peer 10.9.9.9" in said) == (1, True)

    # What peers end at once is told, and cleared by the same command.
    for _ in range(2):
        with speak(host, *WITHOUT) as far:
            far.listen_for(UPDATE)
            far.send(message(NOTIFICATION, bytes([3, 9])))
            far.wait_closed()
    (shown,) = daemon.wait_show(
        "peers", lambda found: found[0]["damped_for"] != 0, "it"
    )
    assert shown["state"] == "idle"
    assert "evpnd clear peer" in str(shown["findings"])
    assert clear(ROUTER)[0] == 0
    with speak(host, *WITHOUT) as far:
        (shown,) = daemon.wait_show(
            "peers", lambda found: found[0]["state"] == "established", "a session"
        )
        assert shown["damped_for"] == 0


def test_a_peer_that_sends_more_than_its_max_routes_is_bounded(host: Host) -> None:
    peer = {"address": ROUTER, "asn": ASN, "passive": True}

    def configured(action: str) -> dict[str, object]:
        limit = {"limit": 2, "action": action}
        return dict(host.config({**peer, "max-routes": limit}, evis=[evi(VNI)]))

    daemon = host.evpnd(configured("reject"))
    with speak(host, *FORWARDING) as far:
        far.send(announce(1, 2, 3))
        expect_macs(host, VNI, rows(1, 2), 5)
        (shown,) = daemon.show("peers")
        assert (shown["routes_received"], shown["routes_over_limit"]) == (3, 1)
        reasons = [route["reason"] for route in daemon.show("routes")]
        assert "the peer sent more than its max-routes of 2" in reasons
        far.send(message(UPDATE, withdrawal(1)))
        expect_macs(host, VNI, rows(2, 3), 5)

        # The same session goes on, with another action.
        daemon.write(configured("restart"))
        assert daemon.reload().returncode == 0
        far.send(announce(4))
        assert far.wait_closed() == [(6, 1)]
        assert far.last_words()[2:] == bytes.fromhex("001946 00000002")
        expect_macs(host, VNI, {}, 5)
    (shown,) = daemon.wait_show(
        "peers", lambda found: found[0]["damped_for"] != 0, "it"
    )
    assert "Maximum Number of Prefixes Reached" in str(shown["last_error"])
    assert "limit 2" in str(shown["last_error"])


def withdrawal(*numbers: int) -> bytes:
    nlris = b"".join(encode_mac_ip(RD, VNI, map(mac, numbers)))
    unreach = encode_attribute(0x80, 15, bytes.fromhex("001946") + nlris)
    return bytes(2) + len(unreach).to_bytes(2) + unreach
