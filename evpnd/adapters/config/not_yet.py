"""Refuses what the file may say and evpnd does not do yet."""

from evpnd.adapters.config.schema import ConfigFile
from evpnd.adapters.yaml.findings import Findings


def refuse_unserved(file: ConfigFile, findings: Findings) -> None:
    """Record an error for each key whose feature is not there."""
    for index, bridge in enumerate(file.bridges):
        if bridge.vxlan is not None:
            findings.add(
                ("bridges", index, "vxlan"),
                "evpnd does not make one VXLAN device for all VNIs yet; without this "
                "key it makes a device for each VNI",
            )
