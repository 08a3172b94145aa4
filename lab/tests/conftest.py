"""Why a test cannot run here."""

import os
import shutil
from pathlib import Path

import pytest


def _missing(item: pytest.Item) -> str | None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return "needs root"
    if item.get_closest_marker("frr") and not Path("/usr/lib/frr/watchfrr").exists():
        return "needs the Debian package frr"
    if item.get_closest_marker("gobgp") and not shutil.which("gobgpd"):
        return "needs the Debian package gobgpd"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; where everything must run, fail instead."""
    reason = _missing(item)
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
