"""What the peers are told of a local MAC, and which export policy keeps it back."""

from collections.abc import Sequence
from typing import NamedTuple

from evpnd.core.announcing import PeerExport
from evpnd.core.evi import MacVrf
from evpnd.core.explain.story import Step, Story, make_step
from evpnd.core.originate import routes
from evpnd.model.ids import format_ip, format_mac

MAC_LENGTH = 6


class Exported(NamedTuple):
    """What export policies make of what is announced."""

    untold: str | None
    """Why no peer is told anything; None: one is."""
    steps: list[Step]
    """The rules that keep something back."""


def exported(
    story: Story, vrf: MacVrf, mac: bytes, ip: bytes | None = None
) -> Exported:
    """Say what export policies keep back of a MAC that is announced, or of one IP."""
    steps: list[Step] = []
    every = [
        (key, attributes)
        for key, attributes in routes(mac, vrf.announced.get(mac))
        if ip is None or key[MAC_LENGTH:] == ip
    ]
    kept: list[str] = []
    told = False
    for group in story.engine.exporter.groups.values():
        policy = group.treatment.policy
        for key, attributes in every:
            outcome = None
            if isinstance(policy, PeerExport):
                form = group.treatment.attributes(vrf.config, attributes)
                outcome = policy.outcome(vrf.config, form, key)
            if outcome is None or outcome.accepted:
                told = True
                continue
            step = outcome.steps[-1]
            why = f": {step.reason}" if step.reason else ""
            text = f"{_route(key)} not to {_peers(group.peers)}: "
            text += f"rejected by {step.name}{why}"
            more = {"policy": step.policy, "rule": step.rule, "at": step.place}
            steps.append(make_step("policy", text, vrf, **more))
            kept.append(f"rejected on export: {outcome.reason}")
    untold = None if told or not kept else "; ".join(dict.fromkeys(kept))
    return Exported(untold, steps)


def _route(key: bytes) -> str:
    mac, ip = format_mac(key[:MAC_LENGTH]), key[MAC_LENGTH:]
    return f"{mac} with {format_ip(ip)}" if ip else mac


def _peers(peers: Sequence[str]) -> str:
    return f"peer {', '.join(peers)}"
