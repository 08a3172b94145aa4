"""What loses an EVI's packets on this host, for `explain` and `show evis`."""

from collections.abc import Collection
from dataclasses import replace

from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.underlay import MEASURED_MOST
from evpnd.doctor.facts import Host
from evpnd.views.query import Query


class Losses:
    """Why this host loses packets of EVIs, by what `evpnd doctor` checks."""

    def __init__(self, query: Query) -> None:
        """Read nothing yet."""
        self._query = query
        self._hosts: dict[bytes, Host] = {}
        """What was read of the host, by the VTEP that is asked for."""
        every = {vtep for vrf in query.vrfs.values() for vtep in _vteps(vrf)}
        self._measured = frozenset(sorted(every)[:MEASURED_MOST])
        """VTEPs that stand for any; of no other the route is known."""

    def of(self, vrf: MacVrf, vtep: bytes) -> list[str]:
        """Return sentences; empty for `vtep`: any VTEP of the EVI."""
        # Only the copy of the agent that answers needs them.
        from evpnd.doctor.checks import losses  # noqa: PLC0415
        from evpnd.doctor.examined import alone  # noqa: PLC0415

        host, config = self._host(vtep), self._query.config
        if not vrf.discovered:
            config = replace(config, evis=(vrf.config,), discover=False)
        vni = vrf.config.vni
        vteps = {vtep} if vtep else self._measured & _vteps(vrf)
        return list(losses(alone(host, config, {vni: vteps}), vni, vtep))

    def of_all(self) -> dict[int, list[str]]:
        """Return sentences for each VNI, about any VTEP; not those that notes have.

        Raises OSError where the kernel's tables cannot be read.
        """
        from evpnd.doctor.checks import beside_notes  # noqa: PLC0415
        from evpnd.doctor.examined import alone  # noqa: PLC0415

        query = self._query
        vrfs = query.vrfs.values()
        vteps: dict[int, frozenset[bytes]]
        vteps = {vrf.config.vni: self._measured & _vteps(vrf) for vrf in vrfs}
        return beside_notes(alone(self._host(b""), query.config, vteps))

    def _host(self, vtep: bytes) -> Host:
        """Return what decides whether packets reach a VTEP; empty: any."""
        from evpnd.adapters.host.gather import gather_way  # noqa: PLC0415

        query = self._query
        if vtep not in self._hosts:
            known: Collection[bytes] = [vtep] if vtep else self._measured
            rules = next((h.firewall for h in self._hosts.values()), None)
            self._hosts[vtep] = gather_way(query.config, query.links, known, rules)
        return self._hosts[vtep]


def _vteps(vrf: MacVrf) -> set[bytes]:
    return vrf.routes.imets.vteps() - {vrf.vtep}
