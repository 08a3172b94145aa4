"""Rows that others make, or take from us, are theirs until they remove them."""

from hypothesis import given
from hypothesis import strategies as st

from evpnd.model.events import BindingsSnooped, Heard, KernelOverran
from evpnd.model.ids import Peer, parse_ip
from tests.fakes.host import PEERS, Host, announce, attributes, withdraw
from tests.fakes.kernel import PORTS, VXLAN

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(3)]
IPS = [parse_ip(f"192.0.2.{last}") for last in range(10, 12)]
VTEPS = ["10.0.0.2", "10.0.0.3"]
THEIRS = parse_ip("10.9.9.9")
KEYS = [*MACS, *(mac + ip for mac in MACS for ip in IPS)]

routes = st.tuples(
    st.sampled_from(["announce", "withdraw"]),
    st.sampled_from(PEERS),
    st.sampled_from(VTEPS),
    st.sampled_from(KEYS),
)
macs, ips, ports = st.sampled_from(MACS), st.sampled_from(IPS), st.sampled_from(PORTS)
steps = st.one_of(
    routes,
    routes,
    st.tuples(st.just("frame"), ports, macs),
    st.tuples(st.just("age"), macs),
    st.tuples(st.just("snoop"), ports, macs, ips),
    st.tuples(st.just("pin"), ips, macs),
    st.tuples(st.just("unpin"), ips),
    st.tuples(st.just("fix"), macs, st.booleans()),
    st.tuples(st.just("unfix"), macs),
    st.tuples(st.just("take"), macs, st.sampled_from([THEIRS, b""])),
    st.tuples(st.just("give"), macs),
    st.sampled_from(["overrun", "restart", "wait"]),
)


def play(host: Host, step: object) -> Host:
    kernel = host.kernel
    match step:
        case ("announce", str(peer), str(vtep), bytes(key)):
            host.run(announce(Peer(peer), attributes(vtep), vtep, key))
        case ("withdraw", str(peer), str(vtep), bytes(key)):
            host.run(withdraw(Peer(peer), vtep, key))
        case ("frame", int(port), bytes(mac)):
            if ("bridge", mac) not in kernel.theirs:
                host.run(*kernel.frame(port, mac))
        case ("age", bytes(mac)):
            host.run(*kernel.age(mac))
        case ("snoop", int(port), bytes(mac), bytes(ip)):
            host.run(BindingsSnooped([Heard(port, mac, ip)]))
        case ("pin", bytes(ip), bytes(mac)):
            host.run(*kernel.pin(ip, mac))
        case ("unpin", bytes(ip)):
            host.run(*kernel.unpin(ip))
        case ("fix", bytes(mac), bool(sticky)):
            host.run(*kernel.fix_row(mac, sticky=sticky))
        case ("unfix", bytes(mac)):
            if ("bridge", mac) in kernel.theirs:
                host.run(*kernel.unfix_row(mac))
        case ("take", bytes(mac), bytes(dst)):
            host.run(*kernel.take_vxlan_row(mac, dst))
        case ("give", bytes(mac)):
            host.run(*kernel.give_vxlan_row(mac))
        case "overrun":
            host.run(KernelOverran("events"))
        case "wait":
            host.later(200.0)
        case "restart":
            host = Host(kernel)
            host.up()
            host.later(200.0)
        case _:
            raise AssertionError(step)
    return host


@given(st.lists(steps, max_size=30))
def test_what_others_took_is_never_changed(history: list[object]) -> None:
    host = Host()
    host.up()
    for step in history:
        host = play(host, step)
        assert host.kernel.trespasses == [], step
    for action in host.engine.flush():
        host.kernel.apply(action)

    assert host.kernel.trespasses == []
    left = {
        *(("bridge", m) for m, row in host.kernel.bridge.items() if row.state & 0xC0),
        *(("vxlan", mac) for mac in host.kernel.vxlan),
        *(("neighbor", ip) for ip in host.kernel.neighbors),
    }
    assert left == host.kernel.theirs


@given(st.lists(steps, max_size=30))
def test_beside_what_others_took_our_rows_are_those_wanted(
    history: list[object],
) -> None:
    host = Host()
    host.up()
    for step in history:
        host = play(host, step)
    host.later(200.0)
    kernel = host.kernel

    on_vxlan = {m for m, row in kernel.bridge.items() if row.ifindex == VXLAN}
    ours = {
        mac: row.dst
        for mac, row in kernel.vxlan.items()
        if ("vxlan", mac) not in kernel.theirs
    }
    assert ours.keys() <= on_vxlan
    assert host.vrf.fdb.actual.items() >= ours.items()
    for ip, row in kernel.neighbors.items():
        local = host.vrf.macs.local.get(row.mac)
        if ("neighbor", ip) in kernel.theirs and local is not None:
            assert ip in host.vrf.sent.macs[row.mac].ips
