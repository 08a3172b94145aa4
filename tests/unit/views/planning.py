"""Plans of a host with one EVI, for what is changed in its configuration."""

import copy
import json
from dataclasses import replace
from pathlib import Path

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.actions import DumpFdb, DumpNeighbors
from evpnd.model.config import Config, ImportTargets, PeerConfig
from evpnd.model.events import (
    BindingsSnooped,
    ConfigChanged,
    Event,
    FdbDumped,
    Heard,
    NeighborsDumped,
)
from evpnd.model.ids import Peer, parse_ip, parse_route_target, parse_vni
from evpnd.views.plan import Change, Dump, difference, picture, pretend, restarts
from evpnd.views.query import Query
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
    made.run(BindingsSnooped([Heard(PORTS[0], LOCAL, LOCAL_IP)]))
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
    """Return a configuration whose first peer, or EVI, has this export policy."""
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
    "an Ethernet Tag": with_evi(ethernet_tag=100),
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

    before = picture(Query(engine))
    sessions = restarts(Query(engine))
    engine.handle(ConfigChanged(wanted), here.now)
    before = pretend(engine, here.now, read) | before
    changes = list(difference(before, picture(Query(engine)), sessions))
    assert json.loads(json.dumps(changes)) == changes
    return changes


def of(changes: list[Change], what: str) -> list[tuple[str, ...]]:
    names = ("action", "mac", "ip", "vtep", "name", "address", "type")
    return sorted(
        tuple(str(change[name]) for name in names if name in change)
        for change in changes
        if change["what"] == what
    )
