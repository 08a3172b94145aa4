"""GoBGP as a route reflector, on the underlay router or on a host.

The GoBGP is that of the lab's root.
"""

import json

from integration.lab import ROUTER_SESSION, Host, Lab
from integration.lab_netns import Process, run, wait_until

API = "127.0.0.1:50051"
_MOUNTED = "/mnt"
"""Where gobgpd sees its folder."""


class GoBgp:
    """gobgpd with every other host of the lab as a route reflector client."""

    def __init__(
        self,
        lab: Lab,
        *,
        asn: int = 65001,
        on: Host | None = None,
        graceful_restart: int = 0,
    ) -> None:
        """Start it; it waits for its clients to connect.

        ``graceful_restart`` is in seconds; 0: not offered.
        """
        self.address = on.session if on else ROUTER_SESSION[lab.underlay]
        self.namespace = on.namespace if on else lab.router
        self._lab = lab
        router_id = on.router_id if on else ROUTER_SESSION[4]
        text = _HEAD.format(asn=asn, own=self.address, router_id=router_id)
        for host in lab.hosts:
            if host is not on:
                text += _NEIGHBOR.format(
                    address=host.session, asn=asn, own=self.address, cluster=router_id
                )
                if graceful_restart:
                    text += _GRACEFUL_RESTART.format(seconds=graceful_restart)
        self._directory = lab.directory / f"gobgp-{self.namespace}"
        self._directory.mkdir()
        (self._directory / "gobgpd.toml").write_text(text)
        self.process = self._start()

    def _start(self, *arguments: str) -> Process:
        return self._lab.process(
            self.namespace,
            f"gobgpd-{self.namespace}",
            *self._inside("gobgpd", "-t", "toml", "-f", f"{_MOUNTED}/gobgpd.toml"),
            *("--api-hosts", API, "--syslog", "no", *arguments),
        )

    def _inside(self, *argv: str) -> list[str]:
        return self._lab.root.command(argv, {_MOUNTED: self._directory})

    def restart(self, *, graceful: bool = False) -> None:
        """Start it again after its end, telling its clients that it restarted."""
        self.process = self._start(*(["--graceful-restart"] if graceful else []))

    def neighbors(self) -> dict[str, bool]:
        """Map session addresses to whether the session is established."""
        words = self._inside("gobgp", "-j", "neighbor")
        found = json.loads(run(["ip", "netns", "exec", self.namespace, *words]))
        return {
            each["conf"]["neighbor_address"]: each["state"].get("session_state") == 6
            for each in found
        }

    def wait_established(self, number: int, timeout: float = 30) -> None:
        """Wait for a number of established sessions."""
        wait_until(
            lambda: sum(self.neighbors().values()) >= number,
            timeout,
            f"{number} sessions of GoBGP established",
            interval=0.2,
            seen=lambda: (self.neighbors(), self.process.tail()),
        )


_HEAD = """
[global.config]
  as = {asn}
  router-id = "{router_id}"
  port = 179
  local-address-list = ["{own}"]
"""

_NEIGHBOR = """
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{address}"
    peer-as = {asn}
  [neighbors.transport.config]
    local-address = "{own}"
    passive-mode = true
  [neighbors.timers.config]
    connect-retry = 5
    hold-time = 9
    keepalive-interval = 3
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "{cluster}"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "l2vpn-evpn"
"""

_GRACEFUL_RESTART = """
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = {seconds}
"""
