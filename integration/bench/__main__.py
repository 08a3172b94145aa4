"""evpnd beside FRR and BIRD, on this machine, in turn: `make bench`, as root.

Each row is measured with one daemon after the other, and all of that so many times; the
table has medians. Whatever else the machine does is in the figures: let it be quiet.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from integration.bench import daemons, measures, table
from integration.bench.daemons import Known
from integration.bench.measures import Bench
from integration.bench.rows import ROWS, Row
from integration.bench.table import KERNEL, Results
from integration.lab_netns import LabError, sweep_dead


def run(known: dict[str, Known], rows: list[Row], runs: int) -> Results:
    """Measure everything; tell each figure as it comes on standard error."""
    results = Results({short: each.name for short, each in known.items()}, rows)
    results.machine = table.machine()
    with tempfile.TemporaryDirectory(prefix="evpnd-bench-") as name:
        folder = Path(name)
        # FRR and BIRD may run as users of their own.
        folder.chmod(0o755)
        for number in range(1, runs + 1):
            for row in rows:
                if row.limit:
                    figures = measures.kernel_rows(folder, row.load)
                    results.add(row, KERNEL, figures)
                for short, each in known.items():
                    _measure(results, row, short, Bench(each, folder), number)
    return results


def _measure(results: Results, row: Row, short: str, bench: Bench, number: int) -> None:
    if (row.name, short) in results.failures:
        return
    if (why := bench.known.run.lacks.get(row.name)) is not None:
        results.lacking[row.name, short] = why
        return
    began = time.monotonic()
    try:
        figures = row.measure(bench, row.load)
    except LabError as error:
        first = str(error).splitlines()[0]
        results.failures[row.name, short] = first.removeprefix(f"{bench.known.name}: ")
        print(f"run {number}, {row.name}: {error}", file=sys.stderr)
        return
    results.add(row, short, figures)
    told = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
    took = time.monotonic() - began
    print(
        f"run {number}, {row.name}, {bench.known.name}: {told} ({took:.0f} s)",
        file=sys.stderr,
    )


def selected(names: list[str], size: int | None, vnis: int | None) -> list[Row]:
    """Return the rows of these names, with other sizes; exits where there is none."""
    known = {row.name: row for row in ROWS}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"bench: there is no row {unknown[0]}; rows: {', '.join(known)}")
    rows = []
    for row in [known[name] for name in names] or ROWS:
        load = row.load
        if size is not None and load.macs > 1:
            load = load._replace(macs=size)
        if vnis is not None and load.vnis > 1:
            load = load._replace(vnis=vnis)
        rows.append(row._replace(load=load))
    return rows


def main() -> None:
    """Read what to measure, measure, print, and write where that is asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="", help="names, separated by commas")
    parser.add_argument("--daemons", default="", help="names, separated by commas")
    parser.add_argument("--size", type=int, help="MACs, in place of each row's own")
    parser.add_argument("--vnis", type=int, help="VNIs, where a row has many")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all runs to this file")
    parser.add_argument("--write", type=Path, help="write the table into this page")
    given = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: run this as root: it makes network namespaces")
    rows = selected(
        [name for name in given.rows.split(",") if name], given.size, given.vnis
    )
    known = daemons.find()
    names = [name for name in given.daemons.split(",") if name] or list(known)
    if missing := [name for name in names if name not in known]:
        sys.exit(f"bench: {missing[0]} is not here; there are: {', '.join(known)}")
    sweep_dead()
    began = time.monotonic()
    results = run({name: known[name] for name in names}, rows, given.runs)
    print(table.markdown(results), end="")
    print(f"took {(time.monotonic() - began) / 60:.0f} minutes", file=sys.stderr)
    if given.json is not None:
        given.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if given.write is not None:
        table.write(given.write, results)
    if results.failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
