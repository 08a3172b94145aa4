"""One VXLAN device with the rows of many EVIs: `python -m integration.vnis_bench`.

A core and a netlink adapter, without sessions, in a namespace of a kernel that filters
VLANs (`python -m integration.guest python -m integration.vnis_bench`). Routes for the
MACs of all EVIs are handed to the core: with an empty device, as at the first start;
with the rows of an agent that was killed; and in a running agent notifications of rows
are lost. Each time, how long it takes until the rows are known and as they should be.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from evpnd.adapters.netlink import dump
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.events import (
    Event,
    FdbDumped,
    KernelOverran,
    PeerWentUp,
    UpdateReceived,
)
from evpnd.model.ids import parse_rd, parse_route_target
from evpnd.model.routes import MacIpBatch, PathAttributes, Update
from integration import drift_bench
from integration.drift_bench import NEAR, OPEN, PEER, Agent, bench_alone
from integration.lab_netns import inside, ip, run
from integration.netlink_bench import VTEP, Bench, mac

FIRST_VNI, FIRST_VLAN = 10_001, 1


def make_device(bench: Bench, evis: int) -> None:
    """Make bridge br1 with VXLAN device vx1, and map VLANs to VNIs on it."""
    quiet = "vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0"
    device = f"external vnifilter dstport 4790 local {VTEP} nolearning"
    vnis = f"{FIRST_VNI}-{FIRST_VNI + evis - 1}"
    vlans = f"{FIRST_VLAN}-{FIRST_VLAN + evis - 1}"
    bench.ip(
        f"link add br1 type bridge {quiet}",
        f"link add vx1 type vxlan {device}",
        "link set vx1 master br1",
        "link set dev vx1 type bridge_slave vlan_tunnel on learning off",
        "link set br1 up",
        "link set vx1 up",
    )
    for words in (
        f"vni add vni {vnis} dev vx1",
        f"vlan add vid {vlans} dev vx1",
        f"vlan add vid {vlans} dev vx1 tunnel_info id {vnis}",
    ):
        run(["bridge", "-n", bench.namespace, *words.split()])


def yaml(evis: int) -> str:
    """Return a configuration with an EVI for each VNI."""
    vnis = f"{FIRST_VNI}-{FIRST_VNI + evis - 1}"
    vlans = f"{FIRST_VLAN}-{FIRST_VLAN + evis - 1}"
    return f"""
asn: 65000
vtep: {{address: {VTEP}, udp-port: 4790}}
peers: [{{address: {PEER}, asn: 65000}}]
evis: [{{vnis: {vnis}, vlans: {vlans}, bridge: br1, vxlan: vx1, suppress: false}}]
"""


def routes(vni: int, macs: list[bytes]) -> UpdateReceived:
    """Announce MACs in a VNI."""
    target = parse_route_target(f"65000:{vni}")
    path = PathAttributes(next_hop=NEAR, route_targets=(target,))
    rd = parse_rd(f"10.0.0.2:{vni - FIRST_VNI}")
    batch = MacIpBatch(rd, bytes(4), bytes(10), vni.to_bytes(3), macs)
    return UpdateReceived(PEER, Update(path, [batch], [], [], []))


class Clock:
    """Wall time and processor time of this process, since it was made."""

    def __init__(self) -> None:
        """Start."""
        self._at, self._cpu = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        spent = time.process_time() - self._cpu
        return f"{time.monotonic() - self._at:.2f} s ({spent:.2f} s of processor time)"


class Reader(Agent):
    """An agent that counts what it reads."""

    def __init__(self, folder: Path) -> None:
        """Put it together."""
        self.dumps = 0
        super().__init__(folder)

    def take(self, event: Event) -> None:
        """Hand an event to the core."""
        self.dumps += isinstance(event, FdbDumped)
        super().take(event)


async def until(
    agent: Reader, reached: Callable[[MacVrf], bool], *, dumps: int = 0
) -> None:
    """Wait until all EVIs are so far and nothing waits to be written."""
    vrfs = agent.engine.inventory.vrfs
    while agent.dumps < dumps or not all(map(reached, vrfs.values())):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    await agent.written()


async def start(folder: Path, evis: int, macs: int) -> Reader:
    """Start an agent, and give it the routes."""
    agent = Reader(folder)
    clock = Clock()
    await agent.kernel.start()
    agent.turn()
    agent.take(PeerWentUp(PEER))
    for each in range(evis):
        agent.take(routes(FIRST_VNI + each, [mac(number) for number in range(macs)]))
    agent.take(UpdateReceived(PEER, OPEN))
    await until(agent, lambda vrf: vrf.ready)
    print(f"  ready after {clock}", flush=True)
    await until(agent, lambda vrf: vrf.ready and len(vrf.fdb.actual) == macs)
    print(f"  rows known after {clock}", flush=True)
    return agent


async def measure(folder: Path, evis: int, macs: int) -> None:
    """Measure, and print."""
    print(f"{evis} VNIs of {macs} MACs each")
    print("first start:")
    agent = await start(folder, evis, macs)
    await agent.kernel.close()
    print("start after the agent was killed:")
    agent = await start(folder, evis, macs)
    if agent.dumps:
        await lose_notifications(agent, macs)
    await agent.kernel.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory of this process: {peak} MiB")


async def lose_notifications(agent: Reader, macs: int) -> None:
    """Measure how long it takes until the device was read anew."""
    print("notifications were lost:")
    clock = Clock()
    agent.take(KernelOverran("the bench says so"))
    await until(agent, lambda vrf: len(vrf.fdb.actual) == macs, dumps=agent.dumps + 1)
    print(f"  rows known after {clock}, a pause of 1 s among them", flush=True)


def main() -> None:
    """Run once and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evis", type=int, default=1000)
    parser.add_argument("--macs", type=int, default=100, help="of each EVI")
    parser.add_argument("--parts", action="store_true", help="read it by parts")
    given = parser.parse_args()
    if given.parts:
        dump.LARGE_BRIDGE = dump.LARGE
    drift_bench.YAML = yaml(given.evis)
    with (
        bench_alone() as bench,
        tempfile.TemporaryDirectory() as folder,
    ):
        make_device(bench, given.evis)
        ip(["link set lo up"], bench.namespace)
        with inside(bench.namespace):
            asyncio.run(measure(Path(folder), given.evis, given.macs))


if __name__ == "__main__":
    main()
