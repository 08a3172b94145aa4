"""Three hosts, two VNIs, no route reflector, checked as it goes: `make demo`.

Each host has a tenant in VNI 10100 and one in VNI 10200, and the two have the
same MAC and the same IP addresses, so that only the VNI tells them apart. The
exit status is 0 only where every check held. With KEEP=1 in the environment the
lab stays, and the end says how to look around.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from integration.frames import FrameCounter, Kind, Known
from integration.lab import Lab, evi
from integration.lab_evpnd import Evpnd, command
from integration.lab_fabric import converge, expect_flood, expect_rows
from integration.lab_netns import LabError, wait_until
from integration.lab_tenant import Tenant
from lab.ping import PingResult

PREFIX = "evpnd-demo"
RED, BLUE = 10100, 10200
ONLY_BLUE = 99
"""Number of a tenant that has no twin in the other VNI."""
MOVE_LIMIT = 1.0
"""Seconds of silence that a move may cost."""


class Demo:
    """The steps; each check prints its outcome, and the last word counts them."""

    def __init__(self, lab: Lab) -> None:
        """Run in this lab."""
        self.lab = lab
        self.daemons: list[Evpnd] = []
        self.failed = 0
        self.held = 0

    def check(self, text: str, *, holds: bool, detail: object = "") -> None:
        """Print one outcome."""
        print(f"  {'ok    ' if holds else 'FAILED'}  {text}", flush=True)
        if holds:
            self.held += 1
        else:
            self.failed += 1
            if detail:
                print("          " + str(detail).replace("\n", "\n          "))

    @contextmanager
    def checking(self, text: str) -> Iterator[None]:
        """Take a LabError inside for the failure of this check."""
        start = time.monotonic()
        try:
            yield
        except LabError as error:
            self.check(text, holds=False, detail=error)
        else:
            spent = time.monotonic() - start
            self.check(f"{text} ({spent:.1f} s)", holds=True)

    def run(self) -> None:
        """Do all of it."""
        self.build()
        self.sessions()
        self.routes()
        self.isolation()
        self.underlay()
        self.tables()
        self.reasons()
        self.move()

    def build(self) -> None:
        """Namespaces, tenants, one evpnd a host."""
        section("three hosts around a router, each with evpnd and a tenant a VNI")
        for host in self.lab.hosts:
            managed = host.number != 3
            if not managed:
                host.prepare(RED)
                host.prepare(BLUE)
            ports = {
                RED: [
                    host.tenant(
                        f"red{host.number}", RED, 10 + host.number, attach=not managed
                    )
                ],
                BLUE: [
                    host.tenant(
                        f"blue{host.number}", BLUE, 10 + host.number, attach=not managed
                    )
                ],
            }
            if not managed:
                ports[BLUE].append(host.tenant("lone3", BLUE, ONLY_BLUE))
            devices = (
                "makes its own devices" if managed else "finds its devices prepared"
            )
            names = ", ".join(each.name for each in host.tenants)
            print(f"  host{host.number}  VTEP {host.vtep}  {devices}  tenants {names}")
            evis = [
                evi(
                    vni,
                    name="red" if vni == RED else "blue",
                    manage=managed,
                    ports=[each.name for each in tenants] if managed else [],
                )
                for vni, tenants in ports.items()
            ]
            others = (each.session for each in self.lab.hosts if each is not host)
            self.daemons.append(host.evpnd(host.config(*others, evis=evis)))
        print("  redN and blueN have the same MAC and the same IP addresses")

    def sessions(self) -> None:
        """BGP comes up, host to host."""
        section("BGP sessions: iBGP, AS 65001, every host with every other")
        for daemon in self.daemons:
            with self.checking(f"{daemon.path.stem}: 2 sessions established"):
                daemon.wait_established(2)
            with self.checking(f"{daemon.path.stem}: 2 EVIs ready"):
                daemon.wait_ready(2)

    def routes(self) -> None:
        """Every host knows every tenant."""
        section("routes: what each host learned and put into its kernel")
        hosts = self.lab.hosts
        for host in hosts:
            for vni in (RED, BLUE):
                with self.checking(f"host{host.number} VNI {vni}: flood list complete"):
                    expect_flood(
                        host, vni, (each for each in hosts if each is not host)
                    )
        with self.checking("all hosts: rows of all remote MACs and bindings"):
            converge(self.lab)
        for daemon in self.daemons:
            found = daemon.show("routes")
            best = sum(1 for row in found if row["best"])
            self.check(
                f"{daemon.path.stem}: {len(found)} routes, {best} in use",
                holds=best > 0,
            )

    def isolation(self) -> None:
        """Ask within each VNI, where the right tenant answers, and across."""
        section("tenants reach each other within a VNI, and never across")
        for vni, name in ((RED, "red"), (BLUE, "blue")):
            for one, other in ((1, 2), (2, 3), (3, 1)):
                self._right_one_answers(vni, f"{name}{one}", f"{name}{other}")
        lone = self._tenant("lone3")
        for name, reachable in (("blue1", True), ("red1", False), ("red3", False)):
            result = self._tenant(name).ping(lone.ip, 3, patience=0.5)
            expected = 3 if reachable else 0
            self.check(
                f"{name} to lone3, only in VNI {BLUE}: {result.received} of 3 answered",
                holds=result.received == expected,
                detail=result,
            )

    def _right_one_answers(self, vni: int, source: str, target: str) -> None:
        right = self._tenant(target)
        twin = self._tenant(
            target.replace("red", "blue")
            if vni == RED
            else target.replace("blue", "red")
        )
        with self.checking(f"{source} reaches {target}"):
            self._tenant(source).expect_ping(right.ip, 1)
        before = right.echoes_answered(), twin.echoes_answered()
        four = self._tenant(source).ping(right.ip)
        counted = (
            right.echoes_answered() - before[0],
            twin.echoes_answered() - before[1],
        )
        six = self._tenant(source).ping(right.ip6)
        self.check(
            f"{source} to {target}: {four.received} of 3 answered, IPv6 {six.received}"
            f" of 3; {right.name} was asked {counted[0]} times, {twin.name}"
            f" {counted[1]} times",
            holds=four.loss == six.loss == 0 and counted == (3, 0),
            detail=f"{four}; {six}",
        )

    def underlay(self) -> None:
        """Nothing that is known crosses the underlay twice, or as a question."""
        section("the underlay, while every tenant asks for and pings every other")
        with FrameCounter(self.lab.router, self._known()) as counter:
            for source in self.lab.tenants:
                source.forget_neighbors()
            results = [source.ping(target, 3, 0.02) for source, target in self._pairs()]
        report = counter.report
        total = PingResult(
            sent=sum(each.sent for each in results),
            received=sum(each.received for each in results),
        )
        self.check(
            f"{total.received} of {total.sent} pings answered, caches empty at first",
            holds=total.loss == 0,
        )
        self._judge(counter)
        print(f"          {report[Kind.KNOWN]} frames went {Kind.KNOWN.value}")

        self._control()

    def _control(self) -> None:
        """Send what has to be flooded: a counter that sees none of it is blind."""
        red1 = self._tenant("red1")
        with FrameCounter(self.lab.router, self._known()) as counter:
            red1.speak_to("02:00:00:00:99:99")
            time.sleep(0.3)
        copies = counter.report[Kind.UNKNOWN]
        others = len(self.lab.hosts) - 1
        self.check(
            f"a frame of red1 to a MAC that nobody has: {copies} copies, one to each"
            " other host",
            holds=copies == others,
            detail=counter.report,
        )

    def _judge(self, counter: FrameCounter) -> None:
        report = counter.report
        for kind, text in NEVER.items():
            self.check(
                f"{text}: {report[kind]}",
                holds=report[kind] == 0 and report.dropped == 0,
                detail=report,
            )

    def tables(self) -> None:
        """Print what an operator sees."""
        section("what evpnd on host1 shows")
        for what in ("peers", "evis", "vteps", "macs", "neighbors"):
            self._say("show", what)

    def reasons(self) -> None:
        """Print why a MAC is where it is, and what is wrong with the host."""
        section("why a tenant is where it is, and whether anything is wrong")
        self._say("explain", self._tenant("lone3").mac)
        host1 = self.daemons[0]
        said = host1.run("doctor", "-c", str(host1.path)).stdout.splitlines()
        found = [line for line in said if not line.startswith("ok ")]
        print("  $ evpnd doctor          # without the checks that found nothing")
        print("  " + "\n  ".join(found))
        self.check(
            "evpnd doctor finds no fault",
            holds=found[-1:] != [] and found[-1].startswith("0 faults"),
        )

    def _say(self, *words: str) -> None:
        """Print a command of host1 and its answer."""
        host1 = self.daemons[0]
        done = host1.run(*words, "--socket", str(host1.socket))
        text = " ".join(["evpnd", *words])
        print(f"  $ {text}")
        print("  " + done.stdout.rstrip().replace("\n", "\n  "))
        self.check(text, holds=done.returncode == 0, detail=done.stderr)

    def move(self) -> None:
        """Move a tenant to another host while another pings it."""
        section("red2 moves from host2 to host3 while red1 pings it every 10 ms")
        red1, red2 = self._tenant("red1"), self._tenant("red2")
        with red1.pinging(red2.ip) as ping:
            wait_until(lambda: ping.answered >= 30, 10, "30 answers before the move")
            red2.move(self.lab[3])
            seen = ping.answered
            with self.checking("red2 answers at its new host"):
                wait_until(lambda: ping.answered >= seen + 100, 10, "100 answers")
        result = ping.result()
        self.check(
            f"the gap in its ping: {result.gap * 1000:.0f} ms"
            f" ({result.loss} of {result.sent} pings lost)",
            holds=result.received > 0 and result.gap < MOVE_LIMIT,
            detail=result,
        )
        with self.checking("every host has its rows at the new place"):
            for host in self.lab.hosts:
                others = (each for each in self.lab.tenants if each.host is not host)
                expect_rows(host, others)
        with FrameCounter(self.lab.router, self._known()) as counter:
            red2.forget_neighbors()
            again = [red1.ping(red2.ip), red2.ping(self._tenant("red3").ip)]
        self.check("and pings lose nothing", holds=not sum(each.loss for each in again))
        self._judge(counter)

    def _pairs(self) -> list[tuple[Tenant, str]]:
        return [
            (source, address)
            for source in self.lab.tenants
            for target in self.lab.tenants
            if source is not target and source.vni == target.vni
            for address in (target.ip, target.ip6)
        ]

    def _known(self) -> Known:
        return Known(self.lab.known_macs(), self.lab.known_ips())

    def _tenant(self, name: str) -> Tenant:
        return next(each for each in self.lab.tenants if each.name == name)


NEVER = {
    Kind.FLOODED: "frames to known MACs that went to another VTEP (flooded)",
    Kind.UNKNOWN: "frames to MACs that nobody knew",
    Kind.ANSWERABLE: "ARP and ND requests for known addresses (not answered locally)",
    Kind.MULTICAST: "multicast frames",
}
"""What must not be seen in the underlay, in plain words."""

NEXT = (
    "next: make demo KEEP=1 lets you look around; docs/prepare-host.md: your own host"
)
NEXT_KEPT = "next: the commands above; then docs/prepare-host.md: your own host"
"""Where to go from here, in one line."""


def section(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def guide(lab: Lab, daemons: list[Evpnd]) -> None:
    """Say how to look around in a lab that was kept."""
    section("the lab is still up (KEEP=1)")
    evpnd, socket = " ".join(command()), daemons[0].socket
    far = lab[3].tenants[0].mac
    print("  a tenant's view, the kernel's rows, evpnd's own view:")
    for words in (
        f"ip netns exec {PREFIX}-red1 ping 192.168.100.13",
        f"bridge -n {lab[1].namespace} fdb show dev vx{RED}",
        f"ip -n {lab[1].namespace} neigh show dev br{RED}",
        f"{evpnd} show macs --socket {socket}",
        f"{evpnd} explain {far} --socket {socket}",
        f"{evpnd} show routes --mac {far} --vni {RED} --socket {socket}",
        f"ip netns exec {lab[1].namespace} {evpnd} doctor -c {daemons[0].path}",
    ):
        print(f"    {words}")
    print(f"  files and logs: {lab.directory}")
    print("  remove it all:  make demo-clean")


def main() -> int:
    """Run the demo, or ``clean`` what was kept."""
    if sys.argv[1:] not in ([], ["clean"]):
        print(f"{main.__doc__} KEEP=1 in the environment leaves it up.")
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    if os.geteuid() != 0:
        print("the demo needs root: it makes network namespaces", file=sys.stderr)
        return 2
    keep = os.environ.get("KEEP", "") not in ("", "0")
    lab = Lab(PREFIX, hosts=3, keep=keep)
    if sys.argv[1:] == ["clean"]:
        lab.remove()
        return 0
    # A terminal that closes or a job that is cancelled cleans up as well.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))
    start = time.monotonic()
    demo = Demo(lab)
    try:
        perform(lab, demo)
    except KeyboardInterrupt:
        print("\ninterrupted; everything was removed", file=sys.stderr)
        return 130
    spent = time.monotonic() - start
    print(f"\n{demo.held} checks held, {demo.failed} failed, {spent:.0f} s")
    if not demo.failed:
        print(NEXT_KEPT if keep else NEXT)
    return 1 if demo.failed else 0


def perform(lab: Lab, demo: Demo) -> None:
    """Run the demo in its lab, which goes at the end unless it is to be kept."""
    with lab:
        try:
            demo.run()
        except LabError as error:
            demo.check("the demo went through", holds=False, detail=error)
            print(lab.logs())
        if lab.keep:
            guide(lab, demo.daemons)


if __name__ == "__main__":
    sys.exit(main())
