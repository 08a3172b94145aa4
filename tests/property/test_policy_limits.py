"""Limits let in whom a slow and obvious account of them would let in."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.core.bgp.path import Path
from evpnd.model.config import Config
from evpnd.model.events import ConfigChanged, PeerWentDown, PeerWentUp
from evpnd.model.ids import Peer, format_ip
from evpnd.views import routes, show
from tests.fakes.host import PEERS, Host, announce, attributes, rd_of, withdraw
from tests.unit.core.policy_host import governed

RDS = ("10.0.0.2", "10.0.0.3")
VTEPS = ("10.0.0.2", "10.0.0.3")
MARK = bytes.fromhex("fde80001")
IPS = (b"\xc0\0\2\1", b"\xc0\0\2\2")
KEYS = [bytes((2, 0, 0, 0, 0, last)) + ip for last in range(1, 5) for ip in (b"", *IPS)]
Limit = tuple[str, int, tuple[str, ...]]
Route = tuple[Peer, str, bytes]

limits = st.one_of(
    st.tuples(
        st.just("macs"),
        st.integers(1, 3),
        st.lists(st.sampled_from(["peer", "vtep", "vni"]), min_size=1, unique=True).map(
            tuple
        ),
    ),
    st.tuples(st.just("ips"), st.integers(1, 2), st.just(("mac",))),
    st.tuples(st.just("ips"), st.integers(1, 3), st.just(("peer",))),
)
several = st.lists(limits, min_size=1, max_size=2)
operations = st.tuples(
    st.sampled_from(["announce"] * 3 + ["withdraw", "down"]),
    st.sampled_from(PEERS),
    st.sampled_from(RDS),
    st.sampled_from(VTEPS),
    st.sampled_from([(), (), (MARK,)]),
    st.lists(st.sampled_from(KEYS), min_size=3, max_size=8, unique=True),
)
steps = st.lists(
    st.integers(0, 9).flatmap(lambda one: several if one == 0 else operations),
    min_size=3,
    max_size=25,
)


def limited(wanted: list[Limit], where: str) -> Config:
    """Reject what is marked, and limit the rest."""
    text = 'rules: [{match: {community: "65000:1"}, reject: true}]\nlimits:\n'
    for counted, most, per in wanted:
        text += f"  - {{{counted}: {most}, per: [{', '.join(per)}]}}\n"
    if where == "peers":
        return governed(peers={"import": ("p",)}, p=text)
    return governed(evi={"import": ("p",)}, p=text)


class Account:
    """Who is inside, found by looking at everybody each time."""

    def __init__(self, wanted: list[Limit]) -> None:
        self.limits = wanted
        self.arrived: dict[Route, int] = {}
        self.vtep: dict[Route, str] = {}
        self.inside: set[Route] = set()
        self.count = 0

    def needs(self, route: Route) -> Iterator[tuple[int, tuple[object, ...], bytes]]:
        peer, _, key = route
        of = {"peer": peer, "vtep": self.vtep[route], "vni": 100, "mac": key[:6]}
        for at, (counted, _, per) in enumerate(self.limits):
            item = key[:6] if counted == "macs" else key[6:]
            if item:
                yield at, tuple(of[dimension] for dimension in per), item

    def fits(self, route: Route) -> bool:
        for at, values, item in self.needs(route):
            items = {
                other_item
                for other in self.inside
                for other_at, other_values, other_item in self.needs(other)
                if (other_at, other_values) == (at, values)
            }
            if item not in items and len(items) >= self.limits[at][1]:
                return False
        return True

    def wake(self) -> None:
        while True:
            waiting = sorted(self.arrived.keys() - self.inside, key=self.arrived.get)  # type: ignore[arg-type]
            first = next(filter(self.fits, waiting), None)
            if first is None:
                return
            self.inside.add(first)

    def announce(self, route: Route, vtep: str) -> None:
        if route not in self.arrived:
            self.count += 1
            self.arrived[route] = self.count
        elif self.vtep[route] == vtep:
            return
        self.inside.discard(route)
        self.vtep[route] = vtep
        if self.fits(route):
            self.inside.add(route)
        self.wake()

    def leave(self, left: list[Route]) -> None:
        for route in left:
            self.arrived.pop(route, None)
            self.inside.discard(route)
        self.wake()

    def reload(self, wanted: list[Limit]) -> None:
        self.limits = wanted
        before, self.inside = self.inside, set()
        for route in sorted(
            self.arrived, key=lambda one: (one not in before, self.arrived[one])
        ):
            if self.fits(route):
                self.inside.add(route)


def imported(here: Host) -> set[tuple[Peer, bytes, bytes]]:
    """Give all routes that are in the EVI."""
    found = set()
    for key, paths in here.vrf.routes.slots.items():
        for path in [paths] if type(paths) is Path else paths:
            assert isinstance(path, Path)
            found.add((path.peer, path.rd, key))
    return found


@settings(max_examples=200, deadline=None)
@given(wanted=several, where=st.sampled_from(["peers", "evi"]), todo=steps)
def test_the_first_to_come_are_inside_and_nobody_waits_where_there_is_room(
    wanted: list[Limit],
    where: str,
    todo: list[list[Limit] | tuple],  # type: ignore[type-arg]
) -> None:
    here = Host(configuration=limited(wanted, where))
    here.up()
    account = Account(wanted)
    for step in todo:
        if isinstance(step, list):
            here.run(ConfigChanged(limited(step, where)))
            account.reload(step)
        else:
            what, peer, rd, vtep, communities, keys = step
            told = [(peer, rd, key) for key in keys]
            match what:
                case "withdraw":
                    here.run(withdraw(peer, rd, *keys))
                    account.leave(told)
                case "down":
                    here.run(
                        PeerWentDown(peer, "test", graceful=False), PeerWentUp(peer)
                    )
                    account.leave([one for one in account.arrived if one[0] == peer])
                case _:
                    path = attributes(vtep, communities=communities)
                    here.run(announce(peer, path, rd, *keys))
                    if communities:
                        account.leave(told)
                    else:
                        for route in told:
                            account.announce(route, vtep)

        inside = {(peer, rd_of(rd), key) for peer, rd, key in account.inside}
        assert imported(here) == inside
        shown = {
            (route["peer"], route["rd"], route["mac"], route["ip"])
            for route in routes.routes(here.query)
            if (route["reason"] or "").startswith("limit ")
        }
        assert shown == {
            (
                peer,
                f"{rd}:100",
                key[:6].hex(":"),
                format_ip(key[6:]) if key[6:] else None,
            )
            for peer, rd, key in account.arrived.keys() - account.inside
        }
        used = {
            bucket["used"] <= one["limit"]["most"]
            for one in show.policies(here.query)
            if one["limit"]
            for bucket in one["limit"]["fullest"]
        }
        assert used <= {True}

    for peer in PEERS:
        here.run(PeerWentDown(peer, "test", graceful=False))
    assert not here.vrf.routes.slots
    assert all(
        one["limit"] is None or one["limit"]["fullest"] == []
        for one in show.policies(here.query)
    )
