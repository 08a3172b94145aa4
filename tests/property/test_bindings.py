"""Bindings, whatever was said by whom: one MAC for an IP, within limits, no storm."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.local.probes import BURST, RATE
from evpnd.model.actions import AnnounceMacIp, WithdrawMacIp
from evpnd.model.config import StaticEntry
from evpnd.model.events import BindingsSnooped, Heard, NdFlags, NeighborsObserved
from evpnd.model.ids import Ip, Mac, parse_ip
from evpnd.model.rows import NUD_PERMANENT, NUD_REACHABLE, NUD_STALE, NeighborRow
from tests.fakes.host import PEERS, Host, announce, attributes, config, withdraw
from tests.fakes.kernel import BRIDGE, PORTS

MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(4)]
IPS = [parse_ip(text) for text in ("192.0.2.10", "192.0.2.11", "2001:db8::10")]
VTEPS = ["10.0.0.0", "10.0.0.2"]
LIMIT = 2

stations = st.tuples(st.sampled_from(MACS), st.sampled_from(IPS))
steps = st.one_of(
    st.tuples(st.just("frame"), st.sampled_from(PORTS), st.sampled_from(MACS)),
    st.tuples(st.just("age"), st.sampled_from(MACS)),
    st.tuples(
        st.just("say"),
        st.sampled_from(PORTS),
        stations,
        st.one_of(
            st.none(),
            st.builds(NdFlags, st.booleans(), st.sampled_from([None, False, True])),
        ),
    ),
    st.tuples(
        st.just("kernel"),
        stations,
        st.sampled_from([NUD_REACHABLE, NUD_STALE]),
        st.booleans(),
    ),
    st.tuples(
        st.just("route"),
        st.sampled_from(VTEPS),
        stations,
        st.integers(0, 3),
        st.sampled_from([None, 0x01, 0x08]),
        st.booleans(),
    ),
    st.tuples(st.just("no-route"), st.sampled_from(VTEPS), stations),
    st.tuples(st.just("link"), st.sampled_from([BRIDGE, *PORTS]), st.booleans()),
    st.tuples(st.just("pin"), stations),
    st.tuples(st.just("unpin"), st.sampled_from(IPS)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 170.0])),
)


def play(host: Host, step: object) -> None:
    match step:
        case ("frame", int(port), bytes(mac)):
            host.run(*host.kernel.frame(port, mac))
        case ("age", bytes(mac)):
            host.run(*host.kernel.age(mac))
        case ("say", int(port), (bytes(mac), bytes(ip)), flags):
            told = Heard(port, mac, ip)
            said = isinstance(flags, NdFlags) and len(ip) > 4
            host.run(BindingsSnooped([told], {told: flags} if said else {}))
        case ("kernel", (bytes(mac), bytes(ip)), int(state), bool(present)):
            known = host.kernel.neighbors.get(ip)
            pinned = known is not None and known.state == NUD_PERMANENT
            if not pinned and (known is None or known.protocol == 0):
                row = NeighborRow(present, BRIDGE, ip, mac, state, 0, 0)
                host.kernel.neighbors[ip] = row
                if not present:
                    del host.kernel.neighbors[ip]
                host.run(NeighborsObserved([row]))
        case ("route", str(vtep), (bytes(mac), bytes(ip)), int(sequence), *more):
            path = attributes(
                vtep, sequence, arp_nd_flags=more[0], default_gateway=more[1]
            )
            host.run(announce(PEERS[0], path, vtep, mac, mac + ip))
        case ("no-route", str(vtep), (bytes(mac), bytes(ip))):
            host.run(withdraw(PEERS[0], vtep, mac, mac + ip))
        case ("link", int(index), bool(up)):
            if index != BRIDGE:
                # The bridge comes up again at once, so that something is announced.
                host.run(*host.kernel.set_link(index, up=up))
            else:
                host.run(*host.kernel.set_link(index, up=False))
                host.run(*host.kernel.set_link(index, up=True))
        case ("pin", (bytes(mac), bytes(ip))):
            host.run(*host.kernel.pin(ip, mac))
        case ("unpin", bytes(ip)):
            known = host.kernel.neighbors.get(ip)
            if known is not None and known.state == NUD_PERMANENT:
                host.run(*host.kernel.unpin(ip))
        case ("wait", float(seconds)):
            wait(host, seconds)
        case _:
            raise AssertionError(step)


def wait(host: Host, seconds: float) -> None:
    end = host.now + seconds
    while host.now < end:
        due = host.engine.next_deadline()
        following = end if due is None else min(max(due, host.now + 0.01), end)
        host.later(following - host.now)


def limited(*static: StaticEntry) -> Host:
    settings = config()
    evi = replace(settings.evis[0], ips_per_mac=LIMIT, static=static)
    host = Host(configuration=replace(settings, evis=(evi,)))
    host.up()
    return host


def announced(host: Host) -> set[bytes]:
    held: set[bytes] = set()
    for action in host.bgp:
        if isinstance(action, AnnounceMacIp):
            held |= set(action.keys)
        elif isinstance(action, WithdrawMacIp):
            held -= set(action.keys)
    return held


def check(host: Host) -> None:
    vrf = host.vrf
    bound = {key[6:]: key[:6] for key in announced(host) if len(key) > 6}
    assert len(bound) == sum(len(key) > 6 for key in announced(host))
    for ip, mac in bound.items():
        assert vrf.macs.is_local(mac)
        assert vrf.bindings.holder(ip) == mac
    for ip in IPS:
        mac_or_none = vrf.bindings.holder(ip)
        assert mac_or_none == bound.get(ip)
        row = host.kernel.neighbors.get(ip)
        if row is not None and row.is_ours:
            assert row.is_note is (mac_or_none is not None)
            assert mac_or_none in (None, row.mac)
    for table in vrf.bindings.learned_tables:
        for ip, mac in table.items():
            assert ip in vrf.bindings.ips_of[mac]
    for mac, ips in vrf.bindings.ips_of.items():
        assert len(ips - vrf.bindings.pinned.keys()) <= LIMIT
        for ip in ips:
            tables = (*vrf.bindings.learned_tables, vrf.bindings.static)
            assert mac in [table.get(ip) for table in tables]
    assert not vrf.bindings.pinned.keys() & vrf.bindings.ceded_pins.keys()
    for ip in vrf.bindings.unsure:
        assert ip in vrf.bindings.snooped
    for ip in vrf.bindings.nd_flags:
        assert len(ip) == 16


@given(st.lists(steps, max_size=40), st.sets(stations))
def test_an_ip_is_announced_with_one_mac_that_is_here(
    history: list[object], answering: set[tuple[bytes, bytes]]
) -> None:
    host = limited()
    host.kernel.answering = answering
    for step in history:
        play(host, step)
        check(host)


@given(st.lists(steps, max_size=30), st.sets(stations))
def test_what_the_yaml_binds_stays_bound(
    history: list[object], answering: set[tuple[bytes, bytes]]
) -> None:
    host = limited(StaticEntry(Mac(MACS[0]), Ip(IPS[0]), sticky=True))
    host.kernel.answering = answering
    for step in history:
        play(host, step)
        check(host)
        assert host.vrf.bindings.holder(IPS[0]) == MACS[0]


@given(st.lists(steps, max_size=30))
def test_where_nobody_answers_no_learned_binding_stays(history: list[object]) -> None:
    host = limited()
    for step in history:
        play(host, step)
    for ip in IPS:
        # What an administrator pins stays, as long as he does not take it back.
        play(host, ("unpin", ip))
    wait(host, 1000)
    check(host)

    assert not any(host.vrf.bindings.holder(ip) for ip in IPS)
    assert host.vrf.bindings.snooped == {}
    assert host.vrf.bindings.heard.keys() <= host.vrf.bindings.kernel.keys()
    assert host.vrf.bindings.nd_flags.keys() <= host.vrf.bindings.kernel.keys()


@given(st.lists(steps, max_size=30), st.sets(stations))
def test_probes_keep_within_their_rate(
    history: list[object], answering: set[tuple[bytes, bytes]]
) -> None:
    host = limited()
    host.kernel.answering = answering
    seconds: Counter[int] = Counter()
    for step in history:
        before = len(host.kernel.asked)
        play(host, step)
        seconds[int(host.now)] += len(host.kernel.asked) - before

    assert sum(seconds.values()) <= BURST + RATE * (host.now - 100.0) + 1
