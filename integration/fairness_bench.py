"""What others wait while one peer does its worst.

`python -m integration.fairness_bench [SCENARIO[:SIZE] ...]`, as root.
"""

import argparse
import os

from integration.fairness import measure, prepare
from integration.fairness_load import LOADS
from integration.lab import Lab


def main() -> None:
    """Run scenarios and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=", ".join(LOADS))
    parser.add_argument("--limit", type=float, default=300, help="seconds for each")
    given = parser.parse_args()
    with Lab(f"fb{os.getpid()}", 3) as lab:
        prepare(lab)
        print(
            f"{'scenario':20}{'routes':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}"
            f"{'seconds':>9}{'agent':>8}{'speaker':>8} MiB"
        )
        for named in given.scenarios or LOADS:
            name, _, size = named.partition(":")
            load = LOADS[name]
            found = measure(lab, load, int(size or load.full), given.limit)
            print(
                f"{named:20}{found.routes:8}{found.p50:9.1f}{found.p99:9.1f}"
                f"{found.most:9.1f}{found.seconds:9.1f}{found.agent:8.0f}"
                f"{found.speaker:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
