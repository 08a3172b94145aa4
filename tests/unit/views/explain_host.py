"""A host that is asked why, and the stories that it tells."""

from dataclasses import replace
from pathlib import Path

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.config import ImportTargets
from evpnd.model.events import Event, UpdateReceived
from evpnd.model.ids import parse_ip, parse_route_target, parse_vni
from evpnd.model.routes import MacIpBatch, Update
from evpnd.views.explain import Step, Story, explain_ip, explain_mac
from evpnd.views.plan import Dump
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    rd_of,
)

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

    return Story(here.query, read, here.now)


def mac_story(here: Host, vni: int | None = None) -> list[Step]:
    told = story(here)
    explain_mac(told, MAC, vni)
    return told.steps


def ip_story(here: Host) -> list[Step]:
    told = story(here)
    explain_ip(told, IP, None)
    return told.steps


def governed(way: str, text: str) -> Host:
    """Return a host whose EVI has a policy of these rules, one way."""
    judged, findings = judge_policy(parse_yaml(f"policy: p\n{text}", Path("p.yaml")))
    assert judged is not None, findings.errors
    (evi,) = config().evis
    named = replace(evi, **{f"{way}_policies": ("p",)})
    return host(evis=(named,), policies={"p": judged.policy})


def texts(steps: list[Step], step: str) -> list[str]:
    return [each["text"] for each in steps if each["step"] == step]


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
