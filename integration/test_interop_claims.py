"""One MAC claimed on both sides, by FRR and by evpnd: sticky ones, duplicates."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from integration import frr
from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import heard
from integration.lab_kernel import fdb, local_macs
from integration.lab_netns import wait_until
from integration.lab_tenant import Tenant

pytestmark = [pytest.mark.root, pytest.mark.frr]
VNI = 10100
MAC, OTHER = "02:00:00:00:ee:01", "02:00:00:00:ee:02"
SOON = 10.0
FREEZE = {"moves": 5, "window": 180, "action": "freeze", "freeze-for": 600}


@dataclass
class Pair:
    """evpnd on host 1, FRR on host 2, a tenant on each."""

    lab: Lab
    evpnd: Evpnd
    leaf: frr.Frr

    @property
    def tenants(self) -> tuple[Tenant, Tenant]:
        """The tenant behind evpnd, and the one behind FRR."""
        one, two = self.lab.tenants
        return one, two

    def views(self, mac: str) -> tuple[str, ...]:
        """Say where a MAC is: evpnd's kernel, evpnd, FRR's kernel, FRR."""
        (row,) = self.evpnd.show("macs", "--mac", mac) or [{"vtep": "nowhere"}]
        entry = self.leaf.macs(VNI).get(mac, {"remoteVtep": "nowhere"})
        return (
            self._kernel(1, mac),
            str(row["vtep"]),
            self._kernel(2, mac),
            str(entry.get("remoteVtep", self.lab[2].vtep)),
        )

    def _kernel(self, number: int, mac: str) -> str:
        rows = [row for row in fdb(self.lab[number].namespace) if row.mac == mac]
        in_bridge = {row.device for row in rows if row.master}
        if in_bridge == {f"t{number}"}:
            return self.lab[number].vtep
        if in_bridge == {f"vx{VNI}"}:
            return next((row.dst for row in rows if row.dst), "no VTEP")
        return "nowhere"

    def expect_at(self, number: int, mac: str = MAC) -> None:
        """Wait until everybody says that a MAC is at this host."""
        wanted = (self.lab[number].vtep,) * 4
        wait_until(
            lambda: self.views(mac) == wanted,
            SOON,
            f"{mac} at host {number}",
            interval=0.2,
            seen=lambda: (
                self.views(mac),
                self.leaf.mac_routes(mac),
                self.leaf.vtysh(f"show evpn mac vni {VNI} mac {mac}"),
                self.evpnd.show("macs", "--mac", mac),
            ),
        )

    def events(self, name: str, mac: str = MAC) -> list[dict[str, object]]:
        """List evpnd's events of one kind that are about a MAC."""
        rows = self.evpnd.show("events")
        return [row for row in rows if row["event"] == name and row["mac"] == mac]

    def is_duplicate(self) -> tuple[bool, bool]:
        """Return whether evpnd and FRR call the MAC a duplicate."""
        (row,) = self.evpnd.show("macs", "--mac", MAC)
        entry = self.leaf.macs(VNI).get(MAC, {})
        return bool(row["duplicate"]), bool(entry.get("isDuplicate"))


def pair(
    make_lab: MakeLab,
    *,
    family: Sequence[str] = (),
    duplicates: dict[str, object] | None = None,
    static: Sequence[dict[str, object]] = (),
) -> Pair:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    leaf = frr.leaf(lab[2], {lab[1].session: 65001}, family=family)
    config = lab[1].config(lab[2].session, evis=[evi(VNI, static=list(static))])
    if duplicates is not None:
        config["duplicate-detection"] = duplicates
    daemon = lab[1].evpnd(config)
    daemon.wait_established(1)
    daemon.wait_ready(1)
    heard(lab.tenants)
    return Pair(lab, daemon, leaf)


def speak_by_turns(one: Tenant, two: Tenant, turns: int, pause: float = 0.15) -> None:
    for speaker in itertools.islice(itertools.cycle((one, two)), turns):
        speaker.speak_as(MAC)
        time.sleep(pause)


def test_a_tenant_of_evpnd_cannot_take_frrs_sticky_mac(make_lab: MakeLab) -> None:
    it = pair(make_lab, duplicates=FREEZE)
    one, _ = it.tenants
    it.lab[2].static_mac("t2", MAC)
    it.expect_at(2)
    for _ in range(8):
        one.speak_as(MAC)
        time.sleep(0.05)

    it.expect_at(2)
    (row,) = it.evpnd.show("macs", "--mac", MAC)
    assert (row["sticky"], row["duplicate"], row["sequence"]) == (True, False, 0)
    assert it.events("sticky_mac_seen_locally")
    assert it.events("mac_moved") == []
    assert it.events("duplicate_mac_found") == []


def test_a_tenant_of_frr_cannot_take_evpnds_sticky_macs(make_lab: MakeLab) -> None:
    it = pair(make_lab, static=[{"mac": MAC, "sticky": True}])
    _, two = it.tenants
    it.lab[1].static_mac("t1", OTHER)
    here = it.lab[1].vtep
    # Of the YAML's there need be no row on a port.
    wanted = {MAC: ("nowhere", here, here, here), OTHER: (here,) * 4}

    def seen() -> dict[str, tuple[str, ...]]:
        return {mac: it.views(mac) for mac in wanted}

    wait_until(lambda: seen() == wanted, SOON, "sticky", interval=0.2, seen=seen)
    for _ in range(8):
        two.speak_as(MAC, OTHER)
        time.sleep(0.05)

    assert local_macs(it.lab[2].namespace, "t2") == {two.mac}
    assert seen() == wanted
    for mac in wanted:
        assert it.leaf.mac_routes(mac) == {(here, 0)}
        assert it.events("mac_moved", mac) == []


def test_what_becomes_sticky_leaves_the_other_side(make_lab: MakeLab) -> None:
    it = pair(make_lab)
    one, two = it.tenants
    one.speak_as(MAC)
    two.speak_as(OTHER)
    it.expect_at(1, MAC)
    it.expect_at(2, OTHER)
    it.lab[2].static_mac("t2", MAC)
    it.lab[1].static_mac("t1", OTHER)

    it.expect_at(2, MAC)
    it.expect_at(1, OTHER)


def test_evpnd_freezes_a_duplicate_until_it_is_cleared(make_lab: MakeLab) -> None:
    it = pair(make_lab, duplicates=FREEZE, family=["no dup-addr-detection"])
    one, two = it.tenants
    speak_by_turns(one, two, 16)
    wait_until(lambda: it.is_duplicate() == (True, False), SOON, "the duplicate found")
    frozen = it.evpnd.show("macs", "--mac", MAC)
    speak_by_turns(one, two, 4)
    still = it.evpnd.show("macs", "--mac", MAC)

    assert [row["duplicate"] for row in still] == [True]
    assert [row["sequence"] for row in still] == [row["sequence"] for row in frozen]
    assert len(it.events("duplicate_mac_found")) == 1
    cleared = it.evpnd.run(
        *("clear", "duplicate", "--vni", str(VNI), MAC),
        *("--socket", str(it.evpnd.socket)),
    )
    assert (cleared.returncode, cleared.stderr) == (0, "")
    assert len(it.events("duplicate_mac_released")) == 1
    for speaker, number in ((one, 1), (two, 2), (one, 1)):
        speaker.speak_as(MAC)
        it.expect_at(number)
        assert it.is_duplicate() == (False, False)


def test_both_warn_of_a_duplicate_and_go_on(make_lab: MakeLab) -> None:
    it = pair(make_lab)
    one, two = it.tenants
    speak_by_turns(one, two, 20)
    wait_until(
        lambda: it.is_duplicate() == (True, True),
        SOON,
        "the duplicate found by both",
        seen=lambda: (it.is_duplicate(), it.views(MAC)),
    )

    for speaker, number in ((one, 1), (two, 2)):
        speaker.speak_as(MAC)
        it.expect_at(number)


def test_frr_that_froze_a_duplicate_agrees_after_it_is_cleared(
    make_lab: MakeLab,
) -> None:
    it = pair(make_lab, family=["dup-addr-detection freeze permanent"])
    one, two = it.tenants
    speak_by_turns(one, two, 20)
    wait_until(
        lambda: it.is_duplicate()[1],
        SOON,
        "the duplicate found by FRR",
        seen=lambda: (it.is_duplicate(), it.views(MAC)),
    )
    it.leaf.vtysh(f"clear evpn dup-addr vni {VNI} mac {MAC}")
    it.expect_at(2)

    for speaker, number in ((one, 1), (two, 2)):
        speaker.speak_as(MAC)
        it.expect_at(number)
