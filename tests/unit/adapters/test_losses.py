"""What a host loses is told of the VTEPs whose routes were looked up."""

from collections.abc import Iterable

import pytest

from evpnd.adapters.host import gather
from evpnd.adapters.losses import Losses
from evpnd.core.evi.links import Links
from evpnd.core.evi.underlay import MEASURED_MOST
from evpnd.doctor import facts
from evpnd.doctor.facts import Firewall, Route
from evpnd.model.config import Config
from evpnd.views.query import Query
from tests.fakes.host import PEERS, VNI, Host, announce_imet
from tests.unit.doctor.hosts import healthy

Asked = list[list[bytes]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Read a host with routes to all VTEPs that are asked for; tell which those are."""
    found: Asked = []

    def gather_way(
        config: Config,
        links: Links,
        vteps: Iterable[bytes],
        firewall: Firewall | None = None,
    ) -> facts.Host:
        del config
        found.append(list(vteps))
        route = Route(2, 1600, b"", local=False)
        return healthy()._replace(
            links=links,
            tunnels={},
            routes=dict.fromkeys(found[-1], route),
            firewall=firewall or Firewall(),
        )

    monkeypatch.setattr(gather, "gather_way", gather_way)
    return found


def fabric(vteps: int) -> Query:
    host = Host()
    host.up()
    names = (f"10.1.{number >> 8}.{number & 255}" for number in range(1, vteps + 1))
    host.run(*(announce_imet(PEERS[0], name) for name in names))
    return Query(host.engine)


def test_a_vtep_whose_route_was_not_looked_up_is_not_said_to_have_none(
    asked: Asked,
) -> None:
    query = fabric(MEASURED_MOST + 10)
    (vrf,) = query.vrfs.values()
    losses = Losses(query)

    assert losses.of(vrf, b"") == []
    assert losses.of_all() == {VNI: []}
    assert list(map(len, asked)) == [MEASURED_MOST]


def test_the_vtep_that_is_asked_for_is_looked_up_by_itself(asked: Asked) -> None:
    query = fabric(MEASURED_MOST + 10)
    (vrf,) = query.vrfs.values()
    last = max(vrf.routes.imets.vteps())

    assert Losses(query).of(vrf, last) == []
    assert asked == [[last]]
