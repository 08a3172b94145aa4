"""The dashboard and the alert rules of packaging/monitoring: what they use exists."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evpnd.adapters.metrics import EviNumbers, PeerNumbers, Snapshot
from evpnd.adapters.metrics.families import families
from evpnd.adapters.metrics.processes import agent_and_speaker

MONITORING = Path(__file__).parents[2] / "packaging/monitoring"
SAMPLE = Snapshot(
    peers=[
        PeerNumbers(
            "10.0.0.254",
            received={"mac-ip": 1},
            advertised={"mac-ip": 1},
            max_routes=1,
            over_limit=0,
        )
    ],
    evis=[EviNumbers("red", 10100)],
    netlink_errors={("fdb", 28): 1},
    resyncs={"overrun": 1},
    drift_repaired={("fdb", "audit"): 1},
    malformed={"treat-as-withdraw": 1},
    policy_verdicts={("guard", "gateways", "reject"): 1},
    limit_waiting={("few", "macs 2 per peer"): 1},
)
PROMETHEUS = {"up", "ALERTS"}
"""Series that Prometheus makes itself."""
ITS_LABELS = {"instance", "job", "le", "alertname", "alertstate"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "evpnd-rules.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (MONITORING / "grafana-dashboard.json").read_text()
    )
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    board = dashboard()
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (each["expr"] for each in board["annotations"]["list"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            inside = re.fullmatch(
                r"label_values\((.*), (\w+)\)", variable["definition"]
            )
            assert inside is not None
            yield f"sum by ({inside[2]}) ({inside[1]})"


def served() -> dict[str, set[str]]:
    """Map the names of samples to their labels."""
    found: dict[str, set[str]] = {}
    for family in (*families(SAMPLE), *agent_and_speaker().collect()):
        for name, labels, *_ in family.samples:
            found.setdefault(name, set()).update(labels)
    return found


def test_every_metric_that_dashboard_and_rules_use_is_served() -> None:
    known = served().keys() | PROMETHEUS

    for expression in expressions():
        used = re.findall(r"\b(?:evpnd|process)_\w+|\bup\b|\bALERTS\b", expression)
        assert used, expression
        assert set(used) <= known, expression


def test_every_label_that_they_use_is_of_one_of_these_metrics() -> None:
    known = served()

    for expression in expressions():
        used = re.findall(r"\b(?:evpnd|process)_\w+", expression)
        labels = set().union(ITS_LABELS, *(known[name] for name in used))
        named = set(re.findall(r"(\w+)\s*(?:=~|=|!=|!~)\s*\"", expression))
        for words in re.findall(r"\b(?:by|on) \(([\w, ]*)\)", expression):
            named.update(words.split(", "))
        assert named <= labels, expression


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    """What nobody looks at need not be served."""
    text = " ".join(expressions())

    unused = {name for name in served() if name not in text}
    assert unused <= {
        "evpnd_convergence_seconds_count",
        "evpnd_convergence_seconds_sum",
        "process_virtual_memory_bytes",
    }


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    panels = dashboard()["panels"]
    places: set[tuple[int, int]] = set()

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert places.isdisjoint(covered), panel["title"]
        places |= covered
        assert panel["type"] == "row" or panel["description"]


def test_every_alert_is_tried_and_says_what_to_do() -> None:
    tried = (MONITORING / "evpnd-rules-test.yaml").read_text()

    for rule in rules():
        assert f'alertname="{rule["alert"]}", alertstate="firing"' in tried
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.promtool
@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "evpnd-rules.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("test", "rules", "evpnd-rules-test.yaml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *words],
        cwd=MONITORING,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
