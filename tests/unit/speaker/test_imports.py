"""What the speaker loads, apart from ExaBGP."""

import subprocess
import sys


def test_it_loads_nothing_heavy() -> None:
    code = "import evpnd.speaker.main, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"exabgp", "asyncio"} <= loaded
    assert loaded.isdisjoint(
        {"pydantic", "yaml", "rich", "click", "pyroute2", "structlog"}
        | {"ssl", "_ssl", "_hashlib", "prometheus_client"}
    )
