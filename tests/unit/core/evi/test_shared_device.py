"""Where EVIs are on one VXLAN device for many VNIs, and what keeps them from it."""

import time
from dataclasses import replace
from typing import Any

import pytest

from evpnd.model.actions import ConfigureVxlanPort
from evpnd.model.domain import Domain
from evpnd.model.events import (
    ConfigChanged,
    Event,
    FdbObserved,
    LinkObserved,
    VlansObserved,
)
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NUD_REACHABLE, FdbRow, Link, PortVlans, VxlanLink
from tests.fakes.host import Host
from tests.fakes.kernel import BRIDGE
from tests.fakes.shared_bridge import ONE, svi_of, vni_of
from tests.unit.core.evi.single_device import (
    DEVICE,
    PORT,
    TUNNEL,
    VX0,
    SingleDevice,
    single_config,
    single_host,
    vrf_of,
)
from tests.unit.core.local.binding_host import told

A = b"\2aaaaa"


def learn(vlan: int, mac: bytes) -> Event:
    return FdbObserved([FdbRow(True, ONE, mac, vlan, NUD_REACHABLE, 0, b"")])


@pytest.mark.parametrize("named", [{}, {"vxlan": "vx0"}, {"bridge": "br100"}])
def test_an_evi_is_where_the_map_has_its_vni(named: dict[str, str]) -> None:
    host = single_host(SingleDevice(10, 20), 10, 20, **named)

    for vlan in (10, 20):
        vrf = vrf_of(host, vlan)
        assert vrf.reason is None
        assert vrf.notes == ()
        place = Domain(BRIDGE, vlan, DEVICE, vni_of(vlan), svi_of(vlan))
        assert vrf.domain == place
    (first, second) = host.query.vrfs.values()
    assert (first.domain.vlan, second.domain.vlan) == (10, 20)


def test_a_device_without_a_vni_filter_takes_all_in() -> None:
    device = VX0._replace(vxlan=TUNNEL._replace(vnifilter=False))
    kernel = SingleDevice(10, device=device)
    kernel.filter.clear()

    assert vrf_of(single_host(kernel, 10), 10).ready


def test_a_device_of_its_own_comes_before_a_shared_one() -> None:
    class Both(SingleDevice):
        def links(self) -> list[Link]:
            own = VxlanLink(vni_of(10), TUNNEL.local, 4789, False, False)
            device = VX0._replace(ifindex=91, name="vx10", vxlan=own)
            return [*super().links(), device]

    kernel = Both(10, 20)
    kernel.port_vlans[91] = PortVlans(30, frozenset({30}))
    host = single_host(kernel, 10, 20)

    assert vrf_of(host, 10).domain.vxlan == 91
    assert vrf_of(host, 20).domain.vxlan == DEVICE


def on(**changes: object) -> Link:
    """Return vx0 with another setting of the device or its port."""
    known: Any = changes
    vxlan = {key: known[key] for key in known if key in TUNNEL._fields}
    port = {key: known[key] for key in known if key in PORT._fields}
    return VX0._replace(vxlan=TUNNEL._replace(**vxlan), port=PORT._replace(**port))


LOCAL = "ip link set vx0 type vxlan local 10.0.0.1"
ANEW = (
    "ip link del vx0 && ip link add vx0 type vxlan external vnifilter local 10.0.0.1 "
    "dstport 4789 nolearning"
)


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (
            VX0._replace(master=0, port=None),
            "vx0 is not in a bridge: `ip link set vx0 master BRIDGE`",
        ),
        (
            on(vlan_tunnel=False),
            "vx0 maps no VLANs to VNIs: `bridge link set dev vx0 vlan_tunnel on`",
        ),
        (on(local=b""), f"vx0 has no local address: `{LOCAL}`"),
        (
            on(local=parse_ip("10.0.0.7")),
            f"vx0 has local address 10.0.0.7, not the VTEP address 10.0.0.1: `{LOCAL}`",
        ),
        (
            on(local=parse_ip("fd00::1")),
            f"vx0 has local address fd00::1, not the VTEP address 10.0.0.1: `{ANEW}`",
        ),
        (
            on(udp_port=8472),
            f"vx0 uses UDP port 8472, not vtep.udp-port 4789: `{ANEW}`",
        ),
        (VX0._replace(up=False), "vx0 is down: `ip link set vx0 up`"),
    ],
)
def test_what_the_device_lacks_is_told_with_its_fix(device: Link, reason: str) -> None:
    host = single_host(SingleDevice(10, device=device), 10, vxlan="vx0")

    assert vrf_of(host, 10).reason == reason
    host.run(LinkObserved(VX0))
    assert vrf_of(host, 10).ready


def test_a_bridge_that_filters_no_vlans_is_told_with_its_fix() -> None:
    kernel = SingleDevice(10)
    host = single_host(kernel, 10)
    bridge = kernel.links()[0]
    host.run(LinkObserved(bridge._replace(vlan_filtering=False)))

    assert vrf_of(host, 10).reason == (
        "br100 does not filter VLANs, and vx0 has a VLAN of it for each VNI: "
        "`ip link set br100 type bridge vlan_filtering 1`"
    )
    host.run(LinkObserved(bridge))
    assert vrf_of(host, 10).ready


ADD = "bridge vlan add dev vx0 vid"
DROP = "bridge vlan del dev vx0 vid"


@pytest.mark.parametrize(
    ("tunnels", "wanted", "reason"),
    [
        (
            {20: 10020},
            None,
            (
                "no VLAN of vx0 is mapped to VNI 10010: "
                f"`{ADD} VLAN && {ADD} VLAN tunnel_info id 10010`"
            ),
        ),
        (
            {20: 10020},
            10,
            (
                "no VLAN of vx0 is mapped to VNI 10010: "
                f"`{ADD} 10 && {ADD} 10 tunnel_info id 10010`"
            ),
        ),
        (
            {20: 10020},
            20,
            (
                "no VLAN of vx0 is mapped to VNI 10010: "
                f"`{DROP} 20 tunnel_info id 10020 && {ADD} 20 tunnel_info id 10010`"
            ),
        ),
        (
            {10: 10010, 20: 10020},
            20,
            (
                "vx0 maps VLAN 10 to VNI 10010, not VLAN 20: "
                f"`{DROP} 10 tunnel_info id 10010 && {DROP} 20 tunnel_info id 10020 && "
                f"{ADD} 20 tunnel_info id 10010`"
            ),
        ),
        (
            {10: 10010},
            30,
            (
                "vx0 maps VLAN 10 to VNI 10010, not VLAN 30: "
                f"`{DROP} 10 tunnel_info id 10010 && {ADD} 30 && "
                f"{ADD} 30 tunnel_info id 10010`"
            ),
        ),
    ],
)
def test_what_the_map_lacks_is_told_with_its_fix(
    tunnels: dict[int, int], wanted: int | None, reason: str
) -> None:
    kernel = SingleDevice(10)
    kernel.map(tunnels)
    host = single_host(kernel, 10, vxlan="vx0", vlan=wanted)

    assert vrf_of(host, 10).reason == reason


def test_a_map_that_is_not_known_yet_is_told_so() -> None:
    kernel = SingleDevice(10)
    del kernel.port_vlans[DEVICE]

    host = single_host(kernel, 10)
    assert vrf_of(host, 10).reason == "the VLANs of vx0 are not known yet"


def test_a_vlan_that_is_untagged_on_the_device_is_told_with_its_fix() -> None:
    kernel = SingleDevice(10)
    kernel.map({10: 10010}, pvid=10)

    assert vrf_of(single_host(kernel, 10), 10).reason == (
        "VLAN 10 is untagged on vx0, and so none of its frames is sent: "
        "`bridge vlan add dev vx0 vid 10`"
    )


def test_a_pvid_that_is_the_vlan_of_an_evi_is_noted() -> None:
    kernel = SingleDevice(10, 20)
    kernel.port_vlans[DEVICE] = kernel.port_vlans[DEVICE]._replace(pvid=10)
    host = single_host(kernel, 10, 20)

    assert vrf_of(host, 20).notes == ()
    assert vrf_of(host, 10).notes == (
        (
            "vx0 has PVID 10, and so frames of VNIs that it maps to no VLAN come into "
            "VLAN 10: `bridge vlan add dev vx0 vid 10`"
        ),
    )


def test_a_vni_that_is_not_in_the_filter_is_told_with_its_fix() -> None:
    kernel = SingleDevice(10, 20)
    kernel.filter.remove(10010)
    host = single_host(kernel, 10, 20)

    assert vrf_of(host, 20).ready
    assert vrf_of(host, 10).reason == (
        "VNI 10010 is not in the VNI filter of vx0: `bridge vni add vni 10010 dev vx0`"
    )


@pytest.mark.parametrize("what", ["map", "filter", "tunnel"])
def test_an_evi_whose_vni_goes_leaves_and_comes_back(what: str) -> None:
    kernel = SingleDevice(10, 20)
    host = single_host(kernel, 10, 20)
    host.run(learn(10, A))
    assert told(host).keys() == {A}
    if what == "map":
        kernel.map({20: 10020})
    elif what == "filter":
        kernel.filter.remove(10010)
    elif what == "tunnel":
        kernel.device = on(vlan_tunnel=False)
    host.run(kernel.vlans_now(), LinkObserved(kernel.device))

    assert told(host) == {}
    vrf = vrf_of(host, 10)
    assert (vrf.domain.vlan, vrf.ready) == (0, False)
    (row,) = [r for r in host.query.vrfs.values() if r.config.vni == 10010]
    assert row.domain.vxlan == DEVICE
    kernel.map({10: 10010, 20: 10020})
    kernel.filter.add(10010)
    kernel.device = VX0
    kernel.vlans[10].frame(ONE, A)
    host.run(kernel.vlans_now(), LinkObserved(kernel.device))
    assert vrf.ready
    assert told(host).keys() == {A}


def test_an_evi_follows_its_vni_to_another_vlan() -> None:
    kernel = SingleDevice(10, 20, 30)
    kernel.map({10: 10010, 20: 10020})
    host = single_host(kernel, 10, 20)
    host.run(learn(10, A))
    kernel.map({30: 10010, 20: 10020})
    host.run(kernel.vlans_now())

    assert vrf_of(host, 10).domain == Domain(BRIDGE, 30, DEVICE, 10010, svi_of(30))
    assert told(host) == {}
    host.run(learn(30, A))
    assert told(host).keys() == {A}


def test_an_evi_that_another_device_has_in_its_vlan_is_told() -> None:
    class Both(SingleDevice):
        def links(self) -> list[Link]:
            own = VxlanLink(vni_of(10), TUNNEL.local, 4789, False, False)
            device = VX0._replace(ifindex=91, name="vx10", vxlan=own)
            return [*super().links(), device]

    kernel = Both(10, 20)
    kernel.port_vlans[91] = PortVlans(20, frozenset({20}))
    host = single_host(kernel, 10, 20)

    assert vrf_of(host, 10).ready
    assert vrf_of(host, 20).reason == (
        "VLAN 20 of br100 already carries EVI vlan-10; map another to VNI 10020: "
        f"`{DROP} 20 tunnel_info id 10020 && {ADD} VLAN && "
        f"{ADD} VLAN tunnel_info id 10020`"
    )


def test_a_managed_evi_has_no_use_for_it() -> None:
    host = single_host(SingleDevice(10), 10, vxlan="vx0", manage=True)

    reason = vrf_of(host, 10).reason
    assert reason == "vx0 is external (collect metadata), not for one VNI"


def configured(host: Host) -> list[ConfigureVxlanPort]:
    return [each for each in host.actions if isinstance(each, ConfigureVxlanPort)]


def test_the_port_is_set_once_for_all_its_evis() -> None:
    device = on(neigh_suppress=False)
    host = single_host(SingleDevice(10, 20, 30, device=device), 10, 20, 30)

    assert configured(host) == [ConfigureVxlanPort(DEVICE, suppress=True)]
    (notice,) = [each for each in host.notices if each.event == "device_configured"]
    assert notice.fields == {
        "device": "vx0",
        "learning": False,
        "neigh_suppress": True,
    }


def test_evis_that_do_not_agree_on_suppression_are_told() -> None:
    settings = single_config(10, 20)
    first, second = settings.evis
    settings = replace(settings, evis=(replace(first, suppress=False), second))
    kernel: Any = SingleDevice(10, 20)
    host = Host(kernel, settings)
    host.later(5)

    assert configured(host) == []
    assert vrf_of(host, 20).notes == ()
    assert vrf_of(host, 10).notes == (
        (
            "`suppress: false` has no effect: vx0 answers ARP and ND for all its EVIs, "
            "as EVI vlan-20 has it"
        ),
    )
    off = tuple(replace(each, suppress=False) for each in settings.evis)
    host.run(ConfigChanged(replace(settings, evis=off)))
    assert configured(host) == [ConfigureVxlanPort(DEVICE, suppress=False)]


def told_of(host: Host, event: str) -> list[dict[str, object]]:
    return [each.fields for each in host.notices if each.event == event]


def test_each_vni_that_the_device_carries_is_discovered() -> None:
    kernel = SingleDevice(10, 20, 30)
    kernel.map({10: 10010, 20: 10020})
    host = single_host(kernel, discover=True)
    vrfs = host.engine.inventory.vrfs

    assert {vni: vrf.domain.vlan for vni, vrf in vrfs.items()} == {10010: 10, 10020: 20}
    assert all(vrf.ready for vrf in vrfs.values())
    assert told_of(host, "device_passed_over") == []
    # New ones come with the map, and others go.
    kernel.map({10: 10010, 30: 10030})
    host.run(kernel.vlans_now())
    assert vrfs.keys() == {10010, 10030}
    (gone,) = told_of(host, "evi_removed")
    assert gone["reason"] == (
        "no VLAN of vx0 is mapped to VNI 10020: "
        f"`{ADD} VLAN && {ADD} VLAN tunnel_info id 10020`"
    )


def test_a_configured_evi_has_its_vni_and_the_others_are_discovered() -> None:
    host = single_host(SingleDevice(10, 20), 10, discover=True, vxlan="vx0")
    vrfs = host.engine.inventory.vrfs

    assert {vni: vrf.discovered for vni, vrf in vrfs.items()} == {
        10010: False,
        10020: True,
    }
    assert told_of(host, "device_passed_over") == []


@pytest.mark.parametrize(
    ("device", "filtered", "reason"),
    [
        (on(local=b""), {10010, 10020, 10030}, "it has no local address"),
        (on(learning=True), {10010, 10020, 10030}, "type vxlan nolearning`"),
        (
            on(vlan_tunnel=False),
            {10010, 10020, 10030},
            "`bridge link set dev vx0 vlan_tunnel on`",
        ),
        (
            VX0,
            {10010},
            (
                "VNI 10020 is not in the VNI filter of vx0: `bridge vni add vni 10020 "
                "dev vx0` (and 1 more)"
            ),
        ),
    ],
)
def test_what_is_not_discovered_is_told(
    device: Link, filtered: set[int], reason: str
) -> None:
    kernel = SingleDevice(10, 20, 30, device=device)
    kernel.filter = filtered
    if device.vxlan is not None and device.vxlan.learning:
        kernel.device = device._replace(
            vxlan=device.vxlan, port=PORT._replace(learning=False)
        )
    host = single_host(kernel, discover=True)

    expected = {10010} if device is VX0 else set()
    assert host.engine.inventory.vrfs.keys() == expected
    (passed,) = told_of(host, "device_passed_over")
    assert reason in str(passed["reason"])
    assert (passed["device"], passed["vni"]) == ("vx0", None)


def test_a_device_that_maps_nothing_is_told() -> None:
    kernel = SingleDevice(10)
    kernel.map({})
    host = single_host(kernel, discover=True)

    (passed,) = told_of(host, "device_passed_over")
    assert passed["reason"] == (
        f"it maps no VLAN to a VNI: `{ADD} VLAN && {ADD} VLAN tunnel_info id VNI`"
    )


@pytest.mark.parametrize("discover", [False, True])
def test_a_look_at_the_devices_costs_as_much_for_each_evi(discover: bool) -> None:
    """2,000 EVIs cost at most four times as much as 500: twice as much is linear."""

    def cost(count: int) -> float:
        vlans = range(1, count + 1)
        names = () if discover else vlans
        host = single_host(SingleDevice(*vlans), *names, discover=discover)
        now = host.kernel.vlans_now()  # type: ignore[attr-defined]
        best = 1e9
        for turn in range(3):
            filters = dict(now.vni_filters) | {1: (range(1, 2 + turn),)}
            host.tell(VlansObserved(now.vlans, filters))
            begun = time.process_time()
            host.turn()
            best = min(best, time.process_time() - begun)
        assert len(host.engine.inventory.vrfs) == count
        return best

    assert cost(1000) < 8 * cost(250)
