"""Whatever others do without a word, the rows are the wanted ones again soon."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.kernel import audit
from evpnd.model.actions import UpsertFlood, UpsertNeighbors
from evpnd.model.events import BindingsSnooped, Heard, RowsInDoubt
from evpnd.model.ids import Peer, parse_ip
from evpnd.model.rows import (
    EVPND_PROTOCOL,
    NTF_EXT_LEARNED,
    NTF_SELF,
    NUD_REACHABLE,
    NUD_STATIC,
    FdbRow,
)
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    withdraw,
    withdraw_imet,
)
from tests.fakes.kernel import DOMAIN, PORTS, VXLAN

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(4)]
IPS = [parse_ip(f"192.0.2.{last}") for last in range(10, 12)]
VTEPS = ["10.0.0.2", "10.0.0.3"]
KEYS = [*MACS, *(mac + ip for mac in MACS for ip in IPS)]
PEER = PEERS[0]

TOLD = {"announce", "withdraw", "imet", "no-imet", "frame", "snoop"}

macs, ips, vteps = st.sampled_from(MACS), st.sampled_from(IPS), st.sampled_from(VTEPS)
told = st.one_of(
    st.tuples(st.just("announce"), vteps, st.sampled_from(KEYS)),
    st.tuples(st.just("withdraw"), vteps, st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(["imet", "no-imet"]), vteps),
    st.tuples(st.just("frame"), st.sampled_from(PORTS), macs),
    st.tuples(st.just("snoop"), st.sampled_from(PORTS), macs, ips),
)
untold = st.one_of(
    st.tuples(st.sampled_from(["no-vxlan", "no-bridge", "no-rows"]), macs),
    st.tuples(st.just("other-vtep"), macs),
    st.tuples(st.just("no-neighbor"), ips),
    st.tuples(st.just("other-mac"), ips, macs),
)
stray = st.one_of(
    st.tuples(st.just("stray"), macs, vteps),
    st.tuples(st.just("stray-neighbor"), ips, macs),
    st.tuples(st.sampled_from(["no-flood", "stray-flood"]), vteps),
)


def play(host: Host, step: tuple[object, ...]) -> None:
    match step:
        case ("announce", str(vtep), bytes(key)):
            host.run(announce(PEER, attributes(vtep), vtep, key))
        case ("withdraw", str(vtep), bytes(key)):
            host.run(withdraw(PEER, vtep, key))
        case ("imet", str(vtep)):
            host.run(announce_imet(Peer(PEER), vtep))
        case ("no-imet", str(vtep)):
            host.run(withdraw_imet(Peer(PEER), vtep))
        case ("frame", int(port), bytes(mac)):
            host.run(*host.kernel.frame(port, mac))
        case ("snoop", int(port), bytes(mac), bytes(ip)):
            host.run(BindingsSnooped([Heard(port, mac, ip)]))
        case _:
            change(host, step)


def change(host: Host, step: tuple[object, ...]) -> None:
    """Change the kernel's rows, and tell nobody."""
    kernel = host.kernel
    match step:
        case ("no-vxlan", bytes(mac)):
            kernel.vxlan.pop(mac, None)
        case ("no-bridge", bytes(mac)):
            lose_bridge_row(host, mac)
        case ("no-rows", bytes(mac)):
            kernel.vxlan.pop(mac, None)
            lose_bridge_row(host, mac)
        case ("other-vtep", bytes(mac)):
            if mac in kernel.vxlan:
                row = kernel.vxlan[mac]
                kernel.vxlan[mac] = row._replace(dst=parse_ip("10.9.9.9"))
        case ("no-neighbor", bytes(ip)):
            kernel.neighbors.pop(ip, None)
        case ("other-mac", bytes(ip), bytes(mac)):
            if ip in kernel.neighbors:
                kernel.neighbors[ip] = kernel.neighbors[ip]._replace(mac=mac)
        case ("stray", bytes(mac), str(vtep)):
            on_port = mac in kernel.bridge and kernel.bridge[mac].ifindex in PORTS
            if not on_port:
                row = FdbRow(True, VXLAN, mac, 0, NUD_REACHABLE, NTF_EXT_LEARNED, b"")
                kernel.bridge[mac] = row
                own = row.flags | NTF_SELF
                there = row._replace(flags=own, dst=parse_ip(vtep), state=NUD_STATIC)
                kernel.vxlan[mac] = there
        case ("stray-neighbor", bytes(ip), bytes(mac)):
            kernel.apply(UpsertNeighbors(DOMAIN, [(ip, mac, False)]))
            assert kernel.neighbors[ip].protocol == EVPND_PROTOCOL
        case ("no-flood", str(vtep)):
            kernel.flood.pop(parse_ip(vtep), None)
        case ("stray-flood", str(vtep)):
            kernel.apply(UpsertFlood(DOMAIN, [parse_ip(vtep)]))
        case _:
            raise AssertionError(step)


def lose_bridge_row(host: Host, mac: bytes) -> None:
    row = host.kernel.bridge.get(mac)
    if row is not None and row.ifindex == VXLAN:
        del host.kernel.bridge[mac]


def same_as_undisturbed(
    host: Host, history: list[tuple[object, ...]], within: float = 2 * audit.ROUND
) -> None:
    """Compare with a host that nobody disturbed."""
    other = Host()
    other.up()
    for step in history:
        if step[0] in TOLD:
            play(other, step)
    for _ in range(16):
        host.later(within / 16)
        other.later(within / 16)

    assert host.kernel.vxlan == other.kernel.vxlan
    assert host.kernel.bridge == other.kernel.bridge
    assert host.kernel.flood == other.kernel.flood
    assert host.kernel.neighbors == other.kernel.neighbors
    assert host.remote_macs() == host.vrf.fdb.actual


@given(st.lists(st.one_of(told, told, untold, stray), max_size=25))
def test_the_audit_of_whole_tables_repairs_all(
    history: list[tuple[object, ...]],
) -> None:
    host = Host()
    host.up()
    for step in history:
        play(host, step)

    same_as_undisturbed(host, history)


@contextmanager
def sizes(whole: int) -> Iterator[None]:
    """Have tables of more rows than this taken for large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "WHOLE", whole)
        patch.setattr(audit, "SLICE", 2)
        patch.setattr(audit, "URGENT_SLICE", 3)
        yield


@given(st.lists(st.one_of(told, told, untold), max_size=25))
def test_the_audit_of_single_rows_repairs_what_is_missing_or_wrong(
    history: list[tuple[object, ...]],
) -> None:
    with sizes(0):
        host = Host()
        host.up()
        for step in history:
            play(host, step)

        same_as_undisturbed(host, history)


@given(st.lists(st.one_of(told, told, untold), max_size=25), st.sampled_from([0, 100]))
def test_what_was_changed_beside_us_is_repaired_within_a_second(
    history: list[tuple[object, ...]], whole: int
) -> None:
    with sizes(whole):
        host = Host()
        host.up()
        for step in history:
            play(host, step)
        host.run(RowsInDoubt(frozenset({VXLAN})))

        same_as_undisturbed(host, history, within=1.0)
