"""The netlink adapter against the kernel: devices, bridge ports, snooping."""

import socket
import struct
from collections.abc import Callable

import pytest

from evpnd.adapters.netlink.port import configure_vxlan_port
from evpnd.model.actions import (
    ConfigureVxlanPort,
    CreateDevices,
    MeasurePaths,
    ReleasePorts,
    RemoveDevices,
    SnoopPorts,
    UpsertRemoteMacs,
)
from evpnd.model.config import EviConfig
from evpnd.model.domain import Domain, Vtep
from evpnd.model.events import (
    BindingsSnooped,
    DeviceActionFailed,
    FdbObserved,
    Heard,
    PathsMeasured,
)
from evpnd.model.ids import Vni, format_ip, parse_ip, parse_mac
from evpnd.model.targets import auto_import_targets
from integration.lab_kernel import fdb, link
from integration.lab_netns import inside
from integration.netlink_bench import VTEP, Bench, Driver, bench, mac

__all__ = ["bench"]
pytestmark = pytest.mark.root

BROADCAST = b"\xff" * 6


def create(
    vni: int = 200, vtep: str = VTEP, ports: tuple[str, ...] = (), mtu: int = 1450
) -> CreateDevices:
    """Ask for bridge `brm` and VXLAN device `vxm`."""
    evi = EviConfig(
        vni=Vni(vni),
        name="managed",
        export_targets=(),
        import_targets=auto_import_targets(vni),
        manage=True,
        ports=ports,
    )
    return CreateDevices(evi, "brm", "vxm", parse_ip(vtep), 4789, mtu)


def refusals(bench: Bench, *actions: CreateDevices | RemoveDevices) -> list[str]:
    """Have actions done, and give what was refused, as `device: reason`."""
    return [
        f"{event.device}: {event.reason}"
        for event in bench.do(*actions)
        if isinstance(event, DeviceActionFailed)
    ]


def field(bench: Bench, device: str, *path: str) -> object:
    """Read a field of ``ip -d -j link``."""
    value: object = link(bench.namespace, device)
    for key in path:
        assert isinstance(value, dict), f"{device} has no {'.'.join(path)}"
        value = value.get(key)
    return value


def test_devices_are_created_ready_for_use(bench: Bench) -> None:
    bench.ip(
        "link add t0 type veth peer name t1",
    )

    assert not refusals(bench, create(ports=("t0", "not-there-yet"), mtu=8950))
    for device in ("brm", "vxm"):
        assert field(bench, device, "ifalias") == "evpnd"
        assert field(bench, device, "inet6_addr_gen_mode") == "none"
        assert "UP" in str(field(bench, device, "flags"))
    assert field(bench, "brm", "linkinfo", "info_data", "forward_delay") == 0
    assert field(bench, "vxm", "mtu") == 8950
    assert field(bench, "vxm", "master") == "brm"
    assert field(bench, "vxm", "linkinfo", "info_data", "id") == 200
    assert field(bench, "vxm", "linkinfo", "info_data", "local") == VTEP
    assert field(bench, "vxm", "linkinfo", "info_data", "learning") is False
    port = ("linkinfo", "info_slave_data")
    assert field(bench, "vxm", *port, "learning") is False
    assert field(bench, "vxm", *port, "neigh_suppress") is True
    assert field(bench, "t0", "master") == "brm"
    assert "UP" in str(field(bench, "t0", "flags"))


def test_the_mtu_of_a_route_is_that_of_its_device_or_its_own(bench: Bench) -> None:
    bench.ip(
        "link add u0 mtu 9000 type veth peer name u1 mtu 9000",
        "addr add 10.255.0.1/24 dev u0",
        "addr add fd00:255::1/64 dev u0 nodad",
        "link set u0 up",
        "link set u1 up",
        "route add 10.0.0.2/32 via 10.255.0.2",
        "route add 10.0.0.3/32 via 10.255.0.2 mtu 1600",
        "route add unreachable 10.0.0.4/32",
        "route add fd00::2/128 via fd00:255::2",
        "route add fd00::3/128 via fd00:255::2 mtu 1700",
    )
    names = "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.1 fd00::2 fd00::3 fd00::4"

    asked = MeasurePaths(tuple(map(parse_ip, names.split())))
    (found,) = (e for e in bench.do(asked) if isinstance(e, PathsMeasured))

    assert {format_ip(ip): mtu for ip, mtu in found.mtus.items()} == {
        "10.0.0.2": 9000,
        "10.0.0.3": 1600,
        "fd00::2": 9000,
        "fd00::3": 1700,
    }


def test_rows_do_not_wait_until_hundreds_of_routes_were_looked_up(bench: Bench) -> None:
    bench.ip("route add 10.9.0.0/16 dev h0")
    vteps = tuple(parse_ip(f"10.9.0.{last}") for last in range(1, 251))
    hop = Vtep(parse_ip("10.0.0.2"))

    async def scenario(driver: Driver) -> None:
        await driver.do(
            MeasurePaths(vteps), UpsertRemoteMacs(bench.domain, hop, [b"\2\0\0\0\0\7"])
        )
        assert not driver.all(PathsMeasured)
        found = await driver.event(PathsMeasured)
        assert found.mtus == dict.fromkeys(vteps, 1500)
        assert len(driver.all(PathsMeasured)) == 1

    bench.run(scenario)
    assert any(row.mac == "02:00:00:00:00:07" for row in fdb(bench.namespace, "vx0"))


def test_creating_again_completes_what_is_there(bench: Bench) -> None:
    bench.do(create())
    before = bench.index("brm"), bench.index("vxm")
    bench.ip("link set vxm nomaster", "link set vxm down", "link set vxm mtu 1300")

    assert not refusals(bench, create())
    assert (bench.index("brm"), bench.index("vxm")) == before
    assert field(bench, "vxm", "master") == "brm"
    assert field(bench, "vxm", "mtu") == 1450
    assert "UP" in str(field(bench, "vxm", "flags"))


@pytest.mark.parametrize("changed", [create(vni=201), create(vtep="fd00::1")])
def test_a_vxlan_device_that_cannot_be_changed_is_made_anew(
    bench: Bench, changed: CreateDevices
) -> None:
    bench.ip("addr add fd00::1/128 dev lo")
    bench.do(create())

    assert not refusals(bench, changed)
    assert field(bench, "vxm", "linkinfo", "info_data", "id") == changed.evi.vni
    assert field(bench, "vxm", "master") == "brm"


@pytest.mark.parametrize(
    ("old", "new", "field_name"),
    [("10.0.0.1", "10.0.0.99", "local"), ("fd00::1", "fd00::99", "local6")],
)
def test_another_address_of_the_family_leaves_the_device_and_its_rows(
    bench: Bench, old: str, new: str, field_name: str
) -> None:
    bench.ip("addr add fd00::1/128 dev lo", "addr add fd00::99/128 dev lo")
    bench.do(create(vtep=old))
    before = bench.index("vxm")
    vtep = Vtep(parse_ip("10.0.0.2" if field_name == "local" else "fd00::2"))
    bench.do(UpsertRemoteMacs(Domain(vxlan=before), vtep, [b"\2\0\0\0\0\7"]))

    assert not refusals(bench, create(vtep=new))
    assert bench.index("vxm") == before
    assert field(bench, "vxm", "linkinfo", "info_data", field_name) == new
    assert any(row.mac == "02:00:00:00:00:07" for row in fdb(bench.namespace, "vxm"))


def test_a_device_of_somebody_else_is_left_alone(bench: Bench) -> None:
    bench.ip("link add brm type bridge")
    expected = (
        "brm: exists, but evpnd did not create it; remove it or set manage: false"
    )

    assert refusals(bench, create()) == [expected]
    assert not link(bench.namespace, "vxm")
    assert not refusals(bench, RemoveDevices(("brm",)))
    assert link(bench.namespace, "brm")


def test_a_vni_that_is_in_use_is_named_with_its_device(bench: Bench) -> None:
    assert refusals(bench, create(vni=100)) == ["vxm: VNI 100 is already on vx0"]


def test_a_port_of_another_bridge_is_not_taken(bench: Bench) -> None:
    (refusal,) = refusals(bench, create(ports=("p0",)))

    assert refusal.startswith("p0: is a port of br0;")
    assert field(bench, "p0", "master") == "br0"


def test_a_port_that_is_released_is_in_no_bridge_and_others_stay(
    bench: Bench,
) -> None:
    bench.ip("link add q0 type veth peer name q1")
    bench.do(create(ports=("q0",)))
    assert field(bench, "q0", "master") == "brm"

    bench.do(ReleasePorts("brm", ("q0", "p0", "never-there")))

    assert "master" not in (link(bench.namespace, "q0") or {"master": ""})
    assert field(bench, "p0", "master") == "br0"


def test_devices_of_ours_are_removed_and_absent_ones_are_no_error(
    bench: Bench,
) -> None:
    bench.do(create())

    assert not refusals(bench, RemoveDevices(("vxm", "brm", "never-there")))
    assert not link(bench.namespace, "vxm")
    assert not link(bench.namespace, "brm")


def test_a_vxlan_port_is_told_not_to_learn_and_to_suppress(bench: Bench) -> None:
    bench.ip("link set vx0 type vxlan learning")
    bench.do(ConfigureVxlanPort(bench.vx0, suppress=True))

    port = ("linkinfo", "info_slave_data")
    assert field(bench, "vx0", "linkinfo", "info_data", "learning") is False
    assert field(bench, "vx0", *port, "learning") is False
    assert field(bench, "vx0", *port, "neigh_suppress") is True

    with inside(bench.namespace):
        configure_vxlan_port(bench.vx0, suppress=False)

    assert field(bench, "vx0", *port, "neigh_suppress") is False


def test_a_port_that_cannot_be_configured_is_named(bench: Bench) -> None:
    events = bench.do(
        ConfigureVxlanPort(9999, suppress=True),
        ConfigureVxlanPort(bench.index("lo"), suppress=True),
    )
    gone, no_port = (e for e in events if isinstance(e, DeviceActionFailed))

    assert (gone.device, gone.reason.split(":")[0]) == ("link 9999", "ENODEV")
    assert (no_port.device, no_port.reason.split(":")[0]) == ("lo", "ENOTSUP")


def arp(source: bytes, sender: bytes, ip: str, *, operation: int = 1) -> bytes:
    """Build an ARP frame."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return (
        BROADCAST
        + source
        + b"\x08\x06"
        + body
        + sender
        + parse_ip(ip)
        + bytes(6)
        + parse_ip("192.0.2.254")
    )


def advertisement(source: bytes, target: str, *, hops: int = 255) -> bytes:
    """Build a neighbour advertisement with the target's link-layer address."""
    icmp = struct.pack("!BBHI", 136, 0, 0, 0) + parse_ip(target) + b"\x02\x01" + source
    addresses = parse_ip(target) + parse_ip("ff02::1")
    header = struct.pack("!IHBB", 6 << 28, len(icmp), 58, hops) + addresses
    return b"\x33\x33\0\0\0\x01" + source + b"\x86\xdd" + header + icmp


def say(*frames: bytes, device: str = "h0") -> None:
    """Send frames as the tenant behind p0."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tenant:
        tenant.bind((device, 0))
        for frame in frames:
            tenant.send(frame)


def holds(binding: Heard) -> Callable[[BindingsSnooped], bool]:
    """Tell of an event whether it holds a binding."""
    return lambda event: binding in event.bindings


def test_bindings_are_snooped_from_arp_and_nd(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.do(SnoopPorts(frozenset({bench.p0, 9999})))
        say(
            arp(mac(1), mac(1), "192.0.2.1"),
            arp(mac(2), mac(2), "192.0.2.2", operation=2),
            arp(mac(3), mac(4), "192.0.2.3"),
            arp(mac(5), mac(5), "0.0.0.0"),
            advertisement(mac(6), "2001:db8::6"),
            advertisement(mac(7), "2001:db8::7", hops=64),
            arp(mac(1), mac(1), "192.0.2.1"),
            arp(mac(9), mac(9), "192.0.2.9"),
        )
        await driver.event(
            BindingsSnooped, lambda event: event.bindings[-1][1] == mac(9)
        )
        told = [one for event in driver.all(BindingsSnooped) for one in event.bindings]
        assert told == [
            Heard(bench.p0, mac(1), parse_ip("192.0.2.1")),
            Heard(bench.p0, mac(2), parse_ip("192.0.2.2")),
            Heard(bench.p0, mac(6), parse_ip("2001:db8::6")),
            Heard(bench.p0, mac(9), parse_ip("192.0.2.9")),
        ]

    bench.run(scenario)


def test_what_a_real_host_sends_is_understood(bench: Bench) -> None:
    """Two addresses on h0; the kernel resolves others, and repeats ARP and ND."""
    bench.ip(
        "addr add 192.0.2.1/24 dev h0",
        "addr add 2001:db8::1/64 dev h0 nodad",
    )
    h0 = parse_mac(str(field(bench, "h0", "address")))

    async def scenario(driver: Driver) -> None:
        await driver.do(SnoopPorts(frozenset({bench.p0})))
        for target in ("192.0.2.200", "2001:db8::200"):
            family = socket.AF_INET6 if ":" in target else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"", (target, 9))
        for address in ("192.0.2.1", "2001:db8::1"):
            await driver.event(
                BindingsSnooped, holds(Heard(bench.p0, h0, parse_ip(address)))
            )

    bench.run(scenario)


def test_tagged_frames_and_other_ports_are_not_snooped(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.do(SnoopPorts(frozenset({bench.p0})))
        frame = arp(mac(1), mac(1), "192.0.2.1")
        say(frame[:12] + b"\x81\x00\x00\x05" + frame[12:])
        await driver.quiet()
        assert not driver.all(BindingsSnooped)

        await driver.do(SnoopPorts(frozenset()))
        say(arp(mac(2), mac(2), "192.0.2.2"))
        await driver.event(FdbObserved)
        await driver.quiet()
        assert not driver.all(BindingsSnooped)

        await driver.do(SnoopPorts(frozenset({bench.p0})))
        say(arp(mac(2), mac(2), "192.0.2.2"))
        await driver.event(BindingsSnooped)

    bench.run(scenario)


def test_a_port_that_vanishes_while_it_is_snooped_is_no_error(bench: Bench) -> None:
    async def scenario(driver: Driver) -> None:
        await driver.do(SnoopPorts(frozenset({bench.p0})))
        bench.ip("link del p0")
        await driver.quiet()
        await driver.do(SnoopPorts(frozenset()))
        assert not driver.all(DeviceActionFailed)

    bench.run(scenario)
