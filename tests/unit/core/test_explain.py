"""The last step of a story names the first place where the address got lost."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from evpnd.adapters.config_yaml.policies import judge_policy
from evpnd.adapters.config_yaml.reader import parse_yaml
from evpnd.core import route_views
from evpnd.core.explain import Step, Story, explain_ip, explain_mac, explain_vtep
from evpnd.core.path import RANK_STEPS, Rank
from evpnd.core.plan import Dump
from evpnd.model.config import DuplicateDetection, ImportTargets, StaticEntry
from evpnd.model.events import BindingsSnooped, Event, UpdateReceived
from evpnd.model.ids import Mac, parse_ip, parse_route_target, parse_vni
from evpnd.model.routes import MacIpBatch, Update
from evpnd.model.rows import NTF_SELF, NUD_PERMANENT, FdbRow
from tests.fakes.host import (
    LABEL,
    PEERS,
    VNI,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
)
from tests.fakes.kernel import PORTS, VXLAN

MAC = b"\2\0\0\0\0\1"
IP = parse_ip("192.0.2.10")
ONE, TWO = PEERS
FAR, FARTHER = "10.0.0.2", "10.0.0.3"


def host(**changes: object) -> Host:
    made = Host(configuration=config(**changes))
    made.up()
    return made


def story(here: Host) -> Story:
    def read(action: Dump) -> Event:
        (event,) = here.kernel.apply(action)
        return event

    return Story(here.engine, read, here.now)


def mac_story(here: Host, vni: int | None = None) -> list[Step]:
    told = story(here)
    explain_mac(told, MAC, vni)
    return told.steps


def ip_story(here: Host) -> list[Step]:
    told = story(here)
    explain_ip(told, IP, None)
    return told.steps


def governed(way: str, text: str) -> Host:
    """Give the EVI a policy of these rules, one way."""
    judged, findings = judge_policy(parse_yaml(f"policy: p\n{text}", Path("p.yaml")))
    assert judged is not None, findings.errors
    (evi,) = config().evis
    named = replace(evi, **{f"{way}_policies": ("p",)})
    return host(evis=(named,), policies={"p": judged.policy})


def texts(steps: list[Step], step: str) -> list[str]:
    return [each["text"] for each in steps if each["step"] == step]


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


def test_the_winner_is_told_with_what_decided() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR, 1), FAR, MAC))
    here.run(announce(TWO, attributes(FARTHER, 2), FARTHER, MAC))

    (selected,) = texts(mac_story(here), "selected")
    assert selected == (
        f"{FARTHER} by peer {TWO} over {FAR} by peer {ONE}: "
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

    assert "duplicate and frozen" in texts(mac_story(here), "end")[0]


def test_a_frozen_local_mac_wins_nothing() -> None:
    settings = DuplicateDetection(moves=2, freeze=True)
    here = host(duplicate_detection=settings)
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([(PORTS[0], MAC, IP)]))
    for sequence in (5, 7):
        here.run(announce(ONE, attributes(FAR, sequence), FAR, MAC))
        here.run(*here.kernel.frame(PORTS[0], MAC))
        here.run(BindingsSnooped([(PORTS[0], MAC, IP)]))
    here.run(announce(ONE, attributes(FAR, 30), FAR, MAC))
    assert here.vrf.frozen.get(MAC) == b""

    (selected,) = texts(mac_story(here), "selected")
    assert selected == (
        f"neither it nor {FAR} by peer {ONE} (sequence 30): the MAC is a duplicate and "
        "frozen here"
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

    assert "until every peer has had its say" in " ".join(
        texts(mac_story(again), "noted")
    )


def test_somebody_elses_row_is_named() -> None:
    here = host()
    row = FdbRow(True, VXLAN, MAC, 0, NUD_PERMANENT, NTF_SELF, parse_ip("10.9.9.9"))
    here.kernel.vxlan[MAC] = row
    here = Host(here.kernel)
    here.up()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    steps = mac_story(here)
    assert "somebody else's row" in texts(steps, "end")[0]
    assert "dst 10.9.9.9" in texts(steps, "found")[0]


def test_an_evi_that_is_not_there_is_said() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    (end,) = mac_story(here, 999)
    assert end["text"] == f"there is no EVI with VNI 999; there is {VNI}"


def two_evis(**changes: object) -> Host:
    """Have a second EVI, without devices, that imports 65000:200."""
    (evi,) = config().evis
    target = parse_route_target("65000:200")
    other = replace(
        evi,
        vni=parse_vni(200),
        name="other",
        vxlan="vx200",
        import_targets=ImportTargets(exact=frozenset({target})),
        **changes,  # type: ignore[arg-type]
    )
    here = host(evis=(evi, other))
    here.run(announce(ONE, attributes(FAR), FAR, MAC), announce_imet(ONE, FAR))
    path = replace(attributes(FARTHER), route_targets=(target,))
    batch = MacIpBatch(rd_of(FARTHER), bytes(4), b"", b"\0\0\xc8", [MAC])
    here.run(UpdateReceived(TWO, Update(path, [batch], [], [], [])))
    return here


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
    assert "yields to a better claim" in texts(steps, "local")[0]


def test_routes_of_one_peer_for_a_mac_are_no_rivals() -> None:
    here = host()
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))

    assert texts(mac_story(here), "selected") == [
        f"{FAR} by peer {ONE}: there is no other"
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


def test_a_vtep_that_a_policy_keeps_out_ends_with_the_policy() -> None:
    rule = "rules: [{name: r, match: {vtep: 10.0.0.2}, reject: quarantined}]"
    here = governed("import", rule)
    here.run(announce_imet(ONE, FAR))

    for vni in (None, VNI):
        told = story(here)
        explain_vtep(told, parse_ip(FAR), vni)
        (end,) = texts(told.steps, "end")
        assert end == "absent: quarantined (policy p, rule r, p.yaml:2)"


def test_an_ethernet_segment_is_noted() -> None:
    here = host()
    batch = MacIpBatch(rd_of(FAR), bytes(4), b"\1" * 10, LABEL, [MAC])
    here.run(UpdateReceived(ONE, Update(attributes(FAR), [batch], [], [], [])))

    (encapsulation, segment) = texts(mac_story(here), "noted")
    assert "VXLAN" in encapsulation
    assert "01:01:01:01:01:01:01:01:01:01 is multihomed" in segment


def test_a_rejection_is_told_once_and_ends_the_story() -> None:
    rule = "rules: [{name: r, match: {vtep: 10.0.0.2}, reject: under investigation}]"
    here = governed("import", rule)
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    steps = mac_story(here)
    (rejected,) = texts(steps, "policy")
    assert rejected == (
        "into tenant: rejected by policy p, rule r, p.yaml:2: under investigation"
    )
    assert texts(steps, "imported") == []
    assert "under investigation" in texts(steps, "end")[0]


def rejecting(**reasons: str) -> Host:
    """Have two EVIs import the same target, each with a policy where one is given."""
    (evi,) = config().evis
    evis, policies = [], {}
    for name, vni in (("a", VNI), ("b", parse_vni(200))):
        named = (name,) if name in reasons else ()
        vxlan = f"vx{vni}"
        evis.append(
            replace(evi, vni=vni, name=name, vxlan=vxlan, import_policies=named)
        )
        text = f"policy: {name}\n{reasons.get(name, '')}"
        judged, findings = judge_policy(parse_yaml(text, Path(f"{name}.yaml")))
        assert judged is not None, findings.errors
        policies[name] = judged.policy
    wild = config().evis[0].import_targets
    evis[1] = replace(evis[1], import_targets=wild)
    here = host(evis=tuple(evis), policies=policies)
    here.run(announce(ONE, attributes(FAR), FAR, MAC, MAC + IP))
    return here


NO = "rules: [{name: r, match: {type: mac-ip}, reject: not here}]"


def test_each_evi_names_its_own_rule() -> None:
    here = rejecting(a=NO, b=NO)

    for vni, name in ((VNI, "a"), (200, "b")):
        end = mac_story(here, vni)[-1]
        assert f"not here (policy {name}, rule r, {name}.yaml:2)" in end["text"]
        assert end["vni"] == vni
        told = {each["vni"] for each in mac_story(here, vni)}
        assert told == {None, vni}


def test_an_evi_that_keeps_out_what_another_takes_says_so() -> None:
    here = rejecting(a=NO)

    steps = mac_story(here, VNI)
    assert steps[-1]["text"] == "absent: not here (policy a, rule r, a.yaml:2)"
    assert {each["vni"] for each in steps if each["step"] == "policy"} == {VNI}
    for row in route_views.routes(here.engine):
        assert row["accepted"]
        assert "not into a: not here (policy a, rule r, a.yaml:2)" in row["reason"]


def test_a_limit_of_one_evi_is_told_where_another_takes_the_route() -> None:
    here = rejecting(a="limits: [{ips: 1, per: [vni]}]")
    other = b"\2\0\0\0\0\7" + parse_ip("192.0.2.77")
    here.run(announce(ONE, attributes(FAR), FAR, other))
    told = story(here)
    explain_ip(told, other[6:], None)

    ends = {step["vni"]: step["text"] for step in told.steps if step["step"] == "end"}
    assert "limit ips 1 per vni reached (policy a, a.yaml:2)" in ends[VNI]


def test_accepting_rules_are_no_changes() -> None:
    judged, _ = judge_policy(parse_yaml("policy: p\n", Path("p.yaml")))
    assert judged is not None
    (evi,) = config().evis
    named = replace(evi, import_policies=("p", "q"))
    both = {"p": judged.policy, "q": replace(judged.policy, name="q")}
    here = host(evis=(named,), policies=both)
    here.run(announce(ONE, attributes(FAR), FAR, MAC))

    assert texts(mac_story(here), "policy") == [
        f"into tenant: accepted by policy {name}, rule default, p.yaml:1"
        for name in "pq"
    ]


def local(here: Host) -> Host:
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(BindingsSnooped([(PORTS[0], MAC, IP)]))
    return here


def test_a_local_mac_that_export_keeps_back_is_here_and_not_announced() -> None:
    here = local(governed("export", "rules: [{name: r, reject: private}]"))

    steps = mac_story(here)
    assert [text.split(":")[-1] for text in texts(steps, "policy")] == [" private"] * 2
    assert texts(steps, "announced")[0].startswith("to no peer: ")
    assert texts(ip_story(here), "local")[0].endswith(", and not announced")
    assert steps[-1]["ok"] is False
    assert steps[-1]["text"] == (
        "here, and not announced: rejected on export: private "
        "(policy p, rule r, p.yaml:2)"
    )


def test_an_export_policy_that_keeps_an_ip_back_leaves_its_mac() -> None:
    rule = "rules: [{name: r, match: {ip: 192.0.2.0/24}, reject: private}]"
    here = local(governed("export", rule))

    steps = mac_story(here)
    assert steps[-1]["ok"] is True
    (kept,) = texts(steps, "policy")
    assert kept.startswith(
        f"02:00:00:00:00:01 with 192.0.2.10 not to peer {ONE}, {TWO}"
    )
    assert "not announced: rejected on export" in texts(ip_story(here), "end")[0]


def test_asking_why_counts_nothing() -> None:
    here = local(governed("export", "rules: [{name: r, reject: private}]"))
    counts = here.engine.importer.attached.counts
    before = dict(counts())
    mac_story(here)

    assert any(before.values())
    assert counts() == before


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
