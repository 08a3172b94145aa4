"""A story's last line is about the packet, not about the kernel's row alone."""

from collections.abc import Callable, Iterable

import pytest

from evpnd.model.config import DuplicateDetection
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    Event,
    Heard,
    LinkObserved,
)
from evpnd.model.ids import format_ip, format_mac, parse_ip
from evpnd.model.rows import NTF_SELF, NUD_PERMANENT, FdbRow
from evpnd.views import show
from evpnd.views.explain import Step, explain_vtep
from tests.fakes.host import PEERS, VTEP, Host, announce, announce_imet, attributes
from tests.fakes.kernel import BRIDGE, LOOPBACK, OWN_MAC, PORTS, VXLAN
from tests.unit.views.explain_host import (
    FAR,
    IP,
    MAC,
    host,
    ip_story,
    mac_story,
    story,
)

ONE, TWO = PEERS
GREEN = "the kernel has the wanted rows"
LOST = "the kernel has the wanted rows, but packets are lost: "


def vtep_story(here: Host) -> list[Step]:
    told = story(here)
    explain_vtep(told, parse_ip(FAR), None)
    return told.steps


STORIES: list[Callable[[Host], list[Step]]] = [mac_story, ip_story, vtep_story]


def remote() -> Host:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))
    here.run(announce_imet(ONE, FAR))
    return here


def local() -> Host:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    return here


def end(steps: list[Step]) -> tuple[bool, str]:
    assert steps[-1]["step"] == "end"
    return steps[-1]["ok"], steps[-1]["text"]


def ports(here: Host, indexes: Iterable[int], **change: object) -> list[Event]:
    links = here.engine.inventory.links.by_index
    return [LinkObserved(links[i]._replace(**change)) for i in indexes]  # type: ignore[arg-type]


def test_what_gets_there_says_where_it_goes() -> None:
    here, there = local(), remote()

    assert [end(tell(there)) for tell in STORIES] == [
        (True, f"frames to it go to VTEP {FAR}: {GREEN}"),
        (True, f"packets to it go to {format_mac(MAC)} at VTEP {FAR}: {GREEN}"),
        (True, f"flooded frames go to VTEP {FAR}: {GREEN}"),
    ]
    reached = (True, f"frames from the fabric reach it on port t{PORTS[0]}: {GREEN}")
    assert [end(mac_story(here)), end(ip_story(here))] == [reached, reached]


@pytest.mark.parametrize("tell", STORIES)
def test_without_the_vtep_address_every_packet_is_lost(
    tell: Callable[[Host], list[Step]],
) -> None:
    here, there = local(), remote()
    for each in (here, there):
        each.run(AddressObserved(LOOPBACK, VTEP, present=False))

    lost = (False, f"{LOST}no interface has the VTEP address {format_ip(VTEP)}")
    assert end(tell(there)) == lost
    if tell is not vtep_story:
        assert end(tell(here)) == lost


@pytest.mark.parametrize("tell", STORIES)
def test_without_a_tenant_port_that_is_up_nobody_here_sends(
    tell: Callable[[Host], list[Step]],
) -> None:
    here = remote()
    here.run(*ports(here, PORTS[:1], up=False), *ports(here, PORTS[1:], carrier=False))
    nobody = end(tell(here))
    here.run(*ports(here, PORTS, master=0))
    nowhere = end(tell(here))
    # The host itself sends where the bridge has an address.
    here.run(AddressObserved(BRIDGE, parse_ip("192.0.2.254"), present=True))

    why = "no tenant port of br100 is {}, so no tenant sends"
    assert nobody == (False, LOST + why.format("up"))
    assert nowhere == (False, LOST + why.format("there"))
    assert end(tell(here))[0]


def test_a_static_row_on_a_port_that_is_down_reaches_nobody() -> None:
    here = host()
    here.run(*here.kernel.put(PORTS[0], MAC))
    here.run(*ports(here, PORTS[:1], carrier=False))

    assert end(mac_story(here)) == (False, f"{LOST}port t{PORTS[0]} is down")


def test_a_vxlan_port_that_spanning_tree_blocks_loses_all() -> None:
    here = remote()
    port = here.engine.inventory.links.by_index[VXLAN].port
    assert port is not None
    here.run(*ports(here, [VXLAN], port=port._replace(forwarding=False)))

    blocked = (False, f"{LOST}vx100 does not forward (spanning tree)")
    assert [end(tell(here)) for tell in STORIES] == [blocked] * 3


def test_a_rewritten_next_hop_loses_known_unicast() -> None:
    here = host()
    here.run(announce(ONE, attributes(str(ONE)), FAR, MAC, MAC + IP))

    for tell in (mac_story, ip_story):
        ok, text = end(tell(here))
        assert not ok
        assert text.startswith(f"{LOST}peer {ONE}: it announces MACs with its session")


def test_a_duplicate_mac_does_not_end_well() -> None:
    here = host(duplicate_detection=DuplicateDetection(moves=2))
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(ONE, attributes(FAR, 7), FAR, MAC, MAC + IP))
    ends = [end(tell(here)) for tell in (mac_story, ip_story)]
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    ends += [end(tell(here)) for tell in (mac_story, ip_story)]

    for ok, text in ends:
        assert not ok
        assert f"{format_mac(MAC)} is a duplicate: it keeps moving" in text
        assert "evpnd clear duplicate --vni 100 02:00:00:00:00:01" in text


def test_a_duplicate_ip_does_not_end_well() -> None:
    other = b"\2\0\0\0\0\3"
    here = local()
    here.kernel.answering = {(MAC, IP)}
    here.later(10.0)
    for _ in range(3):
        here.run(announce(ONE, attributes(FAR), FAR, other, other + IP))
        here.later(1.0)

    ok, text = end(ip_story(here))
    assert not ok
    assert "192.0.2.10 is a duplicate: " in text
    assert format_mac(other) in text


def test_an_ip_whose_mac_has_no_row_is_not_reached() -> None:
    here = remote()
    foreign = FdbRow(True, VXLAN, MAC, 0, NUD_PERMANENT, NTF_SELF, parse_ip("10.9.9.9"))
    here.kernel.vxlan[MAC] = foreign
    again = Host(here.kernel)
    again.up()
    again.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))

    ok, text = end(ip_story(again))
    assert not ok
    assert "its MAC 02:00:00:00:00:01: another program's row" in text


def test_what_an_earlier_run_left_is_judged_alike() -> None:
    again = Host(remote().kernel)
    kept = end(mac_story(again))
    again.run(AddressObserved(LOOPBACK, VTEP, present=False))

    assert kept == (True, "present for now: an earlier run left it")
    assert end(mac_story(again))[0] is False


def test_the_bridges_own_address_needs_the_vtep_address_too() -> None:
    here = host()
    here.run(AddressObserved(BRIDGE, IP, present=True))
    own = end(ip_story(here))
    here.run(AddressObserved(LOOPBACK, VTEP, present=False))

    assert own == (True, "it is this host's own")
    assert end(ip_story(here))[0] is False


def test_show_macs_says_why_a_mac_gets_no_row() -> None:
    group = b"\3\0\0\0\0\1"
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, group, OWN_MAC, MAC))
    shown = {row["mac"]: row for row in show.macs(here.query)}

    def state(mac: bytes) -> tuple[str, str | None]:
        row = shown[format_mac(mac)]
        return row["state"], row["reason"]

    no_station = "not a unicast MAC (group bit set, or all zeros)"
    assert state(group) == ("inactive", no_station)
    assert state(OWN_MAC) == (
        "inactive",
        "the MAC belongs to one of this host's interfaces",
    )
    assert state(MAC) == ("installed", None)
