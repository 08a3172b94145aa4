"""What a story ends with where rows stay, a local one wins, or it is our own."""

from dataclasses import replace

import pytest

from evpnd.model.config import StaticEntry
from evpnd.model.events import (
    BindingsSnooped,
    Heard,
    LinkObserved,
    PeerWentDown,
    PeerWentUp,
    UpdateReceived,
)
from evpnd.model.ids import Ip, Mac, format_ip, format_mac, parse_ip, parse_route_target
from evpnd.model.routes import ImetRoute, PmsiTunnel, Update
from evpnd.model.rows import Link
from evpnd.views import routes
from evpnd.views.explain import (
    Step,
    explain_ip,
    explain_mac,
    explain_vtep,
    kinds_of_ip,
)
from evpnd.views.explain.narrative import duration
from evpnd.views.show import peers
from tests.fakes.host import (
    VNI,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
)
from tests.fakes.kernel import BRIDGE, OWN_MAC, PORTS
from tests.unit.views.explain_host import (
    FAR,
    FARTHER,
    IP,
    MAC,
    ONE,
    TWO,
    governed,
    host,
    story,
    texts,
    two_evis,
)

OTHER = b"\2\0\0\0\0\7"


def of_mac(here: Host, mac: bytes) -> list[Step]:
    told = story(here)
    explain_mac(told, mac, None)
    return told.steps


def of_ip(here: Host, ip: bytes) -> list[Step]:
    told = story(here)
    explain_ip(told, ip, None)
    return told.steps


def of_vtep(here: Host, vtep: str, vni: int | None = None) -> list[Step]:
    told = story(here)
    explain_vtep(told, parse_ip(vtep), vni)
    return told.steps


def test_what_an_earlier_run_left_is_kept_and_not_absent() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))
    here.run(announce_imet(ONE, FAR))
    again = Host(here.kernel)

    for steps in (of_mac(again, MAC), of_ip(again, IP), of_vtep(again, FAR)):
        assert "kept until End-of-RIB" in texts(steps, "noted")[-1]
        end = steps[-1]
        assert end["text"] == "present for now: an earlier run left it"
        assert end["ok"] is True


@pytest.mark.parametrize("whose", ["bridge", "vxlan", "port", "uplink"])
def test_the_macs_of_our_own_interfaces_are_told_to_be_ours(whose: str) -> None:
    here = host()
    links = {link.ifindex: link for link in here.kernel.links()}
    uplink = Link(9, "eth0", "", True, True, 0, b"\2eth0\0", 1500, "")
    here.run(LinkObserved(uplink))
    link, mac = {
        "bridge": (links[BRIDGE].name, links[BRIDGE].mac),
        "vxlan": ("vx100", OWN_MAC),
        "port": (links[PORTS[0]].name, links[PORTS[0]].mac),
        "uplink": ("eth0", uplink.mac),
    }[whose]

    steps = of_mac(here, mac)

    assert texts(steps, "local") == [f"it is the address of {link}"]
    assert steps[-1]["text"] == "it is this host's own"
    assert steps[-1]["ok"] is True


def test_a_local_binding_that_wins_says_over_what() -> None:
    (evi,) = config().evis
    entry = StaticEntry(Mac(OTHER), Ip(IP))
    here = host(evis=(replace(evi, static=(entry,)),))
    here.run(announce(ONE, attributes(FAR), FAR, MAC + IP))

    (selected,) = texts(of_ip(here, IP), "selected")

    assert selected == (
        f"the local binding to {format_mac(OTHER)} wins over {format_mac(MAC)} at "
        f"{FAR} from peer {ONE}: the configuration binds it"
    )
    (row,) = routes.routes(here.query)
    assert row["best"] is True
    assert row["reason"] == (
        f"used for its MAC only: {format_ip(IP)} is bound to the local MAC "
        f"{format_mac(OTHER)} in tenant"
    )


def test_of_two_remote_bindings_the_loser_is_for_its_mac_alone() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC + IP))
    here.run(announce(TWO, attributes(FARTHER), FARTHER, OTHER + IP))

    reasons = {row["mac"]: row["reason"] for row in routes.routes(here.query)}

    assert reasons == {
        format_mac(MAC): None,
        format_mac(OTHER): (
            f"used for its MAC only: {format_ip(IP)} is bound to {format_mac(MAC)} at "
            f"{FAR} in tenant"
        ),
    }


def test_a_static_binding_that_lost_its_mac_is_not_forgotten() -> None:
    (evi,) = config().evis
    entry = StaticEntry(Mac(MAC), Ip(IP))
    here = host(evis=(replace(evi, static=(entry,)),))
    here.run(announce(ONE, replace(attributes(FAR), sticky=True), FAR, MAC, MAC + IP))

    assert texts(of_ip(here, IP), "local") == [
        f"the configuration binds it to {format_mac(MAC)}, but a better claim wins"
    ]


@pytest.mark.parametrize(
    ("mac", "ip", "why"),
    [
        (MAC, "0.0.0.0", "0.0.0.0 is not a host address"),
        (MAC, "224.0.0.5", "224.0.0.5 is not a host address"),
        (
            OWN_MAC,
            "192.0.2.10",
            f"its MAC {format_mac(OWN_MAC)} belongs to one of this host's interfaces",
        ),
        (b"\1\0\0\0\0\1", "192.0.2.10", "its MAC 01:00:00:00:00:01 is not unicast"),
    ],
)
def test_an_ip_that_gets_no_neighbour_is_absent_for_that_reason(
    mac: bytes, ip: str, why: str
) -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, mac + parse_ip(ip)))

    steps = of_ip(here, parse_ip(ip))

    assert texts(steps, "wanted") == [f"no neighbour: {why}"]
    assert steps[-1]["text"] == f"absent: {why}"
    assert steps[-1]["ok"] is False


def test_what_an_operator_pinned_stays_though_a_claim_is_better() -> None:
    here = host()
    here.run(*here.kernel.put(PORTS[0], MAC))
    here.run(announce(ONE, attributes(FAR, 9), FAR, MAC))

    steps = of_mac(here, MAC)

    port = here.kernel.links()[2].name
    local = texts(steps, "local")
    assert [text.partition(" for ")[0] for text in local] == [
        f"it is on local port {port} (static)"
    ]
    assert texts(steps, "selected") == [
        (
            f"the local MAC (sequence 0) stays where the operator put it, though {FAR} "
            f"from peer {ONE} (sequence 9) has the better claim"
        )
    ]
    assert texts(steps, "announced") == ["no: a remote VTEP has a better claim"]


def test_a_static_mac_that_yields_says_to_what() -> None:
    (evi,) = config().evis
    here = host(evis=(replace(evi, static=(StaticEntry(Mac(MAC)),)),))
    here.run(announce(ONE, replace(attributes(FAR), sticky=True), FAR, MAC))

    (selected,) = texts(of_mac(here, MAC), "selected")

    assert selected == (
        f"{FAR} from peer {ONE} over the static MAC of this host: "
        "the remote MAC is sticky"
    )


def test_a_mac_of_ours_that_a_tenant_port_learned_has_its_story() -> None:
    here = host()
    leg = Link(9, "t1x", "veth", True, True, 0, MAC, 1500, "")
    here.run(LinkObserved(leg), *here.kernel.frame(PORTS[0], MAC))

    steps = of_mac(here, MAC)

    assert texts(steps, "local")[0] == "it is the address of t1x"
    assert len(texts(steps, "announced")) == 1
    assert steps[-1]["text"] != "it is this host's own"


def test_what_nobody_hears_is_not_said_to_be_heard() -> None:
    here = Host()  # no peer is up
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    here.later(10)

    (announced,) = texts(of_mac(here, MAC), "announced")
    (local,) = texts(of_ip(here, IP), "local")

    assert announced.startswith("to nobody yet, for no session is up: RD ")
    assert local.endswith(", and announced to no peer yet, because no session is up")


@pytest.mark.parametrize("limits", ["", "limits: [{macs: 1, per: [vtep]}]\n"])
def test_a_rejection_counts_only_where_the_route_is_for(limits: str) -> None:
    rules = """rules:
  - {name: no, match: {mac: 02:00:00:00:00:01}, reject: unwelcome}
  - {name: move, match: {mac: 02:00:00:00:00:99}, set: {route-target: ["65000:200"]}}
"""
    policies = dict(governed("import", rules + limits).engine.config.policies)
    evis = two_evis().engine.config.evis
    peers = tuple(replace(peer, import_policies=("p",)) for peer in config().peers)
    both = host(evis=evis, peers=peers, policies=policies)
    both.run(announce(ONE, attributes(FAR), FAR, MAC, OTHER))
    told = story(both)
    explain_mac(told, MAC, None)

    assert {step["vni"] for step in told.steps if step["step"] == "end"} == {VNI}
    there = story(both)
    explain_mac(there, MAC, 200)
    assert there.steps[-1]["text"] == "absent: other imports none of its route targets"


def test_a_route_that_waits_for_its_peer_says_so() -> None:
    here = host()
    here.run(PeerWentUp(ONE, restart_time=90), announce(ONE, attributes(FAR), FAR, MAC))
    here.run(PeerWentDown(ONE, "gone"))
    here.now += 20

    (received,) = texts(of_mac(here, MAC), "received")

    stale = {row["address"]: row["routes_stale"] for row in peers(here.query, here.now)}
    assert stale == {ONE: 1, TWO: 0}
    assert received.endswith("; stale, and kept for another 1 min 10 s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (402, "6 min 42 s"),
        (3600, "1 h 0 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_times_are_written_by_their_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_rejected_type_3_of_another_vni_is_no_reason() -> None:
    rule = "rules: [{name: r, match: {vtep: 10.0.0.3}, reject: quarantined}]"
    here = governed("import", rule)
    policies = dict(here.engine.config.policies)
    second = two_evis()
    evis = second.engine.config.evis
    peers = tuple(
        replace(peer, import_policies=("p",)) for peer in here.engine.config.peers
    )
    both = host(evis=evis, peers=peers, policies=policies)
    vtep = parse_ip(FARTHER)
    path = replace(
        attributes(FARTHER),
        route_targets=(parse_route_target("65000:200"),),
        pmsi=PmsiTunnel(6, 200, vtep),
    )
    route = ImetRoute(rd_of(FARTHER), bytes(4), vtep)
    both.run(UpdateReceived(ONE, Update(path, [], [route], [], [])))

    (here_, there) = (of_vtep(both, FARTHER, vni)[-1]["text"] for vni in (VNI, 200))

    assert here_ == "absent: no type 3 route of it is for tenant"
    assert "quarantined" in there


def test_an_ip_address_is_seen_to_be_a_tenants_or_a_vteps_or_both() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))
    here.run(announce_imet(ONE, FARTHER))
    here.run(announce(TWO, attributes(FAR), FAR, OTHER, OTHER + parse_ip(FARTHER)))
    own, nobody = format_ip(here.engine.inventory.vtep), "203.0.113.1"

    kinds = {
        ip: kinds_of_ip(here.query, parse_ip(ip))
        for ip in (format_ip(IP), FAR, FARTHER, own, nobody)
    }

    assert kinds == {
        format_ip(IP): ("ip",),
        FAR: ("vtep",),
        FARTHER: ("ip", "vtep"),
        own: ("vtep",),
        nobody: ("ip",),
    }
