"""What a plan says of bridges that evpnd makes."""

from evpnd.model.bridges import BridgePort
from evpnd.model.rows import PortVlans
from tests.fakes.host import VTEP
from tests.fakes.made_bridges import MadeHost, MadeKernel, made_config
from tests.unit.views.planning import of, planned

BOND = BridgePort("bond0", (range(10, 21),), 5)
VNET = BridgePort("vnet*", (), 10, attach=False)


def kernel_with(*names: str) -> MadeKernel:
    kernel = MadeKernel(VTEP)
    for name in names:
        kernel.add(name)
    return kernel


def test_devices_ports_and_vlans_are_planned() -> None:
    here = MadeHost(made_config(bridges=(), evis=()), kernel_with("bond0"))
    plan = planned(here, made_config(10, 20, ports=(BOND,)))

    assert of(plan, "device") == [
        ("add", "br0"),
        *(("add", f"br0.{vlan}") for vlan in (10, 20)),
        *(("add", f"vx{10_000 + vlan}") for vlan in (10, 20)),
        ("change", "bond0"),
    ]
    named = {change["name"]: change for change in plan if change["what"] == "device"}
    bond = named["bond0"]
    assert (bond["bridge"], bond["untagged"], bond["tagged"]) == ("br0", 5, "10-20")
    assert named["vx10010"]["untagged"] == named["br0.10"]["vlan"] == 10
    assert not named["br0.10"]["up"]
    evis = [change for change in plan if change["what"] == "evi"]
    assert {(evi["state"], evi["vlan"]) for evi in evis} == {
        ("ready", 10),
        ("ready", 20),
    }


def test_what_goes_is_planned_and_what_stays_is_not() -> None:
    here = MadeHost(made_config(10, 20, ports=(BOND,)), kernel_with("bond0"))
    here.up()
    assert of(planned(here, here.engine.config), "device") == []

    plan = planned(here, made_config(10))
    assert of(plan, "device") == [
        ("change", "bond0"),
        ("remove", "br0.20"),
        ("remove", "vx10020"),
    ]


def test_vlans_alone_are_planned() -> None:
    kernel = kernel_with("vnet0")
    here = MadeHost(made_config(10), kernel)
    here.run(*kernel.attach("vnet0", "br0"))
    here.run(
        *kernel.set_vlans("vnet0", PortVlans(7, frozenset({7, 8}), frozenset({8})))
    )

    (change,) = [
        each
        for each in planned(here, made_config(10, ports=(VNET,)))
        if each["what"] == "device"
    ]
    assert change["was"] == {"untagged": 7, "tagged": "8"}
    assert (change["untagged"], change["tagged"]) == (10, None)


def test_a_refusal_is_planned() -> None:
    kernel = kernel_with("vx10010")
    here = MadeHost(made_config(bridges=(), evis=()), kernel)

    plan = planned(here, made_config(10))
    (change,) = [each for each in plan if each.get("name") == "vx10010"]
    assert change["refused"] == (
        "exists, but evpnd did not create it; remove it, or take it out of `bridges`"
    )
