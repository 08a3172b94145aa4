"""Writes the end of a replay as a conformance case (tests/conformance/README.md)."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.replay import Replay
from evpnd.model.config import HOLD_TIME, RESTART_TIME, Config, EviConfig, PeerConfig
from evpnd.model.ids import format_ip, format_rd, format_route_target
from evpnd.model.numbers import BGP_PORT
from evpnd.model.targets import Profile
from evpnd.recording.records import Record, write_record

TABLES: Final = ("peers", "evis", "macs", "neighbors", "vteps", "routes")
_NOT_KEPT: Final = frozenset(
    {"uptime", "since", "damped_for", "last_error_at", "rejected_octets"}
)
"""Fields that depend on the time, or on how octets are kept."""
_EVENTS: Final = 200
"""The latest events that the case expects."""


def write_case(
    folder: Path, replay: Replay, records: Iterable[Record], source: str
) -> None:
    """Write a folder with case.md, evpnd.yaml, steps.yaml and the records.

    Raises OSError; FileExistsError where the folder has a case already.
    """
    assert replay.header is not None
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "steps.yaml").exists():
        raise FileExistsError(None, "there is a case already", str(folder))
    with (folder / "recording.jsonl").open("w") as file:
        for record in records:
            file.write(write_record(record) + "\n")
    (folder / "evpnd.yaml").write_text(config_text(replay.engine.config))
    (folder / "steps.yaml").write_text(_steps(replay))
    (folder / "case.md").write_text(_story(replay, source))


def _steps(replay: Replay) -> str:
    lines = ["- recording: recording.jsonl", "- expect:"]
    for table in TABLES:
        told = answer(replay, {"command": "show", "what": table})
        rows = told["result"]
        assert isinstance(rows, list)
        lines += _listed(f"show {table}", map(_kept, rows))
    events = replay.reports.remembered()[-_EVENTS:]
    lines += _listed("events", [each["event"] for each in events])
    return "\n".join(lines) + "\n"


def _listed(key: str, values: Iterable[object]) -> list[str]:
    """Return a key of `expect` and its list, a line for each."""
    items = [f"      - {json.dumps(value, ensure_ascii=False)}" for value in values]
    return [f"    {key}:", *items] if items else [f"    {key}: []"]


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in _NOT_KEPT}


def _story(replay: Replay, source: str) -> str:
    status = replay.reports.status()
    told: dict[str, int] = {}
    for each in replay.reports.remembered():
        told[each["event"]] = told.get(each["event"], 0) + 1
    happened = "\n".join(f"- {name}: {count}" for name, count in told.items())
    return (
        f"# What was recorded in {source}\n\n"
        f"{replay.events} events. At the end {status['peers_established']} of "
        f"{status['peers']} peers are established, {status['evis_ready']} of "
        f"{status['evis']} EVIs are ready, and there are {status['routes']} routes.\n\n"
        "Write here what happens and why it matters, and remove from steps.yaml what\n"
        "does not.\n\n"
        f"What evpnd told of it:\n\n{happened or '- nothing'}\n"
    )


# The configuration


def config_text(config: Config) -> str:
    """Return a configuration as YAML; policies are in the recording alone."""
    vtep: dict[str, object] = {}
    if config.vtep.interface is not None:
        vtep["interface"] = config.vtep.interface
    elif config.vtep.address is not None:
        vtep["address"] = format_ip(config.vtep.address)
    lines = [
        "# As recorded. Policies, bridges and what else is not here stand in the first",
        "# line of recording.jsonl, which is what the case runs with.",
        f"router-id: {format_ip(config.router_id)}",
        f"asn: {config.asn}",
        f"vtep: {_flow(vtep)}",
        "peers:",
        *(f"  - {_flow(_peer(peer))}" for peer in config.peers),
    ]
    evis = [evi for evi in config.evis if not evi.made]
    if evis:
        lines += ["evis:", *(f"  - {_flow(_evi(evi))}" for evi in evis)]
    if config.discover or not evis:
        lines.append("discover: true")
    return "\n".join(lines) + "\n"


def _flow(values: Mapping[str, object]) -> str:
    pairs = (
        f"{key}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
    )
    return "{" + ", ".join(pairs) + "}"


def _peer(peer: PeerConfig) -> dict[str, object]:
    found: dict[str, object] = {"address": peer.address, "asn": peer.asn}
    given: dict[str, tuple[object, object]] = {
        "description": (peer.description, ""),
        "local-address": (peer.local_address, None),
        "port": (peer.port, BGP_PORT),
        "passive": (peer.passive, False),
        "hold-time": (peer.hold_time, HOLD_TIME),
        "graceful-restart": (peer.graceful_restart, RESTART_TIME),
        "allow-own-as": (peer.allow_own_as, 0),
    }
    found |= {key: value for key, (value, usual) in given.items() if value != usual}
    if peer.profile is not Profile.GENERIC:
        found["profile"] = peer.profile.value
    return found


def _evi(evi: EviConfig) -> dict[str, object]:
    found: dict[str, object] = {"vni": evi.vni, "name": evi.name}
    given: dict[str, tuple[object, object]] = {
        "bridge": (evi.bridge, None),
        "vxlan": (evi.vxlan, None),
        "vlan": (evi.vlan, None),
        "manage": (evi.manage, False),
        "ports": (list(evi.ports), []),
        "ethernet-tag": (evi.ethernet_tag, None),
        "suppress": (evi.suppress, True),
        "flood": (evi.flood, True),
    }
    found |= {key: value for key, (value, usual) in given.items() if value != usual}
    if evi.rd is not None:
        found["rd"] = format_rd(evi.rd)
    if evi.given_targets is None:
        found["route-targets"] = {
            "import": evi.import_targets.texts(),
            "export": [format_route_target(each) for each in evi.export_targets],
        }
    return found
