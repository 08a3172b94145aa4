"""The table of docs/performance.md, from what was measured."""

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from typing import Any

from integration.bench.measures import Figures
from integration.bench.rows import Figure, Row

NONE = "–"  # noqa: RUF001 - it is a dash
KERNEL = "kernel"
"""The short name of the kernel alone."""
TIE = 1.15
"""Times as much that is called equal: runs differ by 10 to 15 percent."""
SAME = "the same, "
"""What the words of a figure begin with that belongs to the one before."""
WIDTH = 96
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass
class Results:
    """All runs of all rows."""

    names: Mapping[str, str]
    """Short name to name with version, in the order of the columns."""
    rows: Sequence[Row]
    found: dict[tuple[str, str], list[Figures]] = field(default_factory=dict)
    """By row and short name, one for each run."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """What went wrong; there is no figure then, whatever other runs gave."""
    lacking: dict[tuple[str, str], str] = field(default_factory=dict)
    """Why a daemon cannot have a figure."""
    machine: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def add(self, row: Row, short: str, figures: Figures) -> None:
        """Store one run."""
        self.found.setdefault((row.name, short), []).append(figures)

    def median(self, row: Row, short: str, key: str) -> float | None:
        """Return the median of all runs; None: there is none, or not all ended well."""
        if (row.name, short) in self.failures:
            return None
        runs = self.found.get((row.name, short), [])
        values = [run[key] for run in runs if key in run]
        return statistics.median(values) if values else None

    def as_json(self) -> dict[str, Any]:
        """Return all that was measured, for programs."""
        return {
            "machine": self.machine,
            "started": self.started.isoformat(timespec="seconds"),
            "daemons": dict(self.names),
            "runs": [
                {"row": row, "daemon": short, "run": number, **figures}
                for (row, short), runs in self.found.items()
                for number, figures in enumerate(runs)
            ],
            "figures": [
                {
                    "row": row.name,
                    "figure": figure.key,
                    "text": text(row, figure.text),
                    "unit": figure.unit,
                    "median": {
                        short: median
                        for short in (KERNEL, *self.names)
                        if (median := self.median(row, short, figure.key)) is not None
                    },
                }
                for row in self.rows
                for figure in row.figures
            ],
            "failures": [
                {"row": row, "daemon": short, "why": why}
                for (row, short), why in self.failures.items()
            ],
            "lacking": [
                {"row": row, "daemon": short, "why": why}
                for (row, short), why in self.lacking.items()
            ],
        }


def text(row: Row, words: str) -> str:
    """Return the words of a figure with the sizes that were measured."""
    return words.format(macs=f"{row.load.macs:,}", vnis=row.load.vnis)


def markdown(results: Results) -> str:
    """Return machine, table, and what others do better."""
    columns = [*results.names.values(), "the kernel alone"]
    runs = max(map(len, results.found.values()), default=0)
    lines = [
        fill(
            f"Measured on {results.started:%Y-%m-%d}: {results.machine}. "
            + (f"Medians of {runs} runs." if runs > 1 else "One run."),
            WIDTH,
        ),
        "",
        f"| | {' | '.join(columns)} |",
        "|---|" + "---:|" * len(columns),
    ]
    for row in results.rows:
        for figure in row.figures:
            cells = [
                _cell(results.median(row, short, figure.key), figure.unit)
                for short in (*results.names, KERNEL)
            ]
            lines.append(f"| {text(row, figure.text)} | {' | '.join(cells)} |")
    lines += ["", *_better(results)]
    missing = results.lacking | results.failures
    if missing:
        lines += ["", "Without a figure:", ""]
        for (name, short), why in missing.items():
            said = f"{results.names[short]}, {name}: {why}"
            lines.append(fill(said, WIDTH, initial_indent="- ", subsequent_indent="  "))
    return "\n".join(lines) + "\n"


def _cell(value: float | None, unit: str) -> str:
    if value is None:
        return NONE
    if unit in ("rows", "MiB"):
        return f"{value:,.0f} {unit}"
    if unit == "ms":
        return f"{value:.1f} {unit}"
    return f"{value:.2f} {unit}"


def _better(results: Results) -> Iterator[str]:
    """Say what another daemon does with less than evpnd, and by how much."""
    for short, name in results.names.items():
        if short == "evpnd":
            continue
        found = [
            f"{_named(row, figure)} ({_times(ours, theirs, figure.unit)})"
            for row in results.rows
            for figure in row.figures
            if (ours := results.median(row, "evpnd", figure.key)) is not None
            and (theirs := results.median(row, short, figure.key)) is not None
            and ours > theirs * TIE
        ]
        said = (
            f"{name} is better than evpnd at: {'; '.join(found)}."
            if found
            else f"{name} is better than evpnd at none of this."
        )
        yield fill(said, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _named(row: Row, figure: Figure) -> str:
    """Return the words of a figure that stands alone."""
    words = text(row, figure.text)
    if not words.startswith(SAME):
        return words
    first = text(row, row.figures[0].text).removesuffix(", p50")
    return f"{first}, {words.removeprefix(SAME)}"


def _times(ours: float, theirs: float, unit: str) -> str:
    return f"{ours / theirs:.1f} times" if theirs else _cell(ours, unit)


def machine() -> str:
    """Return what this machine is, in one line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    total = Path("/proc/meminfo").read_text().split()[1]
    distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    python = platform.python_version()
    return (
        f"{os.cpu_count()} processors ({cpu}), {int(total) >> 20} GiB of memory, "
        f"Linux {platform.release()}, {distribution}, Python {python}"
    )


def write(file: Path, results: Results) -> None:
    """Put the table between the marks of a page; ValueError where it has none."""
    page = file.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no line {BEGIN}, or no line {END} after it")
    file.write_text(f"{before}{begin}\n{markdown(results)}{end}{after}")
