"""FRR as a leaf or a route reflector: its daemons in a namespace of the lab.

The FRR is that of the lab's root. Before FRR 10 these are zebra and bgpd; since then
zebra takes its settings from mgmtd.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from integration.lab import ROUTER_SESSION, Host, Lab
from integration.lab_netns import LabError, Process, ip, run, sysctl, wait_until
from integration.roots import MACHINE

DAEMONS = Path("/usr/lib/frr")
CONNECT = 1
"""Seconds between connection attempts."""


def is_installed() -> bool:
    """Return whether the Debian package is here."""
    return MACHINE.has(f"{DAEMONS}/bgpd")


_RUN = Path("/run/frr")
"""Where FRR has its sockets. Each Frr sees a folder of its own there."""
_FILE = ("-f", str(_RUN / "frr.conf"))


class Frr:
    """zebra and bgpd with files and sockets of their own, and mgmtd where there is."""

    def __init__(self, lab: Lab, namespace: str, configuration: Sequence[str]) -> None:
        """Start all; the configuration is lines of frr.conf."""
        self.namespace = namespace
        self._lab = lab
        self._root = lab.root
        self._directory = lab.directory / f"frr-{namespace}"
        self._directory.mkdir()
        (self._root.path / _RUN.relative_to("/")).mkdir(exist_ok=True)
        lines = [
            f"hostname {namespace}",
            f"log file {_RUN / 'frr.log'} informational",
            "ip nht resolve-via-default",
            *configuration,
        ]
        file = self._directory / "frr.conf"
        file.write_text("\n".join(lines) + "\n")
        for path in (self._directory, file):
            self._root.give(path, "frr")
        if self._root.has(f"{DAEMONS}/mgmtd"):
            self._start("mgmtd", "mgmtd_be.sock")
        self.start_zebra()
        self.start_bgpd()

    def start_zebra(self, *arguments: str) -> None:
        """Start zebra, and wait until bgpd can connect."""
        self.zebra = self._start("zebra", "zserv.api", *_FILE, *arguments)

    def start_bgpd(self) -> None:
        """Start bgpd, and wait until vtysh can connect."""
        self.bgpd = self._start("bgpd", "bgpd.vty", *_FILE)

    def _start(self, daemon: str, name: str, *arguments: str) -> Process:
        # A killed daemon leaves its socket behind.
        (self._directory / name).unlink(missing_ok=True)
        process = self._lab.process(
            self.namespace,
            f"{daemon}-{self.namespace}",
            *self._inside(str(DAEMONS / daemon), "-A", "127.0.0.1", *arguments),
        )
        path = self._directory / name
        wait_until(path.exists, 10, f"{daemon}'s {name}", seen=process.tail)
        return process

    def _inside(self, *argv: str) -> list[str]:
        return self._root.command(argv, {str(_RUN): self._directory})

    def vtysh(self, *commands: str) -> str:
        """Run commands in vtysh, one after the other."""
        words = [word for command in commands for word in ("-c", command)]
        return run(self._inside("vtysh", *words))

    def show(self, command: str) -> dict[str, object]:
        """Run one ``show ... json``."""
        found = json.loads(self.vtysh(command) or "{}")
        if not isinstance(found, dict):
            raise LabError(f"{command}: {found}")
        return found

    def wait_established(self, number: int = 1, timeout: float = 20) -> None:
        """Wait for a number of established EVPN sessions."""

        def count() -> bool:
            peers = self.show("show bgp l2vpn evpn summary json").get("peers", {})
            assert isinstance(peers, dict)
            up = [each for each in peers.values() if each["state"] == "Established"]
            return len(up) >= number

        wait_until(
            count,
            timeout,
            f"{number} sessions of FRR established",
            interval=0.2,
            seen=lambda: self.vtysh("show bgp l2vpn evpn summary"),
        )

    def macs(self, vni: int) -> dict[str, dict[str, object]]:
        """``show evpn mac vni``: what is local and what is remote."""
        found = self.show(f"show evpn mac vni {vni} json").get("macs", {})
        return found if isinstance(found, dict) else {}

    def remote_macs(self, vni: int) -> dict[str, str]:
        """Map remote MACs to their VTEPs."""
        return {
            mac: str(entry.get("remoteVtep", ""))
            for mac, entry in self.macs(vni).items()
            if entry.get("type") == "remote"
        }

    def remote_ips(self, vni: int) -> dict[str, str]:
        """Map remote IPs to their MACs."""
        found = self.show(f"show evpn arp-cache vni {vni} json")
        return {
            key: str(entry.get("mac", ""))
            for key, entry in found.items()
            if isinstance(entry, dict) and entry.get("type") == "remote"
        }

    def sequence(self, vni: int, mac: str) -> int:
        """Read the mobility sequence of whoever FRR says has a MAC; -1: nobody."""
        entry = self.macs(vni).get(mac)
        if entry is None:
            return -1
        found = entry[f"{entry['type']}Sequence"]
        assert isinstance(found, int)
        return found

    def mac_routes(self, mac: str) -> set[tuple[str, int]]:
        """Collect (next hop, sequence) of the best paths of all routes of a MAC."""
        table = self.show("show bgp l2vpn evpn route type macip json")
        found = set()
        for routes in table.values():
            if not isinstance(routes, dict):
                continue
            for key, route in routes.items():
                if f"[{mac}]" not in key:
                    continue
                for path in itertools.chain(*route["paths"]):
                    if "bestpath" not in path:
                        continue
                    words = path["extendedCommunity"]["string"].replace(",", "").split()
                    marks = [word for word in words if word.startswith("MM:")]
                    sequence = int(marks[0].removeprefix("MM:")) if marks else 0
                    found |= {(hop["ip"], sequence) for hop in path["nexthops"]}
        return found

    def routes(self) -> str:
        """All EVPN routes with their attributes, as text."""
        return self.vtysh("show bgp l2vpn evpn route detail")


def _router(asn: int, router_id: str) -> list[str]:
    return [
        f"router bgp {asn}",
        f" bgp router-id {router_id}",
        " no bgp default ipv4-unicast",
        " no bgp ebgp-requires-policy",
        " timers bgp 3 9",
    ]


def _neighbor(address: str, asn: int, source: str, *, external: bool) -> list[str]:
    lines = [
        f" neighbor {address} remote-as {asn}",
        f" neighbor {address} update-source {source}",
        f" neighbor {address} timers connect {CONNECT}",
    ]
    if external:
        lines.append(f" neighbor {address} ebgp-multihop 8")
    return lines


def leaf(
    host: Host,
    peers: dict[str, int],
    *,
    asn: int = 65001,
    svi: dict[int, str] | None = None,
    neighbor: Sequence[str] = (),
    router: Sequence[str] = (),
    family: Sequence[str] = (),
    more: Sequence[str] = (),
) -> Frr:
    """Start a leaf on a host whose devices are prepared.

    ``peers`` maps session addresses to AS numbers. ``svi`` gives the bridges of
    these VNIs an address, so that the kernel, and thereby zebra, learns bindings.
    ``neighbor`` are more lines for each peer, ``router`` more lines below
    ``router bgp``, ``family`` below ``address-family l2vpn evpn``, ``more`` at the end.
    """
    for vni, address in (svi or {}).items():
        ip([f"addr add {address} dev br{vni}"], host.namespace)
        sysctl(host.namespace, {f"net/ipv4/conf/br{vni}/arp_accept": 1})
    lines = _router(asn, host.router_id)
    for address, remote in peers.items():
        lines += _neighbor(address, remote, host.session, external=remote != asn)
        lines += [f" neighbor {address} {line}" for line in neighbor]
    lines += [*(f" {line}" for line in router), " address-family l2vpn evpn"]
    lines += [f"  neighbor {address} activate" for address in peers]
    lines += [f"  {line}" for line in ("advertise-all-vni", *family)]
    lines += [" exit-address-family", "exit", *more]
    return Frr(host.lab, host.namespace, lines)


def reflector(
    lab: Lab,
    *,
    asn: int = 65001,
    clients: Sequence[Host] | None = None,
    router: Sequence[str] = (),
) -> Frr:
    """Start a route reflector on the underlay router, for every host by default.

    ``router`` are more lines below ``router bgp``.
    """
    own = ROUTER_SESSION[lab.underlay]
    addresses = [host.session for host in (lab.hosts if clients is None else clients)]
    lines = [*_router(asn, ROUTER_SESSION[4]), f" bgp cluster-id {ROUTER_SESSION[4]}"]
    lines += [f" {line}" for line in router]
    for address in addresses:
        lines += _neighbor(address, asn, own, external=False)
    lines.append(" address-family l2vpn evpn")
    for address in addresses:
        lines += [
            f"  neighbor {address} activate",
            f"  neighbor {address} route-reflector-client",
        ]
    lines.append(" exit-address-family")
    return Frr(lab, lab.router, lines)


def spine(
    lab: Lab, asns: dict[int, int], *, asn: int = 65100, family: Sequence[str] = ()
) -> Frr:
    """Start an eBGP spine on the underlay router.

    ``asns`` maps numbers of hosts to their AS, ``family`` are more lines for each
    of them below ``address-family l2vpn evpn``.
    """
    own = ROUTER_SESSION[lab.underlay]
    lines = _router(asn, ROUTER_SESSION[4])
    for number, remote in asns.items():
        lines += _neighbor(lab[number].session, remote, own, external=True)
    lines.append(" address-family l2vpn evpn")
    for number in asns:
        address = lab[number].session
        lines.append(f"  neighbor {address} activate")
        lines += [f"  neighbor {address} {line}" for line in family]
    lines.append(" exit-address-family")
    return Frr(lab, lab.router, lines)
