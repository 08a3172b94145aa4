"""A log that takes nothing costs log lines, and neither sessions nor routes."""

import fcntl
import os
import signal
from collections.abc import Iterator

import pytest

from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from integration.lab import ROUTER_SESSION, Host, MakeLab, evi
from integration.lab_fabric import expect_macs
from integration.lab_netns import wait_until
from integration.peer import UPDATE, BgpPeer, message
from tests.fuzz.seeds import body, reach

pytestmark = pytest.mark.root

VNI = 10100
ASN = 65001
ROUTER = ROUTER_SESSION[4]
RD = bytes.fromhex("00010a6300020064")
ATTRIBUTES = bytes.fromhex("40010100 400200 40050400000064") + encode_attribute(
    0xC0, 16, bytes.fromhex("0002fde900002774") + bytes.fromhex("030c000000000008")
)
RELOADS = 30


def mac(number: int) -> bytes:
    return (0x020000000000 + number).to_bytes(6, "big")


def announce(*numbers: int) -> bytes:
    nlris = b"".join(encode_mac_ip(RD, VNI, map(mac, numbers)))
    return message(UPDATE, body(reach(nlris, bytes([10, 99, 0, 2])), ATTRIBUTES, b""))


def rows(*numbers: int) -> dict[str, str]:
    return {mac(number).hex(":"): "10.99.0.2" for number in numbers}


@pytest.fixture(params=["full disk", "closed pipe", "unread pipe"])
def stderr(request: pytest.FixtureRequest) -> Iterator[int]:
    """Open a standard error that takes nothing."""
    if request.param == "full disk":
        fd = os.open("/dev/full", os.O_WRONLY)
        yield fd
        os.close(fd)
        return
    reader, writer = os.pipe()
    if request.param == "unread pipe":
        size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"-" * size)
        yield writer
        os.close(reader)
    else:
        os.close(reader)
        yield writer
    os.close(writer)


@pytest.fixture
def host(make_lab: MakeLab) -> Host:
    lab = make_lab(1)
    lab[1].prepare(VNI)
    return lab[1]


def test_a_log_that_takes_nothing_costs_no_session_and_no_route(
    host: Host, stderr: int
) -> None:
    peer = {"address": ROUTER, "asn": ASN, "passive": True}
    daemon = host.evpnd(host.config(peer, evis=[evi(VNI)], asn=ASN), stderr=stderr)
    with BgpPeer(host.lab.router, ROUTER, host.session, asn=ASN, remote_asn=ASN) as far:
        far.wait_established()
        far.send(announce(1))
        expect_macs(host, VNI, rows(1), 5)
        agent = daemon.agent_pid()
        # Each reload is a line of the log.
        for number in range(RELOADS):
            done = daemon.reload()
            assert done.returncode == 0, done.stderr
            far.send(announce(1, 2 + number))
        expect_macs(host, VNI, rows(*range(1, 2 + RELOADS)), 5)
        assert daemon.agent_pid() == agent

        # The speaker tells of a death of the agent.
        os.kill(agent, signal.SIGKILL)
        wait_until(lambda: daemon.agent_pid() != agent, 10, "another agent")
        daemon.wait_established(1)
        far.send(announce(1000))
        expect_macs(host, VNI, rows(1000, *range(1, 2 + RELOADS)), 10)

        assert far.sessions == 1
        assert daemon.stop() == 0


def test_a_refused_file_has_its_exit_status_whatever_stderr_is(
    host: Host, stderr: int
) -> None:
    daemon = host.evpnd("asn: 0\n", stderr=stderr)

    assert daemon.process.wait(30) == 2
