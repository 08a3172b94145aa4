"""What a reload did, in numbers."""

from evpnd.model.actions import AnnounceImet, Notice
from evpnd.model.ids import parse_ip
from evpnd.views.summary import summarise
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    attributes,
    config,
    end_of_rib,
    withdraw,
)
from tests.unit.core.bgp.test_import_policy import FIRST, MACS, NEAR

KEY = MACS[0] + parse_ip("192.0.2.1")


def test_rows_are_counted_by_kind_and_by_what_became_of_them() -> None:
    here = Host(configuration=config())
    here.up()
    here.actions.clear()
    here.run(announce(FIRST, attributes(NEAR), NEAR, *MACS[:3], KEY))

    assert summarise(here.actions, PEERS) == [
        "FDB rows: 3 added or changed",
        "neighbours: 1 added or changed",
    ]

    here.run(withdraw(FIRST, NEAR, *MACS[:2]))
    assert "FDB rows: 3 added or changed, 1 removed" in summarise(here.actions, PEERS)


def test_what_all_peers_are_told_counts_once() -> None:
    here = Host(configuration=config())
    here.up()

    assert summarise(here.actions, PEERS) == ["routes: 1 announced"]


def test_what_nobody_hears_does_not_count() -> None:
    here = Host(configuration=config())
    here.up()
    one, other = PEERS
    (told,) = (each for each in here.actions if isinstance(each, AnnounceImet))

    assert summarise(here.actions, []) == []
    assert summarise([told._replace(peer=other)], [one]) == []
    assert summarise([told._replace(peer=other)], [other]) == ["routes: 1 announced"]
    each = [told._replace(peer=peer) for peer in PEERS]
    assert summarise(each, PEERS) == ["routes: 1 announced"]


def test_what_people_are_told_is_no_change() -> None:
    assert summarise([Notice("info", "reloaded", {})], PEERS) == []
    here = Host(configuration=config())
    here.up()
    here.actions.clear()
    here.run(end_of_rib(FIRST))
    assert summarise(here.actions, PEERS) == []
