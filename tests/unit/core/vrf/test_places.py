"""Where a VRF stands, and what is told and made where it does not."""

from dataclasses import replace

import pytest

from evpnd.core.vrf.ip_vrfs import derived_mac
from evpnd.model.events import LinkObserved
from evpnd.model.ids import format_mac, parse_ip
from evpnd.model.rows import Link
from evpnd.model.vrf_actions import CreateVrf, EnableForwarding
from tests.fakes.host import VTEP, Host
from tests.fakes.vrf_kernel import L3, L3_VNI, TABLE, VRF, VrfKernel
from tests.unit.core.vrf.vrf_host import configuration, ip_vrf, routed, vrf_config


def link(host: Host, ifindex: int) -> Link:
    return host.engine.inventory.links.by_index[ifindex]


def told(host: Host) -> list[tuple[str, object]]:
    return [
        (notice.event, notice.fields.get("reason"))
        for notice in host.notices
        if notice.event.startswith("vrf_")
    ]


def test_a_vrf_that_is_found_is_ready_and_forwards() -> None:
    host = routed()

    assert ip_vrf(host).ready
    assert told(host) == [("vrf_ready", None)]
    assert [a for a in host.actions if isinstance(a, EnableForwarding)] == [
        EnableForwarding(("vx9999",))
    ]


@pytest.mark.parametrize(
    ("ifindex", "change", "reason"),
    [
        (VRF, {"kind": "bridge"}, "red is not a VRF device (kind: bridge)"),
        (VRF, {"up": False}, "red is down: `ip link set red up`"),
        (L3, {"up": False}, "vx9999 is down: `ip link set vx9999 up`"),
        (L3, {"master": 0}, "vx9999 is not in red: `ip link set vx9999 master red`"),
    ],
)
def test_what_a_device_lacks_is_said_with_the_command(
    ifindex: int, change: dict[str, object], reason: str
) -> None:
    host = routed()

    host.run(LinkObserved(link(host, ifindex)._replace(**change)))  # type: ignore[arg-type]

    assert told(host)[-1] == ("vrf_not_ready", reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning": True}, "learns from the data plane"),
        ({"local": parse_ip("10.0.0.9")}, "has 10.0.0.9, not the VTEP address"),
        ({"udp_port": 8472}, "uses UDP port 8472, not vtep.udp-port 4789"),
        ({"vni": 5}, "there is no VXLAN device with VNI 9999"),
    ],
)
def test_what_the_tunnel_lacks_is_said(change: dict[str, object], reason: str) -> None:
    host = routed()
    before = link(host, L3)
    assert before.vxlan is not None

    changed = before.vxlan._replace(**change)  # type: ignore[arg-type]
    host.run(LinkObserved(before._replace(vxlan=changed)))

    assert reason in str(told(host)[-1][1])


def test_another_table_or_mac_than_the_configured_one_is_said() -> None:
    other = replace(vrf_config(), table=7)
    assert "red has table 1001, not 7" in str(told(routed(vrf=other)))

    mac = replace(vrf_config(), router_mac=bytes((2, 0, 0, 0, 0, 1)))
    assert "not router-mac 02:00:00:00:00:01" in str(told(routed(vrf=mac)))


def test_devices_are_made_and_their_making_is_not_news() -> None:
    made = replace(vrf_config(), manage=True, table=TABLE)
    mac = derived_mac(VTEP, L3_VNI)

    new = Host(NoVrf(VTEP), configuration(made))

    (action,) = [a for a in new.actions if isinstance(a, CreateVrf)]
    assert (action.name, action.table, action.vxlan) == ("red", TABLE, "vx9999")
    assert (action.vni, action.vtep, action.mac) == (L3_VNI, VTEP, mac)
    assert told(new) == []
    new.later(4)
    assert told(new) == [("vrf_not_ready", "there is no VRF device red")]


class NoVrf(VrfKernel):
    def links(self) -> tuple[Link, ...]:
        return super().links()[:-2]


def test_a_derived_mac_is_local_unicast_and_its_own() -> None:
    macs = {
        derived_mac(parse_ip(f"10.0.{n >> 8}.{n & 255}"), vni)
        for n in range(2000)
        for vni in (1, 9999)
    }

    assert len(macs) == 4000
    assert {mac[0] for mac in macs} == {2}
    # Peers of an earlier version know it.
    assert format_mac(derived_mac(VTEP, 9999)) == "02:cb:da:48:a1:d3"
