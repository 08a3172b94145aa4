"""An answer of the kernel concerns an EVI only where that EVI still stands."""

import pytest

from evpnd.core.evi.domains import Domains
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.domain import Domain, Vtep
from evpnd.model.events import RowFailed
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NTF_SELF, FdbRow
from tests.fakes.host import config

BRIDGE, VXLAN, PORT, SVI = 2, 3, 4, 5
VTEP = Vtep(parse_ip("10.0.0.2"))
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


def test_a_vxlan_device_is_of_several_evis_by_vni(vrf: MacVrf) -> None:
    other = MacVrf(config().evis[0], bytes(8), discovered=False)
    vrf.domain = HERE._replace(vni=100)
    other.domain = HERE._replace(vni=200, vlan=20)
    domains = Domains()
    for each in (vrf, other):
        each.reason = None
        domains.place(each, [PORT], filtering=True)

    def of(device: int, flags: int, *, vlan: int = 0, vni: int = 0) -> MacVrf | None:
        row = FdbRow(True, device, bytes(6), vlan, 0, flags, VTEP, vni)
        return domains.of_shared(row)

    assert domains.by_device == {}
    assert (of(VXLAN, NTF_SELF, vni=100), of(VXLAN, NTF_SELF, vni=200)) == (vrf, other)
    assert (of(VXLAN, 0, vlan=10), of(VXLAN, 0, vlan=20)) == (vrf, other)
    assert (of(PORT, 0, vlan=10), of(PORT, 0, vlan=20)) == (vrf, other)
    for nobodys in (
        of(VXLAN, NTF_SELF),
        of(VXLAN, NTF_SELF, vni=300),
        of(VXLAN, NTF_SELF, vlan=10),
        of(9, NTF_SELF, vni=100),
        of(VXLAN, 0),
        of(VXLAN, 0, vlan=30),
    ):
        assert nobodys is None
    assert list(domains.on_vxlan(VXLAN)) == [vrf, other]
    assert not domains.is_alone(vrf)


@pytest.mark.parametrize(
    ("vlan", "vni", "owner"),
    [(10, 100, 0), (20, 200, 1), (0, 200, 1), (10, 0, 0), (0, 0, None), (0, 300, None)],
)
def test_a_refusal_on_a_shared_device_is_told_by_vni_or_vlan(
    vrf: MacVrf, vlan: int, vni: int, owner: int | None
) -> None:
    other = MacVrf(config().evis[0], bytes(8), discovered=False)
    vrf.domain = HERE._replace(vni=100)
    other.domain = HERE._replace(vni=200, vlan=20)
    domains = Domains()
    for each in (vrf, other):
        domains.place(each, [PORT], filtering=True)

    failed = RowFailed("fdb", VXLAN, bytes(6), 1, deleting=False, vlan=vlan, vni=vni)
    found = domains.of_failure(failed)
    assert found is (None if owner is None else (vrf, other)[owner])


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
