"""An agent dies while its speaker lives: what its successor has to find out, and how.

The peer is octets that the test writes, so that its routes lead to a host whose
forwarding does not depend on what is done here.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from evpnd.model.ids import parse_ip, parse_mac
from evpnd.wire.attributes import build_withdraws
from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs
from integration.lab_kernel import remote_macs
from integration.lab_monitor import RowMonitor
from integration.lab_netns import ip, run, wait_until
from integration.peer import (
    END_OF_RIB,
    EVPN,
    ROUTE_REFRESH,
    UPDATE,
    BgpPeer,
    four_octet_asn,
    graceful_restart,
    message,
)
from lab.ping import Ping
from tests.fuzz.seeds import body, reach

pytestmark = pytest.mark.root

VNI = 10100
ASN = 65001
MANDATORY = bytes.fromhex("40010100 400200 40050400000064")
TARGET = bytes.fromhex("0002fde900002774")
FOREIGN_TARGET = bytes.fromhex("0002fde900000001")
VXLAN = bytes.fromhex("030c000000000008")
OLD_PLACE = "10.9.9.9"
IPV4_ROUTE_WITHDRAWN = message(UPDATE, bytes.fromhex("0004 18c00002 0000"))
"""Not of our family: the speaker keeps a journal with it as it came."""


def announcement(
    vtep: str, keys: list[bytes], sequence: int = 0, target: bytes = TARGET
) -> bytes:
    """Write an UPDATE for MACs, or MACs with IPs, of the EVI that are at a VTEP."""
    mobility = b"\x06\x00\x00\x00" + sequence.to_bytes(4, "big") if sequence else b""
    targets = encode_attribute(0xC0, 16, target + VXLAN + mobility)
    nlris = b"".join(encode_mac_ip(rd_of(vtep), VNI, keys))
    return message(UPDATE, body(reach(nlris, parse_ip(vtep)), MANDATORY, targets))


def withdrawal(vtep: str, keys: list[bytes]) -> bytes:
    """Write an UPDATE that withdraws what `announcement` announced."""
    return b"".join(build_withdraws(encode_mac_ip(rd_of(vtep), VNI, keys)))


def rd_of(vtep: str) -> bytes:
    return b"\x00\x01" + parse_ip(vtep) + b"\x00\x64"


def many(first: int, count: int) -> list[bytes]:
    """Make MACs; some 90 go into an UPDATE."""
    return [(0x02BB00000000 + first + n).to_bytes(6, "big") for n in range(count)]


def in_updates(vtep: str, macs: list[bytes]) -> bytes:
    """Announce many MACs."""
    size = 90
    return b"".join(
        announcement(vtep, macs[start : start + size])
        for start in range(0, len(macs), size)
    )


@dataclass
class Bed:
    """evpnd on host 1, a host 2 that forwards by itself, and a peer to speak as."""

    lab: Lab
    evpnd: Evpnd
    far: BgpPeer

    @property
    def host(self) -> Host:
        return self.lab[1]

    @property
    def target(self) -> list[bytes]:
        """The keys of the routes of the tenant on host 2."""
        mac = parse_mac(self.lab.tenants[1].mac)
        return [mac, mac + parse_ip(self.lab.tenants[1].ip)]

    def row(self) -> str | None:
        """Where evpnd has the tenant on host 2."""
        return remote_macs(self.host.namespace, f"vx{VNI}").get(self.lab.tenants[1].mac)

    def ping(self) -> Ping:
        return self.lab.tenants[0].pinging(self.lab.tenants[1].ip)

    def restart_agent(self) -> None:
        old = self.evpnd.kill_agent()
        wait_until(lambda: self.evpnd.agent_pid() != old, 10, "a new agent")
        self.evpnd.wait_ready(1)


@contextmanager
def bed(
    make_lab: MakeLab, *capabilities: bytes, others: tuple[str, ...] = ()
) -> Iterator[Bed]:
    lab = make_lab(3)
    for host in (lab[1], lab[2]):
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    flood = ["dev", f"vx{VNI}", "dst", lab[1].vtep, "self", "permanent"]
    run(
        ["bridge", "-n", lab[2].namespace, "fdb", "append", "00:00:00:00:00:00", *flood]
    )
    ip([f"link set dev vx{VNI} type bridge_slave neigh_suppress off"], lab[2].namespace)
    peers = [
        {"address": address, "passive": True, "graceful-restart": 120}
        for address in (lab[3].session, *others)
    ]
    evpnd = lab[1].evpnd(lab[1].config(*peers, evis=[evi(VNI)], asn=ASN))
    known = (EVPN, ROUTE_REFRESH, four_octet_asn(ASN), *capabilities)
    with BgpPeer(
        lab[3].namespace,
        lab[3].session,
        lab[1].session,
        asn=ASN,
        remote_asn=ASN,
        capabilities=known,
    ) as far:
        far.wait_established(20)
        evpnd.wait_ready(1)
        yield Bed(lab, evpnd, far)


def test_what_a_peer_said_long_ago_is_not_forwarded_by_again(make_lab: MakeLab) -> None:
    with bed(make_lab) as it:
        here = it.lab[2].vtep
        # Routes of another fabric: they take time to read, and no room in the kernel.
        others = [
            announcement(OLD_PLACE, [mac], target=FOREIGN_TARGET)
            for mac in many(0, 30_000)
        ]
        it.far.send(announcement(OLD_PLACE, it.target))
        it.far.send(b"".join(others))
        it.far.send(announcement(here, it.target, sequence=1))
        it.far.send(withdrawal(OLD_PLACE, it.target) + message(UPDATE, END_OF_RIB))
        wait_until(lambda: it.row() == here, 30, "the row of the tenant")
        it.lab.tenants[0].expect_ping(it.lab.tenants[1].ip)
        with RowMonitor(it.host) as monitor, it.ping() as ping:
            for _ in range(2):
                it.restart_agent()
            time.sleep(1.0)
            changes = monitor.changes()

        assert ping.result().loss == 0, str(ping.result())
        assert changes == []
        assert it.far.sessions == 1


def test_a_peer_that_does_not_answer_a_refresh_keeps_its_rows(
    make_lab: MakeLab,
) -> None:
    with bed(make_lab, graceful_restart(120)) as it:
        routes = announcement(it.lab[2].vtep, it.target) + in_updates(
            OLD_PLACE, many(0, 90)
        )
        it.far.send(IPV4_ROUTE_WITHDRAWN + routes + message(UPDATE, END_OF_RIB))
        sent = 0
        while sent < 33 << 20:
            it.far.send(routes * 50)
            sent += len(routes) * 50
        # The journal is too long only when all of that was read.
        last = in_updates(OLD_PLACE, many(90, 1))
        it.far.send(last)
        expected = {mac.hex(":"): OLD_PLACE for mac in many(0, 91)}
        expected[it.lab.tenants[1].mac] = it.lab[2].vtep
        expect_macs(it.host, VNI, expected, within=60)
        it.lab.tenants[0].expect_ping(it.lab.tenants[1].ip)
        with RowMonitor(it.host) as monitor, it.ping() as ping:
            it.restart_agent()
            wait_until(lambda: it.far.sessions == 2, 60, "the session begun anew")
            it.far.wait_established()
            it.far.send(routes + last + message(UPDATE, END_OF_RIB))
            it.evpnd.wait_show(
                "events",
                lambda rows: any(row["event"] == "end_of_rib" for row in rows),
                "the end of what the peer has",
            )
            time.sleep(0.5)
            changes = monitor.changes()

        assert ping.result().loss == 0, str(ping.result())
        assert changes == []
        assert it.far.notifications() == []
        events = [row["event"] for row in it.evpnd.show("events")]
        assert "session_reopened" in events


def test_what_was_withdrawn_without_an_agent_waits_for_no_peer_that_is_down(
    make_lab: MakeLab,
) -> None:
    with bed(make_lab, others=("10.1.0.99",)) as it:
        here = it.lab[2].vtep
        gone = many(0, 50)
        it.far.send(announcement(here, it.target) + in_updates(OLD_PLACE, gone))
        it.far.send(message(UPDATE, END_OF_RIB))
        tenant = it.lab.tenants[1].mac
        expected = {mac.hex(":"): OLD_PLACE for mac in gone} | {tenant: here}
        expect_macs(it.host, VNI, expected, within=20)
        it.lab.tenants[0].expect_ping(it.lab.tenants[1].ip)
        with it.ping() as ping:
            # Each death that follows soon makes the next agent come later.
            for _ in range(3):
                pid = it.evpnd.agent_pid()
                os.kill(pid, signal.SIGKILL)
                wait_until(
                    lambda: not os.path.exists(f"/proc/{pid}"),  # noqa: B023, PTH110
                    10,
                    "the agent gone",
                )
            it.far.send(withdrawal(OLD_PLACE, gone))
            it.evpnd.wait_ready(1)
            # 120 s are granted to the peer that is down: they are not waited for.
            expect_macs(it.host, VNI, {tenant: here}, within=20)

        assert ping.result().loss == 0, str(ping.result())
