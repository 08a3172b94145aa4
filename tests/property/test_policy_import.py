"""Whatever came, went and was reloaded: the EVI has what the policies let in now."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.core.bgp.path import Path
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.config import Config
from evpnd.model.events import ConfigChanged
from evpnd.model.ids import Peer
from evpnd.model.routes import PathAttributes
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    withdraw,
    withdraw_imet,
)
from tests.unit.core.policy_host import governed

VTEPS = ("10.0.0.2", "10.0.0.3")
IP = b"\xc0\0\2\1"
KEYS = [bytes((2, 0, 0, 0, 0, last)) + ip for last in (1, 2, 3) for ip in (b"", IP)]
MARK = bytes.fromhex("fde80001")
TEXTS = {
    "guard": "rules: [{match: {mac: 02:00:00:00:00:01}, reject: true}]\n",
    "bindings": "rules: [{match: {ip: none}, reject: true}]\n",
    "marked": """rules:
  - {match: {mac: "02:00:00:00:00:02/47"}, set: {local-preference: 200}}
  - {match: {community: "65000:1"}, set: {med: 5, community: []}}
""",
    "unmarked": """rules:
  - {match: {community: "65000:1", not: {mac: 02:00:00:00:00:03}}, reject: true}
""",
    "flood": "rules: [{match: {type: imet, vtep: 10.0.0.2}, reject: true}]\n",
    "first": "rules: [{match: {peer: spine1}, reject: true}]\n",
    "away": """rules:
  - {match: {mac: 02:00:00:00:00:03}, set: {route-target: ["65000:999"]}}
""",
}
names = st.lists(st.sampled_from(sorted(TEXTS)), max_size=4, unique=True).map(tuple)
configs = st.builds(
    lambda of_peers, of_evi: governed(
        peers={"import": of_peers}, evi={"import": of_evi}, **TEXTS
    ),
    names,
    names,
)
marks = st.sampled_from([(), (MARK,)])
some_keys = st.lists(st.sampled_from(KEYS), min_size=2, unique=True)
operations = st.tuples(
    st.sampled_from(["announce", "announce", "withdraw", "imet", "no-imet"]),
    st.sampled_from(PEERS),
    st.sampled_from(VTEPS),
    some_keys,
    marks,
)
# A reload begins anew, and would hide what went wrong before it: few of them.
steps = st.lists(
    st.integers(0, 9).flatmap(lambda one: configs if one == 0 else operations),
    min_size=5,
    max_size=20,
)

Tables = tuple[object, ...]


def tables(vrf: MacVrf) -> Tables:
    """Everything that import leaves in an EVI, without identities."""
    routes = {}
    for key, found in vrf.routes.slots.items():
        paths = [found] if type(found) is Path else list(found)
        routes[key] = sorted(
            (path.peer, path.vtep, path.attributes.communities, path.rank)
            for path in paths
        )
    ips = {mac: sorted(several) for mac, several in vrf.routes.ips_of.items()}
    macs = {ip: sorted(several) for ip, several in vrf.routes.macs_of.items()}
    return routes, ips, macs, dict(vrf.routes.imets.items())


@settings(max_examples=150, deadline=None)
@given(start=configs, todo=steps)
def test_an_evi_has_what_a_fresh_start_would_give_it(
    start: Config, todo: list[Config | tuple[str, Peer, str, list[bytes], tuple[bytes]]]
) -> None:
    here = Host(configuration=start)
    here.up()
    now = start
    sent: dict[tuple[Peer, str, bytes], PathAttributes] = {}
    flooding: set[tuple[Peer, str]] = set()
    for step in todo:
        if isinstance(step, Config):
            now = step
            here.run(ConfigChanged(step))
            continue
        what, peer, vtep, keys, communities = step
        match what:
            case "announce":
                path = attributes(vtep, communities=communities)
                sent.update({(peer, vtep, key): path for key in keys})
                here.run(announce(peer, path, vtep, *keys))
            case "withdraw":
                for key in keys:
                    sent.pop((peer, vtep, key), None)
                here.run(withdraw(peer, vtep, *keys))
            case "imet":
                flooding.add((peer, vtep))
                here.run(announce_imet(peer, vtep))
            case _:
                flooding.discard((peer, vtep))
                here.run(withdraw_imet(peer, vtep))

    fresh = Host(configuration=now)
    fresh.up()
    for (peer, vtep, key), path in sent.items():
        fresh.run(announce(peer, path, vtep, key))
    for peer, vtep in flooding:
        fresh.run(announce_imet(peer, vtep))

    assert tables(here.vrf) == tables(fresh.vrf)
    assert here.remote_macs() == fresh.remote_macs()
    assert here.kernel.flood.keys() == fresh.kernel.flood.keys()
    assert here.kernel.neighbors.keys() == fresh.kernel.neighbors.keys()
