"""An answer of the kernel concerns an EVI only where that EVI still stands."""

import pytest

from evpnd.core.evi.domains import Domains
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.domain import Domain
from tests.fakes.host import config

BRIDGE, VXLAN, PORT, SVI = 2, 3, 4, 5
HERE = Domain(BRIDGE, 10, VXLAN, 0, SVI)


@pytest.fixture
def vrf() -> MacVrf:
    made = MacVrf(config().evis[0], bytes(8), discovered=False)
    made.domain = HERE
    return made


def test_all_devices_around_a_bridge_without_vlans_are_of_its_evi(vrf: MacVrf) -> None:
    vrf.domain = HERE._replace(vlan=0)
    domains = Domains()
    domains.place(vrf, [PORT], filtering=False)

    assert domains.by_device == dict.fromkeys((BRIDGE, VXLAN, PORT), vrf)
    assert (domains.by_vlan, domains.by_svi) == ({}, {SVI: vrf})
    assert domains.of_frame(PORT, 0, {}) is vrf
    assert domains.of_frame(PORT, 10, {}) is None, "it passes with its tag"


def test_bridge_and_ports_are_of_several_evis_by_vlan(vrf: MacVrf) -> None:
    other = MacVrf(config().evis[0], bytes(8), discovered=False)
    other.domain = Domain(BRIDGE, 20, 9, 0, 0)
    domains = Domains()
    for each in (vrf, other):
        domains.place(each, [PORT], filtering=True)

    assert domains.by_device == {VXLAN: vrf, 9: other}
    assert domains.by_vlan[PORT] == domains.by_vlan[BRIDGE] == {10: vrf, 20: other}


def test_who_lacks_nothing_has_a_vlan_that_two_claim(vrf: MacVrf) -> None:
    ready = MacVrf(config().evis[0], bytes(8), discovered=False)
    ready.domain, ready.reason = HERE._replace(vxlan=9), None
    for order in ((vrf, ready), (ready, vrf)):
        domains = Domains()
        for each in order:
            domains.place(each, [PORT], filtering=True)

        assert domains.by_vlan[PORT] == {10: ready}
        assert domains.by_svi == {SVI: ready}
        assert domains.serving(BRIDGE) == [ready]


def test_without_a_device_for_addresses_there_are_no_neighbours(vrf: MacVrf) -> None:
    vrf.domain = HERE._replace(svi=0)
    domains = Domains()
    domains.place(vrf, [], filtering=True)

    assert domains.by_svi == {}


@pytest.mark.parametrize(
    "elsewhere",
    [{"vlan": 20}, {"vxlan": 9}, {"vni": 200}, {"svi": 9}, {"bridge": 9}],
)
def test_an_answer_for_a_place_that_was_left_is_nobodys(
    vrf: MacVrf, elsewhere: dict[str, int]
) -> None:
    domains = Domains()
    domains.place(vrf, [], filtering=True)

    assert domains.at(HERE) is vrf
    assert domains.at(HERE._replace(**elsewhere)) is None
