"""`make bench`: its figures come from tables that really are as they should be."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from evpnd.adapters.netlink.rtnl import RTM_NEWNEIGH
from integration.bench import daemons, measures, rows, table, tables
from integration.bench.daemons import Evpnd, Known
from integration.bench.measures import Bench
from integration.bench.routes import VTEPS, Load, mac, vtep
from integration.bench.tables import Count, Watch
from integration.lab_netns import LabError

pytestmark = pytest.mark.root

CHECKOUT = Path(__file__).parents[1]
SMALL = Load(1_000, 2)
EVPND = Known("evpnd", Evpnd)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    # FRR and BIRD may run as users of their own.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return Bench(EVPND, tmp_path)


def test_a_load_that_grows_leaves_each_mac_where_it_was() -> None:
    def places(load: Load) -> dict[int, tuple[int, int]]:
        return {
            number: (where, vni)
            for where, vni, numbers in load.pairs()
            for number in numbers
        }

    few, many = places(Load(100, 3)), places(Load(1_000, 3))
    assert len(few) == 100
    assert len(many) == 1_000
    assert few.items() <= many.items()
    assert all(Load(1_000, 3).place_of(number) == many[number] for number in many)


def test_what_is_learned_is_in_both_tables_where_the_peer_said(bench: Bench) -> None:
    with measures.running(bench, SMALL) as (place, _, peer):
        watch = Watch(place.host, SMALL.macs)
        peer.say("feed")
        began = peer.wait("fed")["at"]
        ended = watch.until(Count(1_000, 1_000, 0))
        found = tables.destinations(place.host)
        watch.close()

    assert 0 < ended - began < 60
    assert found == {
        mac(number): socket.inet_ntoa(vtep(SMALL.place_of(number)[0]))
        for number in range(1_000)
    }


def test_rows_that_are_missing_are_no_figure(bench: Bench) -> None:
    """The time of the last notification alone would be one."""
    with measures.host(bench, 2) as place:
        devices = tables.indices(place.host, "vx", 2)
        watch = Watch(place.host, 100)
        some = tables.remote_rows(Load(99, 2), devices, RTM_NEWNEIGH)
        tables.write(place.host, some)
        with pytest.raises(LabError, match="vxlan=99, bridge=99"):
            watch.until(Count(100, 100, 0), 2)
        rest = tables.remote_rows(Load(100, 2), devices, RTM_NEWNEIGH)
        began, ended = tables.write(place.host, rest)

        assert began <= watch.until(Count(100, 100, 0)) <= ended + 1
        watch.close()


def test_withdrawals_neighbours_and_the_kernel_alone(bench: Bench) -> None:
    figures = measures.learn(bench, SMALL._replace(with_ips=True))
    alone = measures.kernel_rows(bench.folder, SMALL._replace(with_ips=True))

    assert figures["cpu"] > 0
    assert 20 < figures["peak"] < 500
    for key in ("seconds", "withdraw"):
        assert 0 < alone[key] < 60
        assert 0 < figures[key] < 60


def test_moves_and_arrivals_are_measured_one_by_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "MOVES", 10)
    monkeypatch.setattr(measures, "ARRIVALS", 10)

    for measure in (measures.move, measures.replace, measures.local):
        figures = measure(bench, Load(200, 1))
        assert 0 < figures["p50"] <= figures["p99"] < 10_000


@pytest.mark.bed
def test_frr_and_bird_of_the_bed_are_measured_as_well(tmp_path: Path) -> None:
    """The command itself: rows, sizes, JSON, and the page."""
    page = tmp_path / "performance.md"
    page.write_text(f"# Performance\n\n{table.BEGIN}\n{table.END}\n\nThe end.\n")
    runs = tmp_path / "runs.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "integration.bench", "--rows", "learn"),
            *("--size", "1000", "--runs", "1", "--vnis", "2"),
            *("--daemons", "evpnd,frr-bed,bird-bed"),
            *("--json", str(runs), "--write", str(page)),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(runs.read_text())
    assert list(found["daemons"]) == ["evpnd", "frr-bed", "bird-bed"]
    assert found["failures"] == found["lacking"] == []
    first = found["figures"][0]
    assert first["text"] == "learn 1,000 MACs in 2 VNIs"
    assert first["median"].keys() == {"kernel", "evpnd", "frr-bed", "bird-bed"}
    text = page.read_text()
    assert text.startswith("# Performance\n\n<!-- figures: begin -->\nMeasured on ")
    assert text.endswith("<!-- figures: end -->\n\nThe end.\n")
    assert "| learn 1,000 MACs in 2 VNIs | " in text


def test_every_row_has_what_its_figures_need() -> None:
    assert len({row.name for row in rows.ROWS}) == len(rows.ROWS)
    assert all(VTEPS * row.load.vnis <= 100 for row in rows.ROWS)
    page = (CHECKOUT / "docs/performance.md").read_text()
    assert table.BEGIN in page
    for row in rows.ROWS:
        assert f"`{row.name}`" in page


def test_the_table_says_what_others_do_better() -> None:
    learn, _, _, _, again, *_ = rows.ROWS
    results = table.Results(
        {"evpnd": "evpnd 1", "frr": "FRR 8", "bird": "BIRD 2"}, [learn, again]
    )
    for seconds in (3.0, 1.0, 2.0):
        figures = {"seconds": seconds, "cpu": 1.0, "peak": 90.0, "withdraw": 1.0}
        results.add(learn, "evpnd", figures)
    results.add(
        learn, "frr", {"seconds": 1.0, "cpu": 2.0, "peak": 89.0, "withdraw": 0.5}
    )
    results.add(learn, table.KERNEL, {"seconds": 0.25, "withdraw": 0.1})
    results.add(again, "evpnd", {"seconds": 1.0, "lost": 7})
    results.failures[again.name, "frr"] = "it ended"
    results.lacking[learn.name, "bird"] = "it has none"
    text = table.markdown(results)

    assert "Medians of 3 runs" in " ".join(text.split())
    none = table.NONE
    learned = f"| learn 100,000 MACs in 10 VNIs | 2.00 s | 1.00 s | {none} | 0.25 s |"
    assert learned in text
    assert f"| the same, peak memory | 90 MiB | 89 MiB | {none} | {none} |" in text
    joined = " ".join(text.split())
    assert (
        "FRR 8 is better than evpnd at: learn 100,000 MACs in 10 VNIs (2.0 times); "
        "withdraw 100,000 MACs (2.0 times)." in joined
    )
    assert "- FRR 8, restart: it ended" in text
    assert "- BIRD 2, learn: it has none" in text


def test_daemons_are_found_with_their_versions() -> None:
    found = daemons.find()

    assert found["evpnd"].run is Evpnd
    assert all(any(c.isdigit() for c in each.name) for each in found.values())
