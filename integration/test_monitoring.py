"""A real Prometheus scrapes evpnd: dashboard and rules of packaging/monitoring work."""

import json
import shutil
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.lab import Host, MakeLab, evi
from integration.lab_fabric import converge, mesh
from integration.lab_netns import inside, wait_until

pytestmark = [pytest.mark.root, pytest.mark.promtool]

VNI = 10100
LISTEN = "127.0.0.1:9471"
WEB = "127.0.0.1:9090"
MONITORING = Path(__file__).parents[1] / "packaging/monitoring"
VARIABLES = {
    "$job": "evpnd",
    "$instance": ".*",
    "$__range": "5m",
    "$__rate_interval": "1m",
}
SELDOM = {
    "Rows refused by the kernel",
    "Tables read anew, malformed routes",
    "Rows restored",
    "Duplicates",
    "Verdicts",
    "Over a limit",
    "EVIs that were not ready",
}
"""Panels that are empty where all is well."""


def api(host: Host, path: str, **query: str) -> Any:  # noqa: ANN401
    """Ask Prometheus; `data` of the answer."""
    url = f"http://{WEB}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with inside(host.namespace):
        page = urllib.request.urlopen(url, timeout=30)
    with page:
        answer = json.load(page)
    assert answer["status"] == "success", answer
    return answer["data"]


def value(host: Host, expression: str) -> list[tuple[dict[str, str], float]]:
    for name, text in VARIABLES.items():
        expression = expression.replace(name, text)
    found = api(host, "query", query=expression)["result"]
    return [(each["metric"], float(each["value"][1])) for each in found]


def start(host: Host) -> None:
    """Start Prometheus with the file that packaging has, but faster."""
    folder = host.lab.directory / "prometheus"
    folder.mkdir()
    shutil.copy(MONITORING / "evpnd-rules.yaml", folder)
    settings = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    assert settings["scrape_configs"][0]["static_configs"] == [{"targets": [LISTEN]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    process = host.process(
        "prometheus",
        "prometheus",
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={WEB}",
    )

    def answers() -> bool:
        try:
            return bool(value(host, 'up{job="evpnd"} == 1'))
        except OSError:
            return False

    wait_until(answers, 30, "the first scrape", seen=process.tail)


def test_prometheus_scrapes_and_alerts(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    one, two = mesh(
        lab,
        {1: [evi(VNI)], 2: [evi(VNI)]},
        settings={"metrics": {"listen": LISTEN}},
    )
    converge(lab)
    here = lab[1]
    start(here)

    # Units are told in OpenMetrics alone: it was negotiated.
    (metadata,) = api(here, "targets/metadata", metric="evpnd_convergence_seconds")
    assert (metadata["type"], metadata["unit"]) == ("histogram", "seconds")
    labels = {"evi": f"vni-{VNI}", "vni": str(VNI)}
    wait_until(
        lambda: (
            [
                count
                for metric, count in value(here, "evpnd_fdb_entries")
                if labels.items() <= metric.items()
            ]
            == [1.0]
        ),
        20,
        "the remote MAC",
    )
    wait_until(
        lambda: len(value(here, "count_over_time(evpnd_evi_ready[1m]) > 2")) == 1,
        20,
        "three scrapes, for rates",
    )
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            found = value(here, target["expr"])
            rare = panel["title"] in SELDOM or "max_routes" in target["expr"]
            assert found or rare, (panel["title"], target["expr"])
    processes = {
        metric["process"]: count
        for metric, count in value(here, "process_resident_memory_bytes")
    }
    assert processes.keys() == {"agent", "speaker"}
    assert all(count > 5 << 20 for count in processes.values())
    assert api(here, "alerts")["alerts"] == []

    two.stop()

    def pending() -> set[tuple[str, str]]:
        alerts = api(here, "alerts")["alerts"]
        return {(each["labels"]["alertname"], each["state"]) for each in alerts}

    wait_until(lambda: ("EvpndPeerDown", "pending") in pending(), 20, "the alert")
    assert one.show("peers")[0]["state"] != "established"
