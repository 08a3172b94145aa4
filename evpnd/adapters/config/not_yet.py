"""Refuses what the file may say and evpnd does not do yet."""

from evpnd.adapters.config.schema import ConfigFile
from evpnd.adapters.yaml.findings import Findings


def refuse_unserved(file: ConfigFile, findings: Findings) -> None:
    """Record an error for each key whose feature is not there."""
    if file.bridges:
        findings.add(
            ("bridges",), "evpnd does not make VLAN-aware bridges yet; remove it"
        )
