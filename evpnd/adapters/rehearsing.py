"""Answers `policy test --live`: a policy file against the routes that there are."""

import time
from pathlib import Path

from evpnd.adapters.config_yaml import ConfigErrors, load_policy
from evpnd.core.engine import Engine
from evpnd.core.policy.rehearsal import rehearse


def rehearse_file(engine: Engine, path: Path) -> dict[str, object]:
    """Say what the policy of a file would change; `engine` is a copy and used up."""
    try:
        policy = load_policy(path).policy
    except ConfigErrors as refused:
        errors = [str(error) for error in refused.errors]
        return {"ok": False, "error": "the policy is invalid", "errors": errors}
    config = engine.config
    named = {name for peer in config.peers for name in peer.import_policies}
    named.update(name for peer in config.peers for name in peer.export_policies)
    named.update(name for evi in config.evis for name in evi.import_policies)
    named.update(name for evi in config.evis for name in evi.export_policies)
    if policy.name not in named:
        have = f"those in use are {', '.join(sorted(named))}" if named else "none is"
        error = f"no peer and no EVI of the daemon names {policy.name!r}; {have}"
        return {"ok": False, "error": error}
    return {"ok": True, "result": rehearse(engine, policy, time.monotonic())}
