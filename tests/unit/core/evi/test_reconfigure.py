"""A new configuration changes what it says and nothing else."""

from dataclasses import replace

import pytest

from evpnd.core.announce.originator import Originator
from evpnd.core.announce.rd_change import rename
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    KernelAction,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.config import Config, EviConfig, StaticEntry
from evpnd.model.events import (
    BindingsSnooped,
    ConfigChanged,
    Heard,
    LinkObserved,
    LinkVanished,
)
from evpnd.model.ids import Mac, Peer, parse_ip, parse_rd, parse_route_target, parse_vni
from evpnd.model.targets import ImportTargets
from tests.fakes.host import PEERS, VNI, Host, announce, attributes, config
from tests.fakes.kernel import PORTS, VXLAN

MAC, LOCAL = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
IP = parse_ip("192.0.2.10")
PEER = PEERS[0]
VTEP = "10.0.0.2"


def host() -> Host:
    made = Host()
    made.up()
    made.run(announce(PEER, attributes(VTEP), VTEP, MAC))
    made.run(*made.kernel.frame(PORTS[0], LOCAL))
    made.run(BindingsSnooped([Heard(PORTS[0], LOCAL, IP)]))
    made.bgp.clear()
    return made


def with_evi(**changes: object) -> Config:
    (evi,) = config().evis
    return config(evis=(replace(evi, **changes),))  # type: ignore[arg-type]


def test_the_same_again_does_nothing() -> None:
    here = host()
    before = dict(here.kernel.vxlan)
    here.run(ConfigChanged(config()))

    assert here.bgp == []
    assert here.kernel.vxlan == before


def test_another_name_touches_neither_rows_nor_routes() -> None:
    here = host()
    here.run(ConfigChanged(with_evi(name="other")))

    assert here.bgp == []
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert here.vrf.config.name == "other"


@pytest.mark.parametrize(
    "changes",
    [
        {"bridge": f"br{VNI}"},
        {"vxlan": f"vx{VNI}"},
        {"name": "b", "bridge": f"br{VNI}"},
    ],
)
def test_naming_the_devices_that_it_stands_on_touches_nothing(
    changes: dict[str, object],
) -> None:
    here = host()
    rows = dict(here.kernel.vxlan)
    plain = with_evi(vxlan=None, bridge=None)
    here.run(ConfigChanged(plain))
    here.actions.clear()
    for wanted in (with_evi(**({"vxlan": None, "bridge": None} | changes)), plain):
        here.run(ConfigChanged(wanted))

    assert here.bgp == []
    assert [a for a in here.actions if isinstance(a, KernelAction)] == []
    assert here.kernel.vxlan == rows
    assert here.vrf.sent.macs[LOCAL].ips == (IP,)


def test_an_evi_that_is_discovered_instead_goes_on_as_it_is() -> None:
    here = host()
    rows = dict(here.kernel.vxlan)
    for wanted in (config(evis=(), discover=True), config()):
        here.run(ConfigChanged(wanted))

        assert here.vrf.discovered is wanted.discover
        assert here.kernel.vxlan == rows
        assert here.vrf.sent.macs[LOCAL].ips == (IP,)
    assert not any(isinstance(a, WithdrawMacIp | WithdrawImet) for a in here.bgp)


def test_another_export_target_announces_again_without_withdrawing() -> None:
    here = host()
    target = parse_route_target("65000:999")
    here.run(ConfigChanged(with_evi(export_targets=(target,))))

    assert {type(action) for action in here.bgp} == {AnnounceImet, AnnounceMacIp}
    assert all(
        target in action.advert.route_targets
        for action in here.bgp
        if isinstance(action, AnnounceImet | AnnounceMacIp)
    )


def test_other_import_targets_take_the_rows_that_they_leave_out() -> None:
    here = host()
    here.run(ConfigChanged(with_evi(import_targets=ImportTargets())))
    assert here.remote_macs() == {}

    here.run(ConfigChanged(config()))
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_static_entries_come_and_go_beside_what_was_heard() -> None:
    here = host()
    static = StaticEntry(Mac(MAC), IP)
    here.run(ConfigChanged(with_evi(static=(static,))))
    here.run(ConfigChanged(config()))

    assert here.vrf.sent.macs.keys() == {LOCAL}
    assert here.vrf.sent.macs[LOCAL].ips == (IP,)


def test_another_rd_starts_the_evi_over() -> None:
    here = host()
    rd = parse_rd("10.0.0.1:7")
    here.run(ConfigChanged(with_evi(rd=rd)))

    withdrawn = [action for action in here.bgp if isinstance(action, WithdrawMacIp)]
    assert [set(action.keys) for action in withdrawn] == [{LOCAL, LOCAL + IP}]
    assert here.vrf.rd == rd
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_a_peer_that_is_added_is_told_everything_and_nobody_else_is() -> None:
    here = host()
    settings = config()
    newcomer = replace(settings.peers[0], address=Peer("192.0.2.9"))
    here.run(ConfigChanged(replace(settings, peers=(*settings.peers, newcomer))))

    told = {
        key
        for action in here.bgp
        if isinstance(action, AnnounceMacIp)
        for key in action.keys
    }
    assert told == {LOCAL, LOCAL + IP}
    assert any(isinstance(action, AnnounceImet) for action in here.bgp)
    assert {action.peer for action in here.bgp} == {newcomer.address}  # type: ignore[union-attr]


def test_an_evi_that_is_removed_leaves_no_row() -> None:
    here = host()
    (evi,) = config().evis
    other = EviConfig(
        vni=parse_vni(200),
        name="other",
        export_targets=evi.export_targets,
        import_targets=evi.import_targets,
    )
    here.run(ConfigChanged(config(evis=(other,))))

    assert VNI not in here.engine.inventory.vrfs
    assert here.kernel.vxlan == here.kernel.flood == here.kernel.neighbors == {}
    assert here.kernel.bridge.keys() == {LOCAL}


def test_an_rd_that_a_new_evi_takes_over_starts_the_other_evi_over() -> None:
    (evi,) = config().evis
    high = replace(evi, vni=parse_vni(VNI + 65536), name="high")
    here = Host(configuration=config(evis=(high,)))
    assert here.engine.inventory.vrfs[high.vni].rd == parse_rd("10.0.0.1:100")

    here.run(ConfigChanged(config(evis=(high, evi))))
    reloaded = {vni: vrf.rd for vni, vrf in here.engine.inventory.vrfs.items()}
    fresh = Host(configuration=config(evis=(evi, high)))
    assert reloaded == {vni: vrf.rd for vni, vrf in fresh.engine.inventory.vrfs.items()}
    assert reloaded == {
        high.vni: parse_rd("10.0.0.1:101"),
        VNI: parse_rd("10.0.0.1:100"),
    }


def test_a_given_rd_that_is_what_auto_gives_changes_nothing() -> None:
    here = host()
    here.run(ConfigChanged(with_evi(rd=parse_rd("10.0.0.1:100"))))

    assert here.bgp == []
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_another_router_id_starts_over_what_is_derived_from_it() -> None:
    here = host()
    here.run(ConfigChanged(config(router_id=parse_ip("10.0.0.9"))))

    assert here.vrf.rd == parse_rd("10.0.0.9:100")
    assert any(isinstance(action, WithdrawMacIp) for action in here.bgp)
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_another_rd_keeps_what_is_known_and_announces_before_it_withdraws() -> None:
    here = host()
    rows = dict(here.kernel.vxlan), dict(here.kernel.neighbors)
    old, new = here.vrf.rd, parse_rd("10.0.0.1:77")
    here.run(ConfigChanged(with_evi(rd=new)))

    assert (here.kernel.vxlan, here.kernel.neighbors) == rows
    announced = [a for a in here.bgp if isinstance(a, AnnounceMacIp)]
    withdrawn = [a for a in here.bgp if isinstance(a, WithdrawMacIp)]
    assert {a.source for a in announced} == {new}
    assert {a.source for a in withdrawn} == {old}
    keys = {LOCAL, LOCAL + IP}
    assert {key for a in announced for key in a.keys} == keys
    assert {key for a in withdrawn for key in a.keys} == keys
    assert here.bgp.index(announced[-1]) < here.bgp.index(withdrawn[0])


def test_another_ethernet_tag_announces_before_it_withdraws() -> None:
    here = host()
    rd, tag = here.vrf.rd, (100).to_bytes(4)
    here.run(ConfigChanged(with_evi(ethernet_tag=100)))

    announced = [a for a in here.bgp if isinstance(a, AnnounceMacIp)]
    withdrawn = [a for a in here.bgp if isinstance(a, WithdrawMacIp)]
    assert here.vrf.rd == rd
    assert {a.source for a in announced} == {rd + tag}
    assert {a.source for a in withdrawn} == {rd}
    assert {key for a in withdrawn for key in a.keys} == {LOCAL, LOCAL + IP}
    assert here.bgp.index(announced[-1]) < here.bgp.index(withdrawn[0])
    here.bgp.clear()
    here.run(ConfigChanged(with_evi(ethernet_tag=0)))
    assert {a.source for a in here.bgp if isinstance(a, AnnounceImet)} == {rd}
    assert {a.source for a in here.bgp if isinstance(a, WithdrawImet)} == {rd + tag}


def test_rds_that_two_evis_exchange_lose_no_route() -> None:
    (evi,) = config().evis
    one, two = parse_rd("10.0.0.1:1"), parse_rd("10.0.0.1:2")
    other = replace(evi, vni=parse_vni(200), name="two", vxlan="vx100")
    here = Host(configuration=config(evis=(replace(evi, rd=one),)))
    here.up()
    here.bgp.clear()
    here.run(ConfigChanged(config(evis=(replace(evi, rd=two), replace(other, rd=one)))))
    held: set[bytes] = set()
    for action in here.bgp:
        if isinstance(action, AnnounceImet):
            held.add(action.source)
        elif isinstance(action, WithdrawImet):
            held.discard(action.source)

    assert held == {two}


def test_evis_that_exchange_rds_withdraw_last_what_the_other_does_not_have() -> None:
    one, two = parse_rd("10.0.0.1:1"), parse_rd("10.0.0.1:2")
    originator = Originator()
    vrfs = []
    for rd, macs in ((one, (MAC, LOCAL)), (two, (LOCAL,))):
        here = host()
        vrf = here.vrf
        vrf.source, vrf.vtep = rd, parse_ip("10.0.0.1")
        known = vrf.sent.macs[LOCAL]
        vrf.sent.macs = dict.fromkeys(macs, known._replace(ips=()))
        vrfs.append(vrf)
    first, last = rename(zip(vrfs, (two, one), strict=True), originator)

    vtep = parse_ip("10.0.0.1")
    assert first == [
        WithdrawMacIp(None, one, [LOCAL]),
        WithdrawImet(None, one, vtep),
        WithdrawMacIp(None, two, [LOCAL]),
        WithdrawImet(None, two, vtep),
    ]
    assert last == [WithdrawMacIp(None, one, [MAC])]
    assert [vrf.rd for vrf in vrfs] == [two, one]


def test_a_vxlan_device_made_anew_costs_silent_tenants_no_binding() -> None:
    here = host()
    links = here.kernel.links()
    (vxlan,) = [link for link in links if link.ifindex == VXLAN]
    here.run(LinkVanished(VXLAN))
    assert here.vrf.sent.macs == {}
    here.bgp.clear()
    here.later(1.0)
    here.run(LinkObserved(vxlan))

    (announced,) = [a for a in here.bgp if isinstance(a, AnnounceMacIp)]
    assert set(announced.keys) == {LOCAL, LOCAL + IP}
    assert here.kernel.asked == []
