"""What a plan says of devices that come, go and change."""

from dataclasses import replace

import pytest

from evpnd.model.actions import ReleasePorts
from evpnd.model.config import VtepConfig
from evpnd.model.events import (
    ConfigChanged,
    LinkObserved,
    LinkVanished,
)
from evpnd.model.ids import format_mac, parse_ip, parse_vni
from evpnd.model.rows import Link
from tests.fakes.host import Host, announce, announce_imet, attributes, config
from tests.fakes.kernel import BRIDGE, PORTS
from tests.unit.views.planning import (
    CONFIGURATIONS,
    MAC,
    PEER,
    VTEP,
    host,
    of,
    planned,
)


def test_managed_devices_that_are_missing_are_planned() -> None:
    plan = planned(host(), CONFIGURATIONS["a managed EVI more"])

    assert of(plan, "device") == [("add", "br200"), ("add", "vx200")]
    (made,) = [c for c in plan if c["what"] == "route" and c["action"] == "add"]
    assert (made["vni"], made["type"]) == (200, "imet")


def test_each_managed_evi_gets_its_own_devices_and_ports() -> None:
    here = host()
    ports = {
        vni: Link(
            index,
            f"tap{vni}",
            "tun",
            up=False,
            carrier=True,
            master=0,
            mac=b"",
            mtu=1500,
            alias="",
        )
        for index, vni in ((20, 200), (21, 300))
    }
    here.run(*(LinkObserved(port) for port in ports.values()))
    plain = config().evis[0]
    more = (
        replace(
            plain, vni=parse_vni(vni), name=f"t{vni}", manage=True, ports=(port.name,)
        )
        for vni, port in ports.items()
    )

    plan = planned(here, config(evis=(plain, *more)))

    made = {c["name"]: c for c in plan if c["what"] == "device"}
    assert made.keys() == {"br200", "vx200", "tap200", "br300", "vx300", "tap300"}
    for vni in ports:
        assert made[f"vx{vni}"]["vni"] == vni
        assert made[f"vx{vni}"]["bridge"] == f"br{vni}"
        assert made[f"tap{vni}"]["bridge"] == f"br{vni}"


def test_new_devices_do_not_inherit_the_rows_of_those_that_go() -> None:
    (plain,) = config().evis
    managed = replace(plain, manage=True)
    here = Host(configuration=config(evis=(managed,)))
    here.up()
    (one, two) = (link for link in here.kernel.links() if link.ifindex not in PORTS)
    uplink = one._replace(ifindex=BRIDGE - 1, name="eth0", kind="", mac=b"\2eth0\0")
    ours = (link._replace(alias="evpnd") for link in (one, two))
    here.run(*map(LinkVanished, PORTS), *map(LinkObserved, (uplink, *ours)))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC), announce_imet(PEER, VTEP))
    other = replace(managed, vni=parse_vni(300), name="vni-300")

    plan = planned(here, config(evis=(other,)))

    # The import targets are as they were, and so are the routes.
    row = format_mac(MAC), VTEP
    assert of(plan, "fdb") == [("add", *row), ("remove", *row)]
    assert of(plan, "flood") == [("add", VTEP), ("remove", VTEP)]


@pytest.mark.parametrize(
    ("vtep", "port", "remade"),
    [("10.0.0.11", 4789, None), ("2001:db8::1", 4789, True), ("10.0.0.1", 4790, True)],
)
def test_a_device_that_is_made_anew_says_so(
    vtep: str, port: int, *, remade: bool | None
) -> None:
    (plain,) = config().evis
    managed = replace(plain, manage=True)
    here = Host(configuration=config(evis=(managed,)))
    here.up()
    links = (link for link in here.kernel.links() if link.ifindex not in PORTS)
    here.run(*(LinkObserved(link._replace(alias="evpnd")) for link in links))
    changed = VtepConfig(parse_ip(vtep), udp_port=port)

    plan = planned(here, config(evis=(managed,), vtep=changed))

    (device,) = (change for change in plan if change["what"] == "device")
    assert (device["name"], device.get("remade")) == ("vx100", remade)


def test_a_port_that_is_left_out_leaves_the_bridge_and_may_go_to_another() -> None:
    plain = config().evis[0]
    name = f"t{PORTS[0]}"
    first = replace(plain, manage=True, ports=(name,))
    here = host()
    here.run(ConfigChanged(config(evis=(first,))))
    second = replace(plain, vni=parse_vni(300), name="c", manage=True)

    wanted = config(evis=(replace(first, ports=()), replace(second, ports=(name,))))
    moved = [c for c in planned(here, wanted) if c.get("name") == name]
    alone = [
        c
        for c in planned(here, config(evis=(replace(first, ports=()),)))
        if c.get("name") == name
    ]

    assert [(c["bridge"], c["was"]["bridge"]) for c in moved] == [("br300", "br100")]
    assert [(c["bridge"], c["was"]) for c in alone] == [(None, {"bridge": "br100"})]
    here.run(ConfigChanged(wanted))
    assert ReleasePorts("br100", (name,)) in here.actions


def test_what_will_be_refused_is_planned_as_refused() -> None:
    here = host()
    plain = config().evis[0]
    foreign = Link(
        *(20, "vx200", "veth"),
        up=True,
        carrier=True,
        master=0,
        mac=b"",
        mtu=1500,
        alias="",
    )
    here.run(LinkObserved(foreign))
    more = [
        replace(plain, vni=parse_vni(vni), name=f"t{vni}", manage=True, ports=ports)
        for vni, ports in ((200, ()), (300, (f"t{PORTS[0]}",)))
    ]

    plan = planned(here, config(evis=(plain, *more)))

    evis = {c["vni"]: (c["state"], c["reason"]) for c in plan if c["what"] == "evi"}
    assert evis[200][0] == "not-ready"
    assert evis[200][1].startswith("vx200 exists, but evpnd did not create it")
    assert evis[300] == ("ready", None)
    devices = {c["name"]: c for c in plan if c["what"] == "device"}
    assert devices.keys() == {"vx200", "br300", "vx300", f"t{PORTS[0]}"}
    assert devices["vx200"]["refused"].startswith("exists")
    assert "is a port of br100; remove it" in devices[f"t{PORTS[0]}"]["refused"]
    assert not [c for c in plan if c.get("vni") == 200 and c["what"] == "route"]
