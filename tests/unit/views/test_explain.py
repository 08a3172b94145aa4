"""The last step of a story names the first place where the address got lost."""

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest

from evpnd.core.bgp.path import RANK_STEPS, Rank
from evpnd.model.actions import LookUpMacs
from evpnd.model.config import DuplicateDetection, StaticEntry
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    Event,
    Heard,
    PeerWentDown,
    UpdateReceived,
)
from evpnd.model.ids import Mac, parse_ip, parse_route_target
from evpnd.model.routes import MacIpBatch, Update
from evpnd.model.rows import NTF_SELF, NUD_PERMANENT, FdbRow
from evpnd.views.explain import explain_vtep, narrative
from tests.fakes.host import (
    LABEL,
    VNI,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
)
from tests.fakes.kernel import LOOPBACK, PORTS, VXLAN
from tests.unit.views.explain_host import (
    FAR,
    FARTHER,
    IP,
    MAC,
    ONE,
    TWO,
    host,
    ip_story,
    mac_story,
    story,
    texts,
    two_evis,
)


def test_every_part_of_a_rank_has_its_words() -> None:
    assert len(RANK_STEPS) == len(get_args(Rank))


def test_what_nobody_announces_is_lost_at_the_start() -> None:
    (received, end) = mac_story(host())

    assert received["text"] == "no peer announces 02:00:00:00:00:01"
    assert end["ok"] is False


def test_a_target_that_nothing_imports_is_where_it_is_lost() -> None:
    here = host()
    path = replace(attributes(FAR), route_targets=(parse_route_target("65000:9"),))
    here.run(announce(ONE, path, FAR, MAC))

    steps = mac_story(here)
    assert "65000:9" in texts(steps, "imported")[0]
    assert "no EVI imports its route targets" in texts(steps, "end")[0]


def test_an_installed_mac_ends_well() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    steps = mac_story(here)
    assert [each["step"] for each in steps] == [
        *("received", "imported", "noted", "selected", "wanted"),
        *("found", "found", "end"),
    ]
    assert steps[-1]["ok"] is True


def test_in_a_large_table_the_mac_alone_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))
    by_dump = mac_story(here)
    monkeypatch.setattr(narrative, "LARGE", 0)
    read: list[object] = []
    monkeypatch.setattr(here.kernel, "apply", _noting(here.kernel.apply, read))

    assert mac_story(here) == by_dump

    assert [type(action) for action in read] == [LookUpMacs]


def _noting(
    apply: Callable[[Any], list[Event]], read: list[object]
) -> Callable[[object], list[Event]]:
    def applied(action: object) -> list[Event]:
        read.append(action)
        return apply(action)

    return applied


def test_the_winner_is_told_with_what_decided() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR, 1), FAR, MAC))
    here.run(announce(TWO, attributes(FARTHER, 2), FARTHER, MAC))

    (selected,) = texts(mac_story(here), "selected")
    assert selected == (
        f"{FARTHER} from peer {TWO} over {FAR} from peer {ONE}: "
        "higher mobility sequence (2 against 1)"
    )


def test_a_local_mac_tells_its_port_and_what_it_won_over() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))
    here.run(*here.kernel.frame(PORTS[0], MAC))

    steps = mac_story(here)
    assert f"on local port t{PORTS[0]}" in texts(steps, "local")[0]
    assert "(sequence 1) wins over 10.0.0.2" in texts(steps, "selected")[0]
    assert "sequence 1" in texts(steps, "announced")[0]
    assert steps[-1]["ok"] is True


def test_a_row_that_the_kernel_refuses_is_lost_there_with_its_errno() -> None:
    here = host()
    here.kernel.refused = {MAC}
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    steps = mac_story(here)
    assert f"errno {errno.EAFNOSUPPORT}" in texts(steps, "error")[0]
    assert f"errno {errno.EAFNOSUPPORT}" in texts(steps, "end")[0]


def test_a_frozen_mac_says_so() -> None:
    settings = DuplicateDetection(moves=2, freeze=True)
    here = host(duplicate_detection=settings)
    here.run(announce(ONE, attributes(FAR), FAR, MAC))
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(ONE, attributes(FAR, 7), FAR, MAC))

    assert "is a duplicate" in texts(mac_story(here), "end")[0]
    here.now += 100
    assert texts(mac_story(here), "noted")[-1] == (
        "it is a duplicate and frozen for another 3 min 20 s; `evpnd clear duplicate "
        f"--vni {VNI} 02:00:00:00:00:01` releases it now"
    )


def test_a_frozen_local_mac_wins_nothing() -> None:
    settings = DuplicateDetection(moves=2, freeze=True)
    here = host(duplicate_detection=settings)
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    for sequence in (5, 7):
        here.run(announce(ONE, attributes(FAR, sequence), FAR, MAC))
        here.run(*here.kernel.frame(PORTS[0], MAC))
        here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    here.run(announce(ONE, attributes(FAR, 30), FAR, MAC))
    assert here.vrf.macs.frozen.get(MAC) == b""

    (selected,) = texts(mac_story(here), "selected")
    assert selected == (
        f"no winner: the MAC is a frozen duplicate (other claim: {FAR} from peer {ONE} "
        "(sequence 30))"
    )
    assert "duplicate and frozen" in texts(ip_story(here), "end")[0]


def test_a_local_mac_tells_why_it_wins() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(ONE, attributes("10.0.0.9"), "10.0.0.9", MAC))

    (selected,) = texts(mac_story(here), "selected")
    assert selected.endswith("(sequence 0): lower VTEP address")


def test_rows_of_an_earlier_run_are_kept_until_all_have_spoken() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))
    again = Host(here.kernel)

    assert "kept until End-of-RIB" in " ".join(texts(mac_story(again), "noted"))


def test_somebody_elses_row_is_named() -> None:
    here = host()
    row = FdbRow(True, VXLAN, MAC, 0, NUD_PERMANENT, NTF_SELF, parse_ip("10.9.9.9"))
    here.kernel.vxlan[MAC] = row
    here = Host(here.kernel)
    here.up()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    steps = mac_story(here)
    assert "another program's row" in texts(steps, "end")[0]
    assert "dst 10.9.9.9" in texts(steps, "found")[0]


def test_an_evi_that_is_not_there_is_said() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    (end,) = mac_story(here, 999)
    assert end["text"] == f"no EVI has VNI 999; known VNIs: {VNI}"


def test_only_the_vni_asked_about_is_told() -> None:
    here = two_evis()

    assert len(texts(mac_story(here), "received")) == 2
    for vni, vtep in ((VNI, FAR), (200, FARTHER)):
        (received,) = texts(mac_story(here, vni), "received")
        assert f"next hop {vtep}" in received


def test_a_static_mac_that_yields_says_so() -> None:
    (evi,) = config().evis
    static = StaticEntry(Mac(MAC), None, sticky=False)
    here = host(evis=(replace(evi, static=(static,)),))
    here.run(announce(ONE, attributes("10.0.0.0", 7), "10.0.0.0", MAC))

    steps = mac_story(here)
    assert "a better claim wins" in texts(steps, "local")[0]


def test_routes_of_one_peer_for_a_mac_are_no_rivals() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))

    assert texts(mac_story(here), "selected") == [
        f"{FAR} from peer {ONE}: it is the only candidate"
    ]


def test_an_evi_that_lacks_its_device_is_where_it_is_lost() -> None:
    (evi,) = config().evis
    here = host(evis=(replace(evi, vxlan="vx999"),))
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    assert "there is no VXLAN device vx999" in texts(mac_story(here), "end")[0]


def test_a_binding_is_told_with_its_neighbour() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC + IP))

    steps = ip_story(here)
    assert "192.0.2.10 lladdr 02:00:00:00:00:01" in texts(steps, "wanted")[0]
    assert "(ours)" in texts(steps, "found")[0]
    assert steps[-1]["ok"] is True


def test_an_ip_that_nobody_has_is_lost_at_the_start() -> None:
    assert ip_story(host())[-1]["ok"] is False


@pytest.mark.parametrize("flood", [True, False])
def test_a_vtep_is_in_the_flood_list_unless_the_configuration_says_no(
    flood: bool,
) -> None:
    (evi,) = config().evis
    here = host(evis=(replace(evi, flood=flood),))
    here.run(announce_imet(ONE, FAR))
    told = story(here)
    explain_vtep(told, parse_ip(FAR), VNI)

    assert told.steps[-1]["ok"] is flood
    assert ("flood is false" in told.steps[-1]["text"]) is not flood


def test_our_own_vtep_is_told_to_be_ours() -> None:
    told = story(host())
    explain_vtep(told, VTEP, None)

    assert "our own VTEP" in told.steps[0]["text"]
    assert told.steps[-1]["text"] == "it is this host itself"


def test_our_own_vtep_that_no_interface_has_is_told_so() -> None:
    here = host()
    here.run(AddressObserved(LOOPBACK, VTEP, present=False))
    told = story(here)
    explain_vtep(told, VTEP, None)

    assert told.steps[-1]["text"] == "no interface of this host has it"


def test_sessions_that_are_down_are_told_where_nothing_is_known() -> None:
    here = host()
    here.run(PeerWentDown(ONE, "Hold Timer Expired", graceful=False))

    assert texts(mac_story(here), "noted") == [
        f"the session with {ONE} is not up: Hold Timer Expired"
    ]


def test_an_ethernet_segment_is_noted() -> None:
    here = host()
    batch = MacIpBatch(rd_of(FAR), bytes(4), b"\1" * 10, LABEL, [MAC])
    here.run(UpdateReceived(ONE, Update(attributes(FAR), [batch], [], [], [])))

    (encapsulation, segment) = texts(mac_story(here), "noted")
    assert "VXLAN" in encapsulation
    assert "01:01:01:01:01:01:01:01:01:01 is multihomed" in segment


def test_a_local_mac_of_an_evi_that_announces_none_says_so() -> None:
    (evi,) = config().evis
    advertise = replace(evi.advertise, macs=False)
    here = host(evis=(replace(evi, advertise=advertise),))
    here.run(*here.kernel.frame(PORTS[0], MAC))

    end = mac_story(here)[-1]
    assert end["ok"] is False
    assert "advertise.macs is false" in end["text"]


def test_a_flood_row_that_the_kernel_refuses_is_lost_there() -> None:
    here = host()
    here.kernel.refused = {parse_ip(FAR)}
    here.run(announce_imet(ONE, FAR))
    told = story(here)
    explain_vtep(told, parse_ip(FAR), VNI)

    assert "the kernel refused the row: ENETUNREACH" in told.steps[-1]["text"]
