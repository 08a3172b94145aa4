"""Refuses what the file may say and evpnd does not do yet."""

from evpnd.adapters.config.schema import ConfigFile
from evpnd.adapters.yaml.findings import Findings


def refuse_unserved(file: ConfigFile, findings: Findings) -> None:
    """Record an error for each key whose feature is not there."""
    if file.bridges:
        findings.add(
            ("bridges",), "evpnd does not make VLAN-aware bridges yet; remove it"
        )
    bridges = {bridge.name for bridge in file.bridges}
    for index, evi in enumerate(file.evis):
        if evi.bridge in bridges or (evi.vlan is None and evi.vlans is None):
            continue
        findings.add(
            ("evis", index, "vlan" if evi.vlans is None else "vlans"),
            "evpnd does not serve several VLANs of a bridge yet; remove it",
        )
