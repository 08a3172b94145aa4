"""Answers `policy test --live`: a policy file against the routes that there are."""

import time
from pathlib import Path

from evpnd.adapters.config_yaml import ConfigErrors, load_policy
from evpnd.core.engine import Engine
from evpnd.views.rehearse import rehearse


def rehearse_file(engine: Engine, path: Path) -> dict[str, object]:
    """Say what the policy of a file would change; `engine` is a copy and used up."""
    try:
        policy = load_policy(path).policy
    except ConfigErrors as refused:
        errors = [str(error) for error in refused.errors]
        return {"ok": False, "error": "the policy is invalid", "errors": errors}
    return {"ok": True, "result": rehearse(engine, policy, time.monotonic())}
