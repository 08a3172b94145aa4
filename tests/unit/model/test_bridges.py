import pytest

from evpnd.model.bridges import (
    BridgeConfig,
    BridgePort,
    as_ranges,
    format_ranges,
    vlan_device,
)

BRIDGE = BridgeConfig(
    "br0",
    ports=(
        BridgePort("vnet*", untagged=100),
        BridgePort("*", untagged=1),
        BridgePort("vnet1*", untagged=200),
        BridgePort("vnet10", untagged=300),
    ),
)


@pytest.mark.parametrize(
    ("pattern", "device", "matches"),
    [
        ("vnet1", "vnet1", True),
        ("vnet1", "vnet10", False),
        ("vnet*", "vnet", True),
        ("vnet*", "vnet10", True),
        ("vnet*", "xvnet1", False),
        ("*p*1", "swp21", True),
        ("*p*1", "swp12", False),
        ("*" * 200 + "x", "vnet10vnet10vne", False),
        ("v**1", "vnet1", True),
        ("v.t*", "vnt1", False),
        ("v[0-9]*", "v1", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_does(
    pattern: str, device: str, *, matches: bool
) -> None:
    assert BridgePort(pattern).matches(device) is matches


@pytest.mark.parametrize(
    ("device", "untagged"), [("vnet5", 100), ("vnet1", 200), ("vnet10", 300), ("x", 1)]
)
def test_the_most_exact_name_counts(device: str, untagged: int) -> None:
    port = BRIDGE.port(device)

    assert port is not None
    assert port.untagged == untagged


def test_a_port_that_nobody_names_has_no_entry() -> None:
    assert BridgeConfig("br0", ports=(BridgePort("vnet*"),)).port("tap0") is None


def test_names_and_ranges_are_written_as_people_write_them() -> None:
    assert vlan_device("br0", 100) == "br0.100"
    assert format_ranges((range(100, 200), range(300, 301))) == "100-199, 300"


@pytest.mark.parametrize(
    "bridge", ["a-long-bridge", "fifteen-letters", "brücke-von-hier"]
)
def test_the_name_of_a_vlan_device_is_never_too_long(bridge: str) -> None:
    names = {vlan_device(bridge, vlan) for vlan in range(1, 4095)}

    assert len(names) == 4094
    assert max(len(name.encode()) for name in names) <= 15
    assert vlan_device(bridge, 4094).endswith(".4094")


def test_long_names_of_bridges_that_begin_alike_are_told_apart() -> None:
    assert vlan_device("tenants-north-1", 100) != vlan_device("tenants-north-2", 100)


def test_numbers_become_ranges() -> None:
    assert as_ranges([5, 1, 2, 3]) == (range(1, 4), range(5, 6))
    assert as_ranges([]) == ()
