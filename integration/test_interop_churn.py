"""A machine that moves between an FRR leaf and an evpnd host without rest."""

import itertools
import random
import time
from dataclasses import dataclass

import pytest

from integration import frr
from integration.gobgp import GoBgp
from integration.lab import ROUTER_SESSION, Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import heard
from integration.lab_kernel import bindings, half_rows, local_macs, remote_macs
from integration.lab_netns import wait_until
from integration.lab_tenant import Tenant

pytestmark = [pytest.mark.root, pytest.mark.frr]
VNI = 10100
SVI = {VNI: "192.168.100.252/24"}
PAUSES = (0.0, 0.005, 0.02, 0.04, 0.12)
"""Seconds from one move to the next; to converge takes some 20 ms to 100 ms."""
CONVERGENCE = 15.0


@dataclass
class Fabric:
    """evpnd on hosts 1 and 3, FRR on host 2; duplicates are nobody's business."""

    lab: Lab
    daemons: list[Evpnd]
    leaf: frr.Frr

    def view(self, mac: str) -> dict[str, object]:
        """Collect who has a MAC: (VTEP, sequence) by witness, and who disagrees."""
        seen: dict[str, object] = {}
        for host in self.lab.hosts:
            seen[f"kernel {host.number}"] = at(host, mac)
        for daemon in self.daemons:
            rows = daemon.show("macs", "--mac", mac)
            seen[daemon.path.stem] = {(row["vtep"], row["sequence"]) for row in rows}
        entry = self.leaf.macs(VNI).get(mac, {})
        vtep = entry.get("remoteVtep", self.lab[2].vtep)
        seen["zebra"] = {(vtep, self.leaf.sequence(VNI, mac))}
        seen["bgpd"] = self.leaf.mac_routes(mac)
        return seen

    def agreement(self, mac: str) -> tuple[str, int] | None:
        """Return the VTEP and the sequence that everyone has; None: they differ."""
        seen = self.view(mac)
        kernels = {str(seen.pop(f"kernel {host.number}")) for host in self.lab.hosts}
        claims = {frozenset(each) for each in seen.values() if isinstance(each, set)}
        if len(kernels) != 1 or len(claims) != 1:
            return None
        claim = claims.pop()
        if len(claim) != 1:
            return None
        vtep, sequence = next(iter(claim))
        return (vtep, sequence) if kernels == {vtep} else None

    def wait_agreement(self, mac: str, where: Host | None = None) -> int:
        """Wait until everyone says the same and, given a host, says it is there."""

        def agreed() -> tuple[str, int] | None:
            found = self.agreement(mac)
            return (
                found if where is None or (found or "")[:1] == (where.vtep,) else None
            )

        found = wait_until(
            agreed,
            CONVERGENCE,
            f"agreement on {mac} at {where.number if where else 'any host'}",
            interval=0.5,
            seen=lambda: (self.view(mac), self.leaf.routes()),
        )
        assert found is not None
        return found[1]


def at(host: Host, mac: str) -> str:
    """Read from the kernel which VTEP a host has a MAC at; its own if on a port."""
    if any(mac in local_macs(host.namespace, each.name) for each in host.tenants):
        return host.vtep
    return remote_macs(host.namespace, f"vx{VNI}").get(mac, "nowhere")


def fabric(make_lab: MakeLab, *, reflected: bool) -> Fabric:
    lab = make_lab(3)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    reflector = ROUTER_SESSION[4]
    if reflected:
        GoBgp(lab)
    others = {
        host.number: [reflector]
        if reflected
        else [each.session for each in lab.hosts if each is not host]
        for host in lab.hosts
    }
    leaf = frr.leaf(
        lab[2],
        dict.fromkeys(others[2], 65001),
        svi=SVI,
        family=["no dup-addr-detection"],
    )
    daemons = [
        lab[number].evpnd(
            lab[number].config(*others[number], evis=[evi(VNI)])
            | {"duplicate-detection": {"enabled": False}}
        )
        for number in (1, 3)
    ]
    for daemon in daemons:
        daemon.wait_established(len(others[1]))
        daemon.wait_ready(1)
    leaf.wait_established(len(others[2]))
    return Fabric(lab, daemons, leaf)


def churn(mover: Tenant, other: Tenant, moves: int) -> None:
    """Let the machine be heard at its own port and at the other's by turns."""
    pace = random.Random(moves)
    with mover.raw_socket() as here, other.raw_socket() as there:
        for sender in itertools.islice(itertools.cycle((there, here)), moves):
            for frame in mover.announcements():
                sender.send(frame)
            time.sleep(pace.choice(PAUSES))


@pytest.mark.parametrize(
    ("moves", "reflected"),
    [
        pytest.param(1000, False, id="1000-moves-full-mesh"),
        pytest.param(200, True, id="200-moves-gobgp", marks=pytest.mark.gobgp),
    ],
)
def test_it_ends_in_agreement(
    make_lab: MakeLab, moves: int, *, reflected: bool
) -> None:
    it = fabric(make_lab, reflected=reflected)
    lab, (_, two, three) = it.lab, it.lab.tenants
    mover = lab[1].tenant("mover", VNI, 40)
    heard(lab.tenants)
    it.wait_agreement(mover.mac, lab[1])
    churn(mover, two, moves)

    # Of two claims on their way at the same time the later one may lose; where it
    # ended is where everybody says it is, and what speaks there again stays.
    sequence = it.wait_agreement(mover.mac)
    assert sequence > moves // 10
    mover.announce()
    last = it.wait_agreement(mover.mac, lab[1])
    assert last in (sequence, sequence + 1)
    for witness in (two, three):
        witness.expect_ping(mover.ip)
        mover.expect_ping(witness.ip)
    mover.move(lab[2])
    it.wait_agreement(mover.mac, lab[2])
    for witness in (lab.tenants[0], three):
        witness.expect_ping(mover.ip)
        mover.expect_ping(witness.ip)
    for number in (1, 3):
        namespace = lab[number].namespace
        assert half_rows(namespace, f"vx{VNI}") == set()
        assert bindings(namespace, f"br{VNI}")[mover.ip] == mover.mac
