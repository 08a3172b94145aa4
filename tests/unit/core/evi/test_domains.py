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


def test_rows_of_all_its_devices_are_of_the_evi(vrf: MacVrf) -> None:
    domains = Domains()
    domains.place(vrf, [PORT])

    assert domains.by_device == dict.fromkeys((BRIDGE, VXLAN, PORT), vrf)
    assert (domains.by_bridge, domains.by_svi) == ({BRIDGE: vrf}, {SVI: vrf})


def test_without_a_device_for_addresses_there_are_no_neighbours(vrf: MacVrf) -> None:
    vrf.domain = HERE._replace(svi=0)
    domains = Domains()
    domains.place(vrf, [])

    assert domains.by_svi == {}


@pytest.mark.parametrize(
    "elsewhere",
    [{"vlan": 20}, {"vxlan": 9}, {"vni": 200}, {"svi": 9}, {"bridge": 9}],
)
def test_an_answer_for_a_place_that_was_left_is_nobodys(
    vrf: MacVrf, elsewhere: dict[str, int]
) -> None:
    domains = Domains()
    domains.place(vrf, [])

    assert domains.at(HERE) is vrf
    assert domains.at(HERE._replace(**elsewhere)) is None
