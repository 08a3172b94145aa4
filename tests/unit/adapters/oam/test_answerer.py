"""Whom evpnd answers."""

import pytest

from evpnd.adapters.oam.answerer import A_SECOND, Answerer
from evpnd.adapters.oam.frame import Probe
from evpnd.model.ids import parse_ip
from tests.fakes.host import PEERS, VNI, Host, announce_imet

FAR = "10.0.0.2"
ASKS = Probe(answer=False, nonce=bytes(8), vni=VNI, vtep=bytes(parse_ip(FAR)))


def answerer() -> tuple[Answerer, str]:
    here = Host()
    here.up()
    here.run(announce_imet(PEERS[0], FAR))
    device = here.query.links.by_index[here.vrf.domain.vxlan].name
    return Answerer(here.query), device


def test_a_vtep_of_the_flood_list_is_answered() -> None:
    made, device = answerer()

    assert made._may(ASKS, device)


@pytest.mark.parametrize(
    "probe",
    [
        ASKS._replace(vtep=bytes((10, 0, 0, 3))),
        ASKS._replace(vni=VNI + 1),
        ASKS._replace(answer=True),
    ],
)
def test_nobody_else_is(probe: Probe) -> None:
    made, device = answerer()

    assert not made._may(probe, device)


def test_a_probe_from_a_tenants_port_is_not_answered() -> None:
    made, _ = answerer()
    ports = made._query.links.by_name.keys()

    assert [name for name in ports if made._may(ASKS, name)] == [answerer()[1]]
    assert not made._may(ASKS, "nowhere")


def test_many_probes_are_not_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    made, device = answerer()
    now = 1000.0
    monkeypatch.setattr("evpnd.adapters.oam.answerer.time.monotonic", lambda: now)
    answered = [made._may(ASKS, device) for _ in range(A_SECOND + 5)]
    now += 1

    assert sum(answered) == A_SECOND
    assert made._may(ASKS, device)
