"""evpnd on every host of a lab, and what a converged fabric looks like."""

import time
from collections.abc import Iterable, Mapping

from integration.lab import Host, Lab
from integration.lab_evpnd import Evpnd
from integration.lab_kernel import bindings, flood_list, remote_macs
from integration.lab_netns import PATIENCE, LabError, wait_until
from integration.lab_tenant import Tenant

CONVERGENCE = 10.0
"""Seconds that rows may take on a busy machine, sessions being up."""

WATCHED = 0.3 * PATIENCE
"""Seconds that evpnd may take to listen at a port; on some hosts there is none."""


def mesh(
    lab: Lab,
    evis: dict[int, list[dict[str, object]]],
    *,
    ready: bool = True,
    settings: Mapping[str, object] | None = None,
) -> list[Evpnd]:
    """Start evpnd on each host named in ``evis``, each a peer of every other.

    Ends when all sessions are established and, with ``ready``, the given EVIs are
    ready; ``settings`` are more keys of the YAML.
    """
    hosts = [lab[number] for number in evis]
    daemons = [
        host.evpnd(
            host.config(
                *(other.session for other in hosts if other is not host),
                evis=evis[host.number],
            )
            | dict(settings or {})
        )
        for host in hosts
    ]
    for daemon in daemons:
        daemon.wait_established(len(hosts) - 1)
    if ready:
        for host, daemon in zip(hosts, daemons, strict=True):
            daemon.wait_ready(len(evis[host.number]))
    return daemons


def expect_rows(
    at: Host, tenants: Iterable[Tenant], within: float = CONVERGENCE
) -> None:
    """Wait until a host has exactly the rows of these remote tenants, per VNI.

    Both FDB rows of each MAC, on the right VTEP, and both bindings.
    """
    wanted = list(tenants)
    for vni in sorted({tenant.vni for tenant in wanted}):
        here = [tenant for tenant in wanted if tenant.vni == vni]
        macs = {tenant.mac: tenant.host.vtep for tenant in here}
        ips = {tenant.ip: tenant.mac for tenant in here}
        ips |= {tenant.ip6: tenant.mac for tenant in here}
        expect_macs(at, vni, macs, within)
        expect_bindings(at, vni, ips, within)


def expect_macs(
    at: Host, vni: int, macs: dict[str, str], within: float = CONVERGENCE
) -> None:
    """Wait until a host has exactly these remote MACs with these VTEPs."""
    wait_until(
        lambda: remote_macs(at.namespace, f"vx{vni}") == macs,
        within,
        f"remote MACs {macs} of VNI {vni} on host {at.number}",
        seen=lambda: remote_macs(at.namespace, f"vx{vni}"),
    )


def expect_bindings(
    at: Host, vni: int, ips: dict[str, str], within: float = CONVERGENCE
) -> None:
    """Wait until a host has exactly these remote bindings of IP to MAC."""
    wait_until(
        lambda: bindings(at.namespace, f"br{vni}") == ips,
        within,
        f"bindings {ips} of VNI {vni} on host {at.number}",
        seen=lambda: bindings(at.namespace, f"br{vni}"),
    )


def expect_flood(
    at: Host, vni: int, hosts: Iterable[Host], within: float = CONVERGENCE
) -> None:
    """Wait until the flood list is exactly these hosts."""
    vteps = {host.vtep for host in hosts}
    wait_until(
        lambda: flood_list(at.namespace, f"vx{vni}") == vteps,
        within,
        f"flood list {vteps} of VNI {vni} on host {at.number}",
        seen=lambda: flood_list(at.namespace, f"vx{vni}"),
    )


def converge(lab: Lab) -> None:
    """Let every tenant be heard, and wait until every host knows all others."""
    heard(lab.tenants)
    for host in lab.hosts:
        vnis = {tenant.vni for tenant in host.tenants}
        others = [each for each in lab.tenants if each.host is not host]
        expect_rows(host, (each for each in others if each.vni in vnis))


def heard(tenants: Iterable[Tenant]) -> None:
    """Let tenants be heard by their hosts, as machines are when they start.

    A new cable's carrier may be reported up to a second late, and what is sent
    before is lost; so they speak until the bridge has learned them, and once more
    when evpnd listens at their ports, which it may do a moment after that.
    """
    waiting = list(tenants)

    def all_learned() -> bool:
        for tenant in list(waiting):
            tenant.announce()
            if tenant.is_learned():
                waiting.remove(tenant)
        return not waiting

    spoken = list(waiting)
    wait_until(all_learned, 5, "tenants learned by their bridges", interval=0.1)
    deadline = time.monotonic() + WATCHED
    while time.monotonic() < deadline and not all(each.is_watched() for each in spoken):
        time.sleep(0.05)
    for tenant in spoken:
        tenant.announce()


def expect_silence(tenant: Tenant, target: str) -> None:
    """LabError if there is any answer."""
    result = tenant.ping(target, 3, patience=0.3)
    if result.received:
        raise LabError(f"{tenant.name} has an answer from {target}: {result}")
