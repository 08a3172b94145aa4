"""A tenant: a machine with one interface, its port in a host's bridge."""

import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from integration.lab_kernel import local_macs
from integration.lab_netns import LabError, inside, ip, sysctl, wait_until
from lab.ping import PATIENCE, Ping, PingResult, checksum

if TYPE_CHECKING:
    from integration.lab import Host

BROADCAST = b"\xff" * 6
ETH_ARP = 0x0806
ETH_IPV6 = 0x86DD
ETH_EXPERIMENTAL = 0x88B5


@dataclass
class Tenant:
    """A virtual machine, as the host sees one."""

    name: str
    vni: int
    number: int
    namespace: str
    host: "Host"
    subnet: int = 100

    @property
    def mac(self) -> str:
        """02:00:00:00:00:NN."""
        return f"02:00:00:00:00:{self.number:02x}"

    @property
    def ip(self) -> str:
        """192.168.100.N, the same in every VNI, or 192.168.SUBNET.N."""
        return f"192.168.{self.subnet}.{self.number}"

    @property
    def ip6(self) -> str:
        """2001:db8:100::N, the same in every VNI, or 2001:db8:SUBNET::N."""
        return f"2001:db8:{self.subnet}::{self.number:x}"

    def build(self, host: str) -> None:
        """Make the namespace and the cable to the host's namespace."""
        ip([f"netns add {self.namespace}"])
        sysctl(
            self.namespace,
            {
                "net/ipv6/conf/default/accept_ra": 0,
                "net/ipv6/conf/default/router_solicitations": 0,
            },
        )
        here, there = f"netns {self.namespace}", f"name {self.name} netns {host}"
        ip([f"link add eth0 {here} address {self.mac} type veth peer {there}"])
        ip([f"link set {self.name} addrgenmode none"], host)
        ip(
            [
                "link set lo up",
                "link set eth0 addrgenmode none",
                "link set eth0 up",
                f"addr add {self.ip}/24 dev eth0",
                f"addr add {self.ip6}/64 dev eth0 nodad",
            ],
            self.namespace,
        )

    def attach(self) -> None:
        """Put the port into the host's bridge and take it up."""
        ip(
            [f"link set {self.name} master br{self.vni}", f"link set {self.name} up"],
            self.host.namespace,
        )

    def unplug(self) -> None:
        """Take the port down: the machine was switched off."""
        ip([f"link set {self.name} down"], self.host.namespace)

    def move(self, to: "Host") -> None:
        """Migrate live: the interface stays, the other end of its cable moves.

        The machine says where it is now, as a hypervisor does for it.
        """
        ip(
            [f"link set {self.name} netns {to.namespace}"],
            self.host.namespace,
        )
        self.host.tenants.remove(self)
        to.tenants.append(self)
        self.host = to
        ip([f"link set {self.name} addrgenmode none"], to.namespace)
        self.attach()
        # As QEMU does after a migration: a switch port takes its time to forward.
        for pause in (0, 0.05, 0.15, 0.25, 0.35):
            time.sleep(pause)
            self.announce()

    def ping(
        self,
        target: str,
        count: int = 3,
        interval: float = 0.05,
        patience: float = PATIENCE,
    ) -> PingResult:
        """Send echo requests and wait for the answers; times in seconds."""
        return Ping(self.namespace, target, interval, patience).count(count)

    def expect_ping(self, target: str, count: int = 3, within: float = 5) -> None:
        """LabError unless every request is answered once.

        A first answer may take ``within`` seconds: the kernel reports a new
        cable's carrier up to a second late.
        """
        wait_until(
            lambda: self.ping(target, 1, patience=0.2).received,
            within,
            f"an answer for {self.name} from {target}",
        )
        result = self.ping(target, count)
        if result.loss or result.duplicates:
            raise LabError(f"{self.name} to {target}: {result}, lost {result.lost}")

    def pinging(self, target: str, interval: float = 0.01) -> Ping:
        """Send requests at an interval (seconds) while the context lasts."""
        return Ping(self.namespace, target, interval)

    def announce(self) -> None:
        """Send a gratuitous ARP and an unsolicited neighbour advertisement."""
        self.send(*self.announcements())

    def announcements(self) -> tuple[bytes, bytes]:
        """Compose what a machine says when it starts, or after a move."""
        return self._gratuitous_arp(), self._unsolicited_advertisement()

    def speak_as(self, *macs: str) -> None:
        """Send a broadcast frame from each of these MACs; it carries no address."""
        kind = ETH_EXPERIMENTAL.to_bytes(2, "big")
        self.send(
            *(
                BROADCAST + bytes.fromhex(mac.replace(":", "")) + kind + bytes(46)
                for mac in macs
            )
        )

    def speak_to(self, mac: str) -> None:
        """Send a frame to a MAC; it carries no address."""
        target = bytes.fromhex(mac.replace(":", ""))
        kind = ETH_EXPERIMENTAL.to_bytes(2, "big")
        self.send(target + self._mac_octets + kind + bytes(46))

    def send(self, *frames: bytes) -> None:
        """Send Ethernet frames as they are."""
        with self.raw_socket() as sender:
            for frame in frames:
                sender.send(frame)

    def raw_socket(self) -> socket.socket:
        """Open a socket that sends Ethernet frames and receives none.

        For who sends many of them: closing one takes the kernel milliseconds.
        """
        with inside(self.namespace):
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind(("eth0", 0))
        return sender

    def is_learned(self, mac: str | None = None) -> bool:
        """Return whether the host's bridge has a MAC, its own by default, here."""
        return (mac or self.mac) in local_macs(self.host.namespace, self.name)

    def is_watched(self) -> bool:
        """Return whether a program on the host reads the frames of its port."""
        with (
            inside(self.host.namespace),
            open("/proc/thread-self/net/packet") as sockets,  # noqa: PTH123
        ):
            port = str(socket.if_nametoindex(self.name))
            return any(line.split()[4] == port for line in sockets)

    def echoes_answered(self) -> int:
        """How many echo requests (IPv4) this machine has received so far."""
        with (
            inside(self.namespace),
            open("/proc/thread-self/net/snmp") as counters,  # noqa: PTH123
        ):
            names, values = (
                line.split() for line in counters if line.startswith("Icmp:")
            )
        return int(values[names.index("InEchos")])

    def forget_neighbors(self) -> None:
        """Empty the ARP and ND caches."""
        ip(["neigh flush dev eth0"], self.namespace)

    @property
    def _mac_octets(self) -> bytes:
        return bytes.fromhex(self.mac.replace(":", ""))

    def _gratuitous_arp(self) -> bytes:
        own = socket.inet_aton(self.ip)
        return arp_request(self._mac_octets, own, own)

    def _unsolicited_advertisement(self) -> bytes:
        source = IPv6Address(self.ip6).packed
        destination = IPv6Address("ff02::1").packed
        message = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + source
        message += b"\x02\x01" + self._mac_octets
        pseudo = source + destination + struct.pack("!II", len(message), 58)
        total = checksum(pseudo + message)
        message = message[:2] + total.to_bytes(2, "big") + message[4:]
        head = struct.pack("!IHBB", 6 << 28, len(message), 58, 255)
        ethernet = b"\x33\x33\0\0\0\x01" + self._mac_octets
        ethernet += ETH_IPV6.to_bytes(2, "big")
        return ethernet + head + source + destination + message


def arp_request(mac: bytes, sender: bytes, target: bytes) -> bytes:
    """Compose an ARP request, broadcast (RFC 826); to oneself: gratuitous."""
    return (
        BROADCAST
        + mac
        + struct.pack("!HHHBBH", ETH_ARP, 1, 0x0800, 6, 4, 1)
        + mac
        + sender
        + bytes(6)
        + target
    )
