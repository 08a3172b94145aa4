"""What is announced of a local MAC, and which export policy withholds it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evpnd.core.announce.export_policy import PeerExport
from evpnd.core.announce.originator import routes
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.ids import format_ip, format_mac
from evpnd.model.key import IP, MAC
from evpnd.model.policy import DEFAULT_RULE, Verdict
from evpnd.policy.program import Outcome
from evpnd.views.explain.narrative import (
    Step,
    Story,
    make_step,
    rule_fields,
    rule_text,
)


class Exported(NamedTuple):
    """The result of export policies."""

    untold: str | None
    """Why no peer receives a route; None: one does."""
    steps: list[Step]
    """The rules that withhold a route, change it, or accept it by name."""


def exported(
    story: Story, vrf: MacVrf, mac: bytes, ip: bytes | None = None
) -> Exported:
    """Return what export policies withhold of an announced MAC, or of one IP."""
    steps: list[Step] = []
    every = [
        (key, advert)
        for key, advert in routes(mac, vrf.sent.macs.get(mac))
        if ip is None or key[IP] == ip
    ]
    kept: list[str] = []
    told = False
    for group in story.query.exporter.groups.values():
        policy = group.treatment.policy
        listening = story.listening(group.peers)
        for key, advert in every:
            outcome = None
            if isinstance(policy, PeerExport):
                form = group.treatment.form_of(vrf.config, advert)
                outcome = policy.outcome(vrf.config, form, key)
                steps += _rules(outcome, vrf, key, group.peers)
            if not listening:
                kept.append(f"no session is up with {_peers(group.peers)}")
            elif outcome is None or outcome.accepted:
                told = True
            else:
                kept.append(f"rejected on export: {outcome.reason}")
    untold = None if told or not kept else "; ".join(dict.fromkeys(kept))
    return Exported(untold, steps)


def _rules(
    outcome: Outcome | None, vrf: MacVrf, key: bytes, peers: Sequence[str]
) -> Iterator[Step]:
    """Yield the rules that withhold a route, change it, or accept it by name."""
    for step in () if outcome is None else outcome.steps:
        if step.rule == DEFAULT_RULE and step.verdict is Verdict.ACCEPT:
            continue
        way = "not to" if step.verdict is Verdict.REJECT else "to"
        text = f"{_route(key)} {way} {_peers(peers)}: {rule_text(step)}"
        yield make_step("policy", text, vrf, **rule_fields(step))


def _route(key: bytes) -> str:
    mac, ip = format_mac(key[MAC]), key[IP]
    return f"{mac} with {format_ip(ip)}" if ip else mac


def _peers(peers: Sequence[str]) -> str:
    return f"peer {', '.join(peers)}"
