"""Bridges of `bridges`, and EVIs in their VLANs, as values."""

import pickle

import pytest

from evpnd.adapters.config import ConfigErrors
from evpnd.model.bridges import BridgePort
from tests.unit.adapters.config.loading import Load

BRIDGE = """
bridges:
  - name: br0
    ports:
      - {name: bond0, tagged: [300, 100-199], untagged: 1}
      - {name: "vnet*", untagged: 100}
"""


def test_a_bridge_and_its_ports_arrive(load: Load) -> None:
    (bridge,) = load(BRIDGE + "evis: [{vni: 5, bridge: br0, vlan: 100}]\n").bridges

    assert (bridge.name, bridge.vxlan) == ("br0", None)
    assert bridge.ports == (
        BridgePort("bond0", (range(100, 200), range(300, 301)), 1, attach=True),
        BridgePort("vnet*", (), 100, attach=False),
    )


@pytest.mark.parametrize(
    ("tagged", "ranges"),
    [
        ("100", (range(100, 101),)),
        ("100-199", (range(100, 200),)),
        ("[]", ()),
        ("[7, 1-4, 4094]", (range(1, 5), range(7, 8), range(4094, 4095))),
    ],
)
def test_vlans_are_a_number_a_range_or_a_list(
    load: Load, tagged: str, ranges: tuple[range, ...]
) -> None:
    ports = f"[{{name: bond0, tagged: {tagged}}}]"
    text = f"discover: true\nbridges: [{{name: br0, ports: {ports}}}]\n"

    assert load(text).bridges[0].ports[0].tagged == ranges


@pytest.mark.parametrize(
    ("name", "written", "attach"),
    [
        ("tap0", "", True),
        ("tap*", "", False),
        ("tap0", ", attach: false", False),
        ("tap*", ", attach: true", True),
    ],
)
def test_named_ports_are_attached_and_patterns_only_where_it_is_said(
    load: Load, name: str, written: str, *, attach: bool
) -> None:
    ports = f'[{{name: "{name}", untagged: 5{written}}}]'
    text = f"discover: true\nbridges: [{{name: br0, ports: {ports}}}]\n"

    assert load(text).bridges[0].ports[0].attach is attach


def test_an_evi_on_a_bridge_of_ours_has_its_devices(load: Load) -> None:
    evis = "evis: [{vni: 5, bridge: br0, vlan: 100}, {vni: 6}]\n"
    on_it, beside = load(BRIDGE + evis).evis

    assert (on_it.bridge, on_it.vxlan, on_it.vlan) == ("br0", "vx5", 100)
    assert not on_it.manage
    assert (beside.bridge, beside.vxlan, beside.vlan) == (None, None, None)

    single = BRIDGE.replace("name: br0", "name: br0\n    vxlan: vx0")
    config = load(single + evis)
    assert config.evis[0].vxlan == "vx0"
    assert config.bridges[0].vxlan == "vx0"


def test_evis_share_the_devices_of_others_where_each_has_a_vlan(load: Load) -> None:
    one, other = load(
        "evis:\n"
        "  - {vni: 5, bridge: vmbr0, vxlan: vxlan0, vlan: 100}\n"
        "  - {vni: 6, bridge: vmbr0, vxlan: vxlan0, vlan: 200}\n"
    ).evis

    assert (one.bridge, one.vxlan, one.vlan) == ("vmbr0", "vxlan0", 100)
    assert (other.bridge, other.vxlan, other.vlan) == ("vmbr0", "vxlan0", 200)


def test_evis_that_share_a_bridge_need_not_say_their_vlans(load: Load) -> None:
    one, other, third, _ = load(
        "evis:\n"
        "  - {vni: 5, bridge: vmbr0}\n"
        "  - {vni: 6, bridge: vmbr0, vlan: 7}\n"
        "  - {vnis: 8-9, bridge: vmbr0}\n"
    ).evis

    assert {evi.bridge for evi in (one, other, third)} == {"vmbr0"}
    assert [evi.vlan for evi in (one, other, third)] == [None, 7, None]


@pytest.mark.parametrize("tagged", ["1-4094", "[1-99, 100, 101-4094]"])
def test_a_bridge_takes_1022_evis_with_a_device_each(load: Load, tagged: str) -> None:
    def text(evis: int, vxlan: str = "") -> str:
        ports = f"[{{name: bond0, tagged: {tagged}}}]"
        named = [
            f"  - {{vni: {n}, bridge: br0, vlan: {n}}}" for n in range(1, evis + 1)
        ]
        bridge = f"bridges: [{{name: br0, ports: {ports}{vxlan}}}]"
        return "\n".join([bridge, "evis:", *named, ""])

    assert len(load(text(1022)).evis) == 1022
    with pytest.raises(ConfigErrors, match="1023 VXLAN devices and 1 named ports"):
        load(text(1023))
    assert len(load(text(1023, ", vxlan: vx0")).evis) == 1023


def test_the_child_can_hand_it_over(load: Load) -> None:
    config = load(BRIDGE + "evis: [{vni: 5, bridge: br0, vlan: 100}]\n")

    assert pickle.loads(pickle.dumps(config)) == config
