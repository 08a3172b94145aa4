"""What stories tell of policies."""

from dataclasses import replace
from pathlib import Path

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.events import BindingsSnooped, Heard, PeerWentDown
from evpnd.model.ids import parse_ip, parse_vni
from evpnd.views import routes
from evpnd.views.explain import explain_ip, explain_vtep
from tests.fakes.host import (
    VNI,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
)
from tests.fakes.kernel import PORTS
from tests.unit.views.explain_host import (
    FAR,
    FARTHER,
    IP,
    MAC,
    ONE,
    TWO,
    governed,
    host,
    ip_story,
    mac_story,
    story,
    texts,
)


def test_a_vtep_that_a_policy_keeps_out_ends_with_the_policy() -> None:
    rule = "rules: [{name: r, match: {vtep: 10.0.0.2}, reject: quarantined}]"
    here = governed("import", rule)
    here.run(announce_imet(ONE, FAR))

    for vni in (None, VNI):
        told = story(here)
        explain_vtep(told, parse_ip(FAR), vni)
        (end,) = texts(told.steps, "end")
        assert end == "absent: quarantined (policy p, rule r, p.yaml:2)"


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


def test_a_route_that_no_evi_takes_has_the_reasons_of_all() -> None:
    here = rejecting(a=NO, b=NO)

    for row in routes.routes(here.query):
        assert not row["accepted"]
        assert row["reason"] == "; ".join(
            f"not into {name}: not here (policy {name}, rule r, {name}.yaml:2)"
            for name in "ab"
        )


def test_an_evi_that_keeps_out_what_another_takes_says_so() -> None:
    here = rejecting(a=NO)

    steps = mac_story(here, VNI)
    assert steps[-1]["text"] == "absent: not here (policy a, rule r, a.yaml:2)"
    assert {each["vni"] for each in steps if each["step"] == "policy"} == {VNI}
    for row in routes.routes(here.query):
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


def test_what_a_rule_sets_is_told() -> None:
    rules = """rules:
  - {name: mark, match: {type: mac-ip}, set: {sticky: true}, next: true}
  - name: prefer
    match: {type: mac-ip}
    set: {local-preference: 300, community: {add: ["1:1"], remove: ["2:*"]}}
"""
    here = governed("import", rules)
    here.run(announce(ONE, attributes(FAR), FAR, MAC))
    steps = [each for each in mac_story(here) if each["step"] == "policy"]

    assert [each["text"].partition(", p.yaml:")[2] for each in steps] == [
        "3, set sticky true",
        "4, set local-preference 300, set community add 1:1 remove 2:*",
    ]
    assert steps[0]["set"] == {"sticky": True}
    assert steps[1]["set"]["community"] == {"add": ["1:1"], "remove": ["2:*"]}


def test_a_preference_of_ours_decides_with_its_number() -> None:
    rule = "rules: [{name: r, match: {vtep: 10.0.0.3}, set: {local-preference: 150}}]"
    here = governed("import", rule)
    near = replace(attributes(FAR), local_preference=200)
    here.run(announce(ONE, near, FAR, MAC))
    here.run(announce(TWO, attributes(FARTHER), FARTHER, MAC))

    (selected,) = texts(mac_story(here), "selected")
    assert selected.endswith(
        ": higher LOCAL_PREF set by our policies (150 against 100)"
    )


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
    here.run(BindingsSnooped([Heard(PORTS[0], MAC, IP)]))
    return here


def test_a_local_mac_that_export_keeps_back_is_here_and_not_announced() -> None:
    here = local(governed("export", "rules: [{name: r, reject: private}]"))

    steps = mac_story(here)
    assert [text.split(":")[-1] for text in texts(steps, "policy")] == [" private"] * 2
    assert texts(steps, "announced")[0].startswith("to no peer: ")
    assert texts(ip_story(here), "local")[0].endswith(", but not announced")
    assert steps[-1]["ok"] is False
    assert steps[-1]["text"] == (
        "local, but not announced: rejected on export: private "
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


def test_what_an_export_policy_sets_is_told() -> None:
    rules = "rules: [{name: m, match: {ip: none}, set: {community: ['65000:7']}}]"
    here = local(governed("export", rules))
    (step,) = [each for each in mac_story(here) if each["step"] == "policy"]

    assert step["text"] == (
        f"02:00:00:00:00:01 to peer {ONE}, {TWO}: accepted by policy p, rule m, "
        "p.yaml:2, set community 65000:7"
    )
    assert step["set"] == {"community": ["65000:7"]}


def test_what_only_a_peer_without_a_session_would_be_told_is_not_announced() -> None:
    rule = f"rules: [{{name: r, match: {{peer: {ONE}}}, reject: private}}]"
    here = local(governed("export", rule))
    assert mac_story(here)[-1]["ok"] is True
    here.run(PeerWentDown(TWO, "gone", False))

    assert mac_story(here)[-1]["text"] == (
        "local, but not announced: rejected on export: private "
        f"(policy p, rule r, p.yaml:2); no session is up with peer {TWO}"
    )


def test_asking_why_counts_nothing() -> None:
    here = local(governed("export", "rules: [{name: r, reject: private}]"))
    counts = here.engine.importer.attached.counts
    before = dict(counts())
    mac_story(here)

    assert any(before.values())
    assert counts() == before
