"""How old routes and MACs are: each by itself, whatever it shares with others."""

from evpnd.core.bgp.adj_rib_in import OTHERS
from evpnd.model.events import UpdateReceived
from evpnd.model.ids import format_mac, parse_ip
from evpnd.model.routes import EthernetSegmentRoute, Update
from evpnd.views import routes, show
from tests.fakes.host import (
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
    withdraw,
)
from tests.unit.core.bgp.test_import_policy import FIRST, MACS, NEAR, host


def test_a_route_is_as_old_as_itself_and_not_as_its_path() -> None:
    here = host(config())
    start = here.now
    path = attributes(NEAR)
    here.run(announce(FIRST, path, NEAR, MACS[0]))
    here.later(100)
    here.run(announce(FIRST, path, NEAR, MACS[1], MACS[0]))
    here.later(100)
    ip = parse_ip("192.0.2.1")
    here.run(announce(FIRST, path, NEAR, MACS[2], MACS[1] + ip))

    ages = {row["mac"]: row["since"] - start for row in show.macs(here.query)}
    assert ages == dict(zip(map(format_mac, MACS), (0, 100, 200), strict=False))
    ages = [row["since"] - start for row in routes.routes(here.query)]
    assert sorted(ages) == [0, 100, 200, 200]

    here.run(withdraw(FIRST, NEAR, MACS[0]))
    here.later(100)
    here.run(announce(FIRST, path, NEAR, MACS[0]))
    (row,) = [r for r in show.macs(here.query) if r["mac"] == format_mac(MACS[0])]
    assert row["since"] - start == 300
    here.run(withdraw(FIRST, NEAR, *MACS, MACS[1] + ip))
    assert here.engine.peering.sessions[FIRST].rib.late == {}


def test_types_that_come_late_have_their_own_age() -> None:
    here = host(config())
    start = here.now
    here.run(announce_imet(FIRST, NEAR))
    here.later(50)
    rd, path = rd_of(NEAR), attributes(NEAR)
    segment = EthernetSegmentRoute(rd, b"\1" * 10, parse_ip(NEAR))
    here.run(UpdateReceived(FIRST, Update(path, [], [segment], [], [])))
    here.later(50)
    other = EthernetSegmentRoute(rd, b"\2" * 10, parse_ip(NEAR))
    here.run(UpdateReceived(FIRST, Update(path, [], [other], [], [])))

    found = [row["since"] - start for row in routes.routes(here.query)]
    assert sorted(found) == [0, 50, 100]

    rib = here.engine.peering.sessions[FIRST].rib
    assert len(rib.late[OTHERS]) == 1
    rib.withdraw_other(other)
    assert rib.late == {}
