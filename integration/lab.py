"""A fabric in network namespaces: hosts around an underlay router, with tenants.

::

    tenant a1 ── br10100 ── vx10100 ┐                       ┌ host 2 ...
    tenant b1 ── br10200 ── vx10200 ┴ host 1 ── router ──────┴ host 3 ...

Host N has the VTEP address 10.0.0.N (fd00:ff::N where the underlay is IPv6) and
a second loopback address for BGP sessions, 10.1.0.N (fd00:fe::N). The router has
10.1.0.254 (fd00:fe::254). Everything is removed at the end, whatever happened;
what an earlier run of the same prefix left is removed at the start.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from integration.lab_evpnd import Evpnd
from integration.lab_netns import Process, ip, run, sweep, sysctl
from integration.lab_tenant import Tenant
from integration.roots import MACHINE, Root

UNDERLAY_MTU = 1600
"""VXLAN's 50 or 70 octets around a tenant's 1500."""

ROUTER_SESSION = {4: "10.1.0.254", 6: "fd00:fe::254"}


@dataclass
class Host:
    """A VTEP: a namespace with an uplink, bridges, VXLAN devices, tenants."""

    lab: "Lab"
    number: int
    namespace: str
    tenants: list[Tenant] = field(default_factory=list)

    @property
    def vtep(self) -> str:
        """The VTEP address, in the underlay's family."""
        return _vtep(self.lab.underlay, self.number)

    @property
    def session(self) -> str:
        """The address for BGP sessions, apart from the VTEP address."""
        return _session(self.lab.underlay, self.number)

    @property
    def router_id(self) -> str:
        """The BGP identifier."""
        return _vtep(4, self.number)

    def prepare(self, vni: int, *, ageing: float = 300, **options: str) -> None:
        """Make the bridge ``br<vni>`` and the VXLAN device ``vx<vni>``, no rows.

        ``ageing`` is the bridge's ageing time, seconds; ``options`` go to the
        VXLAN device as ip-link(8) names them.
        """
        bridge, vxlan = f"br{vni}", f"vx{vni}"
        quiet = "mcast_snooping 0 forward_delay 0 ageing_time"
        tunnel = f"dstport 4789 local {self.vtep} nolearning"
        port = "learning off neigh_suppress on"
        more = " ".join(f"{key} {value}" for key, value in options.items())
        ip(
            [
                f"link add {bridge} type bridge {quiet} {int(ageing * 100)}",
                f"link add {vxlan} type vxlan id {vni} {tunnel} {more}",
                f"link set {bridge} addrgenmode none",
                f"link set {vxlan} addrgenmode none",
                f"link set {vxlan} master {bridge} up",
                f"link set dev {vxlan} type bridge_slave {port}",
                f"link set {bridge} up",
            ],
            self.namespace,
        )

    def tenant(
        self,
        name: str,
        vni: int,
        number: int,
        *,
        attach: bool = True,
        subnet: int = 100,
    ) -> Tenant:
        """Make a tenant with MAC and addresses of this number.

        Its port in this host bears its name, and is in ``br<vni>`` where
        ``attach`` is true.
        """
        namespace = f"{self.lab.prefix}-{name}"
        tenant = Tenant(name, vni, number, namespace, self, subnet)
        tenant.build(self.namespace)
        if attach:
            tenant.attach()
        else:
            ip([f"link set {name} up"], self.namespace)
        self.tenants.append(tenant)
        return tenant

    def static_mac(self, port: str, mac: str) -> None:
        """Pin a MAC to a port by hand: a static, sticky row of the bridge."""
        where = ["dev", port, "master", "sticky", "static"]
        run(["bridge", "-n", self.namespace, "fdb", "replace", mac, *where])

    def config(
        self,
        *peers: str | dict[str, object],
        evis: list[dict[str, object]] | None = None,
        asn: int = 65001,
        **more: object,
    ) -> dict[str, object]:
        """Compose evpnd's configuration; a peer given as text is iBGP."""
        return {
            "router-id": self.router_id,
            "asn": asn,
            "vtep": {"address": self.vtep},
            "peers": [
                {"asn": asn, "local-address": self.session}
                | ({"address": peer} if isinstance(peer, str) else peer)
                for peer in peers
            ],
            "evis": evis or [],
            "log": {"level": "info", "format": "json"},
        } | more

    def evpnd(
        self,
        config: Mapping[str, object] | str,
        *arguments: str,
        stderr: int | None = None,
    ) -> Evpnd:
        """Start evpnd with this configuration; its log may go to a descriptor."""
        daemon = Evpnd(
            self.namespace, self.lab.directory, f"evpnd-{self.number}", config
        )
        self.lab.daemons.append(daemon)
        daemon.start(*arguments, stderr=stderr)
        return daemon

    def process(self, name: str, *argv: str) -> Process:
        """Start a command here; its output goes to a log in the lab's directory."""
        return self.lab.process(self.namespace, f"{name}-{self.number}", *argv)


class Lab:
    """The fabric: a context manager."""

    def __init__(
        self,
        prefix: str,
        hosts: int = 2,
        underlay: int = 4,
        *,
        keep: bool = False,
        root: Root = MACHINE,
    ) -> None:
        """``underlay`` is 4 or 6; ``keep`` leaves all in place at the end.

        ``root`` is where FRR and GoBGP are run from.
        """
        self.prefix = prefix
        self.root = root
        self.underlay = underlay
        self.keep = keep
        self.router = f"{prefix}-router"
        self.hosts = [
            Host(self, number, f"{prefix}-host{number}")
            for number in range(1, hosts + 1)
        ]
        self.directory = Path(tempfile.gettempdir(), f"{prefix}-lab")
        self.daemons: list[Evpnd] = []
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        """Make the namespaces, the underlay and the routes."""
        self.remove()
        # FRR's daemons drop their privileges and must still get at their files.
        self.directory.mkdir(mode=0o755)
        try:
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """End what was started, remove what was made; keep only what is whole."""
        if error or not self.keep:
            self.close()

    def close(self) -> None:
        """End the processes and remove namespaces and files."""
        try:
            for daemon in self.daemons:
                daemon.check_recording()
            for daemon in self.daemons:
                daemon.ask_to_stop()
            for process in reversed(self.processes):
                process.stop()
            for daemon in self.daemons:
                daemon.stop()
        finally:
            self.remove()

    def remove(self) -> None:
        """Remove the lab by name."""
        sweep(self.prefix)
        shutil.rmtree(self.directory, ignore_errors=True)

    def process(self, namespace: str, name: str, *argv: str) -> Process:
        """Start a command in a namespace, to be ended with the lab."""
        process = Process(namespace, argv, self.directory / f"{name}.log")
        self.processes.append(process)
        return process

    def __getitem__(self, number: int) -> Host:
        """Host by its number, from 1."""
        return self.hosts[number - 1]

    @property
    def tenants(self) -> list[Tenant]:
        """All tenants, host by host."""
        return [tenant for host in self.hosts for tenant in host.tenants]

    def known_macs(self) -> dict[tuple[int, str], str]:
        """Map (VNI, MAC) to the VTEP where the tenant is now."""
        return {(each.vni, each.mac): each.host.vtep for each in self.tenants}

    def known_ips(self) -> set[tuple[int, str]]:
        """Collect the (VNI, IP) of the tenants."""
        return {
            (each.vni, address)
            for each in self.tenants
            for address in (each.ip, each.ip6)
        }

    def logs(self, lines: int = 25) -> str:
        """Collect the ends of all logs, for the report of a failure."""
        parts = []
        for path in sorted(self.directory.rglob("*.log")):
            text = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {path.name}\n" + "\n".join(text))
        return "\n".join(parts)

    def _build(self) -> None:
        everyone = [self.router, *(host.namespace for host in self.hosts)]
        ip(f"netns add {name}" for name in everyone)
        for name in everyone:
            # No router advertisements, solicitations or listener reports of the
            # lab's own devices: what a counter then sees, the daemons sent.
            sysctl(
                name,
                {
                    "net/ipv4/ip_forward": int(name == self.router),
                    "net/ipv6/conf/all/forwarding": int(name == self.router),
                    "net/ipv6/conf/default/accept_ra": 0,
                    "net/ipv6/conf/default/accept_dad": 0,
                    "net/ipv6/conf/default/router_solicitations": 0,
                },
            )
        ip(
            f"link add host{host.number} mtu {UNDERLAY_MTU} netns {self.router}"
            f" type veth peer name eth0 mtu {UNDERLAY_MTU} netns {host.namespace}"
            for host in self.hosts
        )
        router = ["link set lo up"]
        router += [f"addr add {each}/32 dev lo" for each in [ROUTER_SESSION[4]]]
        router += [f"addr add {ROUTER_SESSION[6]}/128 dev lo nodad"]
        for host in self.hosts:
            router += self._router_port(host.number)
            ip(self._uplink(host.number), host.namespace)
        ip(router, self.router)

    def _router_port(self, number: int) -> list[str]:
        if self.underlay == 4:
            return [
                f"link set host{number} addrgenmode none",
                f"link set host{number} up",
                f"addr add 10.255.{number}.1/24 dev host{number}",
                f"route add {_vtep(4, number)}/32 via 10.255.{number}.2",
                f"route add {_session(4, number)}/32 via 10.255.{number}.2",
            ]
        return [
            f"link set host{number} up",
            f"addr add fd00:{number}::1/64 dev host{number} nodad",
            f"route add {_vtep(6, number)}/128 via fd00:{number}::2",
            f"route add {_session(6, number)}/128 via fd00:{number}::2",
        ]

    def _uplink(self, number: int) -> list[str]:
        if self.underlay == 4:
            return [
                "link set lo up",
                "link set eth0 addrgenmode none",
                "link set eth0 up",
                f"addr add {_vtep(4, number)}/32 dev lo",
                f"addr add {_session(4, number)}/32 dev lo",
                f"addr add 10.255.{number}.2/24 dev eth0",
                f"route add default via 10.255.{number}.1",
            ]
        return [
            "link set lo up",
            "link set eth0 up",
            f"addr add {_vtep(6, number)}/128 dev lo nodad",
            f"addr add {_session(6, number)}/128 dev lo nodad",
            f"addr add fd00:{number}::2/64 dev eth0 nodad",
            f"route add default via fd00:{number}::1",
        ]


def _vtep(family: int, number: int) -> str:
    return f"10.0.0.{number}" if family == 4 else f"fd00:ff::{number:x}"


def _session(family: int, number: int) -> str:
    return f"10.1.0.{number}" if family == 4 else f"fd00:fe::{number:x}"


def evi(vni: int, **more: object) -> dict[str, object]:
    """Compose the configuration of one EVI on ``br<vni>`` and ``vx<vni>``."""
    return {"vni": vni, "bridge": f"br{vni}", "vxlan": f"vx{vni}"} | more


MakeLab = Callable[..., Lab]
"""What the fixture of that name is: ``make_lab(hosts=2, underlay=4)``."""
