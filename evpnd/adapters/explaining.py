"""Answers `explain` from a copy of the engine and from the kernel's tables."""

import time
from dataclasses import replace

from evpnd.adapters.control.requests import ADDRESS
from evpnd.adapters.planning import read_kernel
from evpnd.core.engine import Engine
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.underlay import MEASURED_MOST
from evpnd.doctor.facts import Host
from evpnd.model.ids import parse_ip, parse_mac
from evpnd.views.explain import (
    Story,
    explain_ip,
    explain_mac,
    explain_vtep,
    kinds_of_ip,
)
from evpnd.views.query import Query


class Losses:
    """Why this host loses packets of EVIs, by what `evpnd doctor` checks."""

    def __init__(self, query: Query) -> None:
        """Read nothing yet."""
        self._query = query
        self._hosts: dict[bytes, Host] = {}
        """What was read of the host, by the VTEP that is asked for."""

    def of(self, vrf: MacVrf, vtep: bytes) -> list[str]:
        """Return sentences; empty for `vtep`: any VTEP of the EVI."""
        # Only the copy of the agent that answers needs them.
        from evpnd.adapters.host.gather import gather_way  # noqa: PLC0415
        from evpnd.doctor.checks import losses  # noqa: PLC0415
        from evpnd.doctor.examined import alone  # noqa: PLC0415

        query, config = self._query, self._query.config
        if vtep not in self._hosts:
            every = {v for vrf in query.vrfs.values() for v in vrf.routes.imets.vteps()}
            known = [vtep] if vtep else sorted(every)[:MEASURED_MOST]
            known_rules = next((h.firewall for h in self._hosts.values()), None)
            self._hosts[vtep] = gather_way(config, query.links, known, known_rules)
        if not vrf.discovered:
            config = replace(config, evis=(vrf.config,), discover=False)
        vni = vrf.config.vni
        vteps = {vtep} if vtep else vrf.routes.imets.vteps() - {vrf.vtep}
        return list(losses(alone(self._hosts[vtep], config, {vni: vteps}), vni, vtep))


def explain(
    engine: Engine, what: str, value: str, vni: int | None
) -> dict[str, object]:
    """Return the way of a MAC, an IP or a VTEP; `result` has its steps.

    `what` is mac, ip, vtep or ADDRESS, and in the answer what `value` is.
    """
    query = Query(engine)
    story = Story(query, read_kernel, time.monotonic(), Losses(query).of)
    return tell(story, what, value, vni)


def tell(story: Story, what: str, value: str, vni: int | None) -> dict[str, object]:
    """Return the same as a story has it."""
    query = story.query
    if what == "mac":
        explain_mac(story, parse_mac(value), vni)
        return {"ok": True, "what": what, "result": story.steps}
    ip = parse_ip(value)
    kinds = kinds_of_ip(query, ip) if what == ADDRESS else (what,)
    for kind in kinds:
        (explain_ip if kind == "ip" else explain_vtep)(story, ip, vni)
    return {"ok": True, "what": " and ".join(kinds), "result": story.steps}
