"""A plan says what a reload then does, and leaves its engine's world alone."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from evpnd.adapters.config_yaml.policies import judge_policy
from evpnd.adapters.config_yaml.reader import parse_yaml
from evpnd.core.plan import (
    Change,
    Dump,
    difference,
    picture,
    pretend,
    restarts,
)
from evpnd.model.actions import DumpFdb, DumpNeighbors, ReleasePorts
from evpnd.model.config import Config, ImportTargets, PeerConfig
from evpnd.model.events import (
    BindingsSnooped,
    ConfigChanged,
    Event,
    FdbDumped,
    LinkObserved,
    LinkVanished,
    NeighborsDumped,
)
from evpnd.model.ids import Peer, format_mac, parse_ip, parse_route_target, parse_vni
from evpnd.model.rows import Link
from tests.fakes.host import PEERS, Host, announce, announce_imet, attributes, config
from tests.fakes.kernel import BRIDGE, PORTS

MAC, LOCAL = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
IP, LOCAL_IP = parse_ip("192.0.2.10"), parse_ip("192.0.2.11")
PEER = PEERS[0]
VTEP = "10.0.0.2"


def host() -> Host:
    made = Host()
    made.up()
    made.run(announce(PEER, attributes(VTEP), VTEP, MAC, MAC + IP))
    made.run(announce_imet(PEER, VTEP))
    made.run(*made.kernel.frame(PORTS[0], LOCAL))
    made.run(BindingsSnooped([(PORTS[0], LOCAL, LOCAL_IP)]))
    return made


def with_evi(**changes: object) -> Config:
    (evi,) = config().evis
    return config(evis=(replace(evi, **changes),))  # type: ignore[arg-type]


def with_peer(**changes: object) -> Config:
    """Change the first peer."""
    first, *others = config().peers
    fields = {name: getattr(first, name) for name in PeerConfig.__slots__}
    return config(peers=(PeerConfig(**(fields | changes)), *others))


def exporting(text: str, *, peer: bool) -> Config:
    """Give the first peer, or the EVI, an export policy of these rules."""
    judged, findings = judge_policy(parse_yaml(f"policy: out\n{text}", Path("p.yaml")))
    assert judged is not None, findings.errors
    out = {"export_policies": ("out",)}
    made = with_peer(**out) if peer else with_evi(**out)
    return replace(made, policies={"out": judged.policy})


OTHER = parse_route_target("65000:999")
OTHERS = ImportTargets(exact=frozenset({OTHER}))
CONFIGURATIONS = {
    "the same": config(),
    "another name": with_evi(name="other"),
    "another export target": with_evi(export_targets=(OTHER,)),
    "another import target": with_evi(import_targets=OTHERS),
    "no flooding": with_evi(flood=False),
    "no suppression": with_evi(suppress=False),
    "no EVI": config(evis=()),
    "another device": with_evi(vxlan="vx999"),
    "one peer less": config(peers=config().peers[1:]),
    "one peer more": config(peers=(*config().peers, PeerConfig(Peer("::1"), 65000))),
    "a managed EVI more": config(
        evis=(
            *config().evis,
            replace(config().evis[0], vni=parse_vni(200), name="two", manage=True),
        )
    ),
}


def planned(here: Host, wanted: Config) -> list[Change]:
    engine = copy.deepcopy(here.engine)

    def read(action: Dump) -> Event:
        # The model kernel has one bridge; any other is one that is being made.
        match action:
            case DumpFdb(bridge) if bridge != BRIDGE:
                return FdbDumped(bridge, [])
            case DumpNeighbors(bridge) if bridge != BRIDGE:
                return NeighborsDumped(bridge, [])
        (event,) = here.kernel.apply(action)
        return event

    before = picture(engine)
    sessions = restarts(engine)
    engine.handle(ConfigChanged(wanted), here.now)
    before = pretend(engine, here.now, read) | before
    changes = list(difference(before, picture(engine), sessions))
    assert json.loads(json.dumps(changes)) == changes
    return changes


def of(changes: list[Change], what: str) -> list[tuple[str, ...]]:
    names = ("action", "mac", "ip", "vtep", "name", "address", "type")
    return sorted(
        tuple(str(change[name]) for name in names if name in change)
        for change in changes
        if change["what"] == what
    )


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_plan_is_the_difference_that_the_reload_makes(name: str) -> None:
    wanted = CONFIGURATIONS[name]
    here = host()
    plan = planned(here, wanted)

    before = picture(here.engine)
    here.run(ConfigChanged(wanted))
    done = list(difference(before, picture(here.engine)))
    devices = ("device", "evi")
    if name == "a managed EVI more":  # the model kernel makes no devices
        plan = [change for change in plan if change.get("vni") != 200]
    assert [c for c in plan if c["what"] not in devices] == [
        c for c in done if c["what"] not in devices
    ]


def test_a_plan_touches_neither_engine_nor_kernel() -> None:
    here = host()
    before = picture(here.engine), dict(here.kernel.vxlan), list(here.bgp)
    assert planned(here, config(evis=())) != []

    after = picture(here.engine), dict(here.kernel.vxlan), list(here.bgp)
    assert before == after


def test_what_goes_with_an_evi_is_listed() -> None:
    plan = planned(host(), config(evis=()))

    assert of(plan, "fdb") == [("remove", "02:00:00:00:00:01", VTEP)]
    assert of(plan, "flood") == [("remove", VTEP)]
    assert of(plan, "neighbor") == [
        ("remove", "02:00:00:00:00:01", "192.0.2.10"),
        ("remove", "02:00:00:00:00:02", "192.0.2.11"),
    ]
    assert of(plan, "route") == [
        ("remove", "02:00:00:00:00:02", "192.0.2.11", "mac-ip"),
        ("remove", "02:00:00:00:00:02", "mac-ip"),
        ("remove", "imet"),
    ]


def test_a_change_names_what_it_was() -> None:
    plan = planned(host(), with_evi(export_targets=(OTHER,)))

    (imet,) = [c for c in plan if c["what"] == "route" and c["type"] == "imet"]
    assert imet["action"] == "change"
    assert imet["route_targets"] == ["65000:999"]
    assert imet["was"] == {"route_targets": ["65000:100"]}


def test_managed_devices_that_are_missing_are_planned() -> None:
    plan = planned(host(), CONFIGURATIONS["a managed EVI more"])

    assert of(plan, "device") == [("add", "br200"), ("add", "vx200")]
    (made,) = [c for c in plan if c["what"] == "route" and c["action"] == "add"]
    assert (made["vni"], made["type"]) == (200, "imet")


def test_each_managed_evi_gets_its_own_devices_and_ports() -> None:
    here = host()
    ports = {
        vni: Link(
            index,
            f"tap{vni}",
            "tun",
            up=False,
            carrier=True,
            master=0,
            mac=b"",
            mtu=1500,
            alias="",
        )
        for index, vni in ((20, 200), (21, 300))
    }
    here.run(*(LinkObserved(port) for port in ports.values()))
    plain = config().evis[0]
    more = (
        replace(
            plain, vni=parse_vni(vni), name=f"t{vni}", manage=True, ports=(port.name,)
        )
        for vni, port in ports.items()
    )

    plan = planned(here, config(evis=(plain, *more)))

    made = {c["name"]: c for c in plan if c["what"] == "device"}
    assert made.keys() == {"br200", "vx200", "tap200", "br300", "vx300", "tap300"}
    for vni in ports:
        assert made[f"vx{vni}"]["vni"] == vni
        assert made[f"vx{vni}"]["bridge"] == f"br{vni}"
        assert made[f"tap{vni}"]["bridge"] == f"br{vni}"


def test_new_devices_do_not_inherit_the_rows_of_those_that_go() -> None:
    (plain,) = config().evis
    managed = replace(plain, manage=True)
    here = Host(configuration=config(evis=(managed,)))
    here.up()
    (one, two) = (link for link in here.kernel.links() if link.ifindex not in PORTS)
    uplink = one._replace(ifindex=BRIDGE - 1, name="eth0", kind="", mac=b"\2eth0\0")
    ours = (link._replace(alias="evpnd") for link in (one, two))
    here.run(*map(LinkVanished, PORTS), *map(LinkObserved, (uplink, *ours)))
    here.run(announce(PEER, attributes(VTEP), VTEP, MAC), announce_imet(PEER, VTEP))
    other = replace(managed, vni=parse_vni(300), name="vni-300")

    plan = planned(here, config(evis=(other,)))

    # The import targets are as they were, and so are the routes.
    row = format_mac(MAC), VTEP
    assert of(plan, "fdb") == [("add", *row), ("remove", *row)]
    assert of(plan, "flood") == [("add", VTEP), ("remove", VTEP)]


def test_a_port_that_is_left_out_leaves_the_bridge_and_may_go_to_another() -> None:
    plain = config().evis[0]
    name = f"t{PORTS[0]}"
    first = replace(plain, manage=True, ports=(name,))
    here = host()
    here.run(ConfigChanged(config(evis=(first,))))
    second = replace(plain, vni=parse_vni(300), name="c", manage=True)

    wanted = config(evis=(replace(first, ports=()), replace(second, ports=(name,))))
    moved = [c for c in planned(here, wanted) if c.get("name") == name]
    alone = [
        c
        for c in planned(here, config(evis=(replace(first, ports=()),)))
        if c.get("name") == name
    ]

    assert [(c["bridge"], c["was"]["bridge"]) for c in moved] == [("br300", "br100")]
    assert [(c["bridge"], c["was"]) for c in alone] == [(None, {"bridge": "br100"})]
    here.run(ConfigChanged(wanted))
    assert ReleasePorts("br100", (name,)) in here.actions


def test_what_will_be_refused_is_planned_as_refused() -> None:
    here = host()
    plain = config().evis[0]
    foreign = Link(
        *(20, "vx200", "veth"),
        up=True,
        carrier=True,
        master=0,
        mac=b"",
        mtu=1500,
        alias="",
    )
    here.run(LinkObserved(foreign))
    more = [
        replace(plain, vni=parse_vni(vni), name=f"t{vni}", manage=True, ports=ports)
        for vni, ports in ((200, ()), (300, (f"t{PORTS[0]}",)))
    ]

    plan = planned(here, config(evis=(plain, *more)))

    evis = {c["vni"]: (c["state"], c["reason"]) for c in plan if c["what"] == "evi"}
    assert evis[200][0] == "not-ready"
    assert evis[200][1].startswith("vx200 exists and was not created by evpnd")
    assert evis[300] == ("ready", None)
    devices = {c["name"]: c for c in plan if c["what"] == "device"}
    assert devices.keys() == {"vx200", "br300", "vx300", f"t{PORTS[0]}"}
    assert devices["vx200"]["refused"].startswith("exists")
    assert "is a port of br100; take it out" in devices[f"t{PORTS[0]}"]["refused"]
    assert not [c for c in plan if c.get("vni") == 200 and c["what"] == "route"]


def test_a_password_is_not_told() -> None:
    peers = (PeerConfig(PEER, 65000, password="hunter2"), config().peers[1])
    plan = planned(host(), config(peers=peers))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["was"] == {"password": None}
    assert session["password"] == "(set)"
    assert "hunter2" not in str(plan)


def test_another_password_starts_the_session_anew_and_is_not_told() -> None:
    here = host()
    here.run(ConfigChanged(with_peer(password="hunter2")))
    plan = planned(here, with_peer(password="hunter3"))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["restarts"]
    assert session["was"] == {"password": "(set)"}
    assert "hunter" not in str(plan)


def test_what_an_export_policy_keeps_back_goes_for_that_peer_alone() -> None:
    text = "rules: [{name: a, match: {ip: 192.0.2.0/24}, reject: true}]"
    plan = planned(host(), exporting(text, peer=True))

    (route,) = [c for c in plan if c["what"] == "route"]
    assert (route["action"], route["ip"]) == ("remove", "192.0.2.11")
    assert route["peers"] == [PEER]


def test_what_an_export_policy_sets_is_a_change_for_all_peers() -> None:
    text = "rules: [{name: a, match: {type: imet}, set: {community: ['65000:7']}}]"
    plan = planned(host(), exporting(text, peer=False))

    (route,) = [c for c in plan if c["what"] == "route"]
    assert (route["type"], route["communities"]) == ("imet", ["65000:7"])
    assert route["was"] == {"communities": []}
    assert "peers" not in route


def test_another_policy_is_a_change_whether_or_not_a_route_cares() -> None:
    here = host()
    first = exporting("rules: [{name: a, match: {vni: 7}, reject: true}]", peer=True)
    here.run(ConfigChanged(first))
    moved = exporting("\nrules: [{name: a, match: {vni: 7}, reject: true}]", peer=True)
    other = exporting("rules: [{name: a, match: {vni: 8}, reject: true}]", peer=True)

    assert planned(here, moved) == []
    (change,) = planned(here, other)
    assert (change["what"], change["name"], change["action"]) == (
        *("policy", "out", "change"),
    )
    assert change["was"].keys() == {"revision"}


def test_policies_of_an_evi_are_told() -> None:
    (evi,) = [
        change
        for change in planned(host(), with_evi(import_targets=OTHERS))
        if change["what"] == "evi"
    ]

    assert evi["import_targets"] == ["65000:999"]
    assert evi["was"] == {"import_targets": ["*:100"]}


def test_a_site_of_origin_is_a_change_of_every_route() -> None:
    wanted = config(site_of_origin=bytes.fromhex("0003fde800000009"))
    plan = planned(host(), wanted)

    assert [c["site_of_origin"] for c in plan] == [["65000:9"]] * 3


def test_a_new_peer_is_no_news_of_routes() -> None:
    assert [c["what"] for c in planned(host(), CONFIGURATIONS["one peer more"])] == [
        "session"
    ]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"hold_time": 30}, 3),
        ({"asn": 65009}, 3),
        ({"description": "spine"}, None),
        ({"import_policies": ()}, None),
    ],
)
def test_a_session_that_starts_anew_is_told_with_what_is_lost(
    changes: dict[str, object], lost: int | None
) -> None:
    sessions = [
        c for c in planned(host(), with_peer(**changes)) if c["what"] == "session"
    ]

    assert [c["restarts"] for c in sessions] == [lost is not None] * len(sessions)
    assert [c.get("routes_withdrawn") for c in sessions] == [lost] * len(sessions)


@pytest.mark.parametrize(("asn", "lost"), [(65000, 0), (65009, 3)])
def test_graceful_restart_keeps_the_routes_of_the_same_peer_alone(
    asn: int, lost: int
) -> None:
    here = host()
    here.engine.peering.sessions[PEER].restart_time = 120
    plan = planned(here, with_peer(hold_time=30, asn=asn))

    (session,) = [c for c in plan if c["what"] == "session"]
    assert session["routes_withdrawn"] == lost


def test_another_as_of_ours_starts_every_session_anew() -> None:
    plan = planned(host(), config(asn=65009))

    sessions = [c for c in plan if c["what"] == "session"]
    assert [c["restarts"] for c in sessions] == [True, True]
    assert sessions[0]["was"] == {"local_asn": 65000}
