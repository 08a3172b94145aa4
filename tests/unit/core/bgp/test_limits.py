"""Limits of import policies: who is inside, who waits, what is told of it."""

from evpnd.core.engine import Engine
from evpnd.model.actions import (
    DeleteNeighbors,
    DeleteRemoteMacs,
    KernelAction,
    UpsertNeighbors,
    UpsertRemoteMacs,
)
from evpnd.model.events import ConfigChanged, PeerWentDown, PeerWentUp
from evpnd.model.ids import parse_ip
from evpnd.views import routes, show
from tests.fakes.host import (
    Host,
    announce,
    attributes,
    end_of_rib,
    withdraw,
)
from tests.unit.core.bgp.test_import_policy import (
    FAR,
    FIRST,
    GATEWAY,
    MACS,
    NEAR,
    SECOND,
    TWO,
    governed,
    host,
)

RowChange = UpsertRemoteMacs | DeleteRemoteMacs | UpsertNeighbors | DeleteNeighbors

REACHED = "limit macs 2 per peer, vni reached (policy two, two.yaml:2)"


def waiting(here: Host) -> list[str]:
    """Name the MACs that a limit keeps out, as `show routes` has it."""
    return [
        route["mac"]
        for route in routes.routes(here.query)
        if route["reason"] == REACHED
    ]


def test_what_is_over_a_limit_waits_and_nothing_else_suffers() -> None:
    here = host(governed(peers={"import": ("two",)}, two=TWO))

    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))
    here.run(announce(SECOND, attributes(FAR), FAR, GATEWAY))

    assert set(here.remote_macs()) == {*MACS[:2], GATEWAY}
    assert waiting(here) == [mac.hex(":") for mac in MACS[2:]]
    # All are judged anew, which is no news.
    here.engine.importer.doubt()
    here.run()
    assert [each.event for each in here.notices].count("limit_reached") == 1

    again = attributes(NEAR, sequence=1)
    here.run(announce(FIRST, again, NEAR, MACS[1]))
    here.run(announce(FIRST, again, NEAR, MACS[1] + parse_ip("192.0.2.1")))
    assert set(here.remote_macs()) == {*MACS[:2], GATEWAY}

    here.run(withdraw(FIRST, NEAR, MACS[0]))
    assert set(here.remote_macs()) == {MACS[1], MACS[2], GATEWAY}

    here.run(withdraw(FIRST, NEAR, *MACS[1:3], MACS[1] + parse_ip("192.0.2.1")))
    assert set(here.remote_macs()) == {MACS[3], GATEWAY}
    assert waiting(here) == []


def test_all_that_wait_are_let_in_where_there_is_room_for_all() -> None:
    per_vni = "limits: [{macs: 2, per: [vni]}]\n"
    here = host(governed(evi={"import": ("two",)}, two=per_vni))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:2]))
    here.run(announce(SECOND, attributes(FAR), FAR, *MACS[2:]))
    assert set(here.remote_macs()) == set(MACS[:2])

    here.run(PeerWentDown(FIRST, "gone", graceful=False))

    assert set(here.remote_macs()) == set(MACS[2:])


def test_a_reload_of_a_limit_applies_the_difference() -> None:
    here = host(governed(peers={"import": ("two",)}, two=TWO))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))

    three = TWO.replace("2", "3")
    here.tell(ConfigChanged(governed(peers={"import": ("two",)}, two=three)))
    added = [each for each in here.turn() if isinstance(each, KernelAction)]
    assert [type(each) for each in added] == [UpsertRemoteMacs]
    assert set(here.remote_macs()) == set(MACS[:3])

    one = TWO.replace("2", "1")
    here.run(ConfigChanged(governed(peers={"import": ("two",)}, two=one)))
    assert set(here.remote_macs()) == set(MACS[:1])

    here.run(ConfigChanged(governed()))
    assert set(here.remote_macs()) == set(MACS)
    here.run(ConfigChanged(governed(peers={"import": ("two",)}, two=TWO)))
    assert len(here.remote_macs()) == 2


def test_limits_are_shown_with_their_use() -> None:
    here = host(governed(peers={"import": ("two",)}, two=TWO))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))

    (_, shown) = show.policies(here.query)

    assert shown["rule"] == "limit macs 2 per peer, vni"
    assert (shown["at"], shown["verdict"], shown["routes"]) == (
        "two.yaml:2",
        "limit",
        2,
    )
    assert shown["limit"]["fullest"] == [
        {"peer": "192.0.2.1", "vni": 100, "used": 2, "waiting": 2}
    ]


def test_who_was_inside_a_limit_is_inside_again_after_a_start() -> None:
    settings = governed(peers={"import": ("two",)}, two=TWO)
    here = host(settings)
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:3]))
    assert here.remote_macs().keys() == set(MACS[:2])

    # The peers tell it in another order, and are not all there at once.
    again = Host(here.kernel, settings)
    again.run(PeerWentUp(FIRST))
    again.run(announce(FIRST, attributes(NEAR), NEAR, MACS[2]))
    again.run(announce(FIRST, attributes(NEAR), NEAR, *reversed(MACS[:2])))
    again.run(end_of_rib(FIRST))
    assert again.remote_macs().keys() == set(MACS[:2])
    again.run(PeerWentUp(SECOND), end_of_rib(SECOND))

    assert again.remote_macs().keys() == set(MACS[:2])
    again.run(withdraw(FIRST, NEAR, MACS[0]))
    assert again.remote_macs().keys() == set(MACS[1:3])


def test_a_limit_that_is_reached_is_told_once() -> None:
    here = host(governed(peers={"import": ("two",)}, two=TWO))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS))
    for _ in range(3):
        here.run(withdraw(FIRST, NEAR, *MACS[:3]))
        here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:3]))

    (told,) = [each for each in here.notices if each.event == "limit_reached"]
    assert told.fields == {
        "policy": "two",
        "limit": "macs 2 per peer, vni",
        "at": "two.yaml:2",
        "peer": FIRST,
        "vni": 100,
        "waiting": 2,
    }
    # A reload that leaves the limit as it is does not make it news.
    again = governed(peers={"import": ("two",)}, two="description: x\n" + TWO)
    here.run(ConfigChanged(again))
    assert len([each for each in here.notices if each.event == "limit_reached"]) == 1
    here.later(61)
    here.run(withdraw(FIRST, NEAR, *MACS[:3]))
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:3]))
    assert len([each for each in here.notices if each.event == "limit_reached"]) == 2


def test_which_ips_of_a_mac_were_inside_is_known_after_a_start() -> None:
    limit = "limits: [{ips: 2, per: [mac]}]\n"
    settings = governed(peers={"import": ("few",)}, few=limit)
    here = host(settings)
    keys = [MACS[0] + parse_ip(f"192.0.2.{number}") for number in (1, 2, 3)]
    here.run(announce(FIRST, attributes(NEAR), NEAR, MACS[0], *keys))
    assert here.vrf.neighbors.actual.keys() == {key[6:] for key in keys[:2]}

    again = Host(here.kernel, settings)
    again.run(PeerWentUp(FIRST))
    again.run(announce(FIRST, attributes(NEAR), NEAR, *reversed(keys), MACS[0]))
    again.run(end_of_rib(FIRST), PeerWentUp(SECOND), end_of_rib(SECOND))

    assert again.vrf.neighbors.actual.keys() == {key[6:] for key in keys[:2]}


def test_which_mac_of_an_ip_was_inside_is_known_after_a_start() -> None:
    settings = governed(
        peers={"import": ("one",)}, one="limits: [{macs: 1, per: [vni]}]\n"
    )
    here = host(settings)
    ip = parse_ip("192.0.2.2")
    here.run(announce(FIRST, attributes(NEAR), NEAR, MACS[1] + ip))
    here.run(announce(FIRST, attributes(NEAR), NEAR, MACS[0] + ip))
    assert here.vrf.neighbors.actual[ip].mac == MACS[1]

    again = Host(here.kernel, settings)
    again.run(PeerWentUp(FIRST))
    again.run(announce(FIRST, attributes(NEAR), NEAR, MACS[0] + ip))
    again.run(announce(FIRST, attributes(NEAR), NEAR, MACS[1] + ip))
    again.run(end_of_rib(FIRST), PeerWentUp(SECOND), end_of_rib(SECOND))

    assert again.vrf.neighbors.actual[ip].mac == MACS[1]


def test_who_was_inside_is_known_where_the_peers_are_quicker_than_the_kernel() -> None:
    limits = "limits: [{macs: 2, per: [peer, vni]}, {ips: 2, per: [mac]}]\n"
    settings = governed(peers={"import": ("few",)}, few=limits)
    here = host(settings)
    keys = [MACS[0] + parse_ip(f"192.0.2.{number}") for number in (1, 2, 3)]
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:3], *keys))
    inside = {key[6:] for key in keys[:2]}
    assert here.remote_macs().keys() == set(MACS[:2])
    assert here.vrf.neighbors.actual.keys() == inside

    # The speaker went on, and has all for the new agent at once.
    again = Host(here.kernel, settings)
    again.engine = Engine(settings, again.now)
    again.tell(
        PeerWentUp(FIRST),
        announce(FIRST, attributes(NEAR), NEAR, *reversed((*MACS[:3], *keys))),
        end_of_rib(FIRST),
        PeerWentUp(SECOND),
        end_of_rib(SECOND),
    )
    again.actions.clear()
    again.run()

    assert again.remote_macs().keys() == set(MACS[:2])
    assert again.vrf.neighbors.actual.keys() == inside
    assert not [each for each in again.actions if isinstance(each, RowChange)]
