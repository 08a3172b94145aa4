"""GoBGP as a route reflector on the underlay router."""

import json
import shutil

from integration.lab import ROUTER_SESSION, Lab
from integration.lab_netns import Process, run, wait_until

API = "127.0.0.1:50051"


def is_installed() -> bool:
    """Tell whether the Debian package is here."""
    return shutil.which("gobgpd") is not None


class GoBgp:
    """gobgpd with every host of the lab as a passive route reflector client."""

    def __init__(self, lab: Lab, *, asn: int = 65001) -> None:
        """Start it."""
        self.namespace = lab.router
        own = ROUTER_SESSION[lab.underlay]
        text = _HEAD.format(asn=asn, own=own) + "".join(
            _NEIGHBOR.format(address=host.session, asn=asn, own=own)
            for host in lab.hosts
        )
        file = lab.directory / "gobgpd.toml"
        file.write_text(text)
        self.process: Process = lab.process(
            lab.router,
            "gobgpd",
            *("gobgpd", "-t", "toml", "-f", str(file)),
            *("--api-hosts", API, "--syslog", "no"),
        )

    def neighbors(self) -> dict[str, bool]:
        """Map session addresses to whether the session is established."""
        words = ["ip", "netns", "exec", self.namespace, "gobgp", "-j", "neighbor"]
        found = json.loads(run(words))
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
            seen=self.process.tail,
        )


_HEAD = """
[global.config]
  as = {asn}
  router-id = "10.1.0.254"
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
    route-reflector-cluster-id = "10.1.0.254"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "l2vpn-evpn"
"""
