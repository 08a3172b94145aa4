"""A host with policies between its peers and its EVI."""

from dataclasses import fields
from pathlib import Path

from evpnd.adapters.policy_files.load import judge_policy
from evpnd.adapters.yaml.reader import parse_yaml
from evpnd.model.config import Config, EviConfig, PeerConfig
from evpnd.model.ids import parse_mac
from evpnd.model.policy import Policy
from tests.fakes.host import (
    PEERS,
    Host,
    config,
)

MACS = [parse_mac(f"02:00:00:00:00:{number:02x}") for number in range(1, 5)]
FIRST, SECOND = PEERS


def policies(**rules: str) -> dict[str, Policy]:
    """Make policies of the text that stands below `policy: NAME`."""
    found = {}
    for name, text in rules.items():
        path = Path(f"{name}.yaml")
        judged, findings = judge_policy(parse_yaml(f"policy: {name}\n{text}", path))
        assert judged is not None, findings.errors
        found[name] = judged.policy
    return found


FIELDS = [each.name for each in fields(EviConfig)]


def governed(
    *,
    peers: dict[str, tuple[str, ...]] | None = None,
    evi: dict[str, tuple[str, ...]] | None = None,
    **rules: str,
) -> Config:
    """Give both peers, and the EVI, some policies."""
    plain = config()
    of_evi = {f"{way}_policies": names for way, names in (evi or {}).items()}
    of_peers = {f"{way}_policies": names for way, names in (peers or {}).items()}
    given = {name: getattr(plain.evis[0], name) for name in FIELDS}
    return config(
        peers=tuple(
            PeerConfig(peer, 65000, f"spine{number}", **of_peers)  # type: ignore[arg-type]
            for number, peer in enumerate(PEERS, 1)
        ),
        evis=(EviConfig(**(given | of_evi)),),
        policies=policies(**rules),
    )


def host(configuration: Config) -> Host:
    made = Host(configuration=configuration)
    made.up()
    return made
