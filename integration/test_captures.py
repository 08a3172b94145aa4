"""What FRR and GoBGP really send decodes to what they were told to announce."""

from typing import Any

import pytest

from evpnd.wire.update import UpdateDecoder
from integration import frr
from integration.gobgp import API, GoBgp
from integration.lab import ROUTER_SESSION, Lab, MakeLab
from integration.lab_fabric import heard
from integration.lab_netns import run, wait_until
from integration.peer import UPDATE, BgpPeer
from tests.golden.values import update_value

pytestmark = pytest.mark.root
VNI = 10100
Route = dict[str, Any]


class Recorder:
    """A peer that decodes all that it hears, as our agent would."""

    def __init__(self, peer: BgpPeer, *, ibgp: bool) -> None:
        self._peer = peer
        self._ibgp = ibgp

    def values(self) -> list[dict[str, Any]]:
        """List the UPDATEs as the golden files write them."""
        decoder = UpdateDecoder(ibgp=self._ibgp)
        return [update_value(decoder.decode(o)) for o in self._peer.bodies(UPDATE)]

    def announced(self) -> list[Route]:
        """List what is announced, each route with its attributes."""
        return [
            route | {"attributes": value["attributes"]}
            for value in self.values()
            for route in value.get("announced", [])
        ]

    def withdrawn(self) -> list[Route]:
        """List what is withdrawn."""
        return [r for value in self.values() for r in value.get("withdrawn", [])]

    def find(self, **fields: object) -> Route:
        """Wait for a route with these fields; the last one."""

        def found() -> list[Route]:
            return [r for r in self.announced() if fields.items() <= r.items()]

        wait_until(found, 15, f"a route with {fields}", seen=self.values)
        return found()[-1]

    def find_withdrawn(self, **fields: object) -> None:
        """Wait until a route with these fields is withdrawn."""
        wait_until(
            lambda: any(fields.items() <= r.items() for r in self.withdrawn()),
            15,
            f"a route with {fields} withdrawn",
            seen=self.values,
        )


def recorder(lab: Lab, remote: str, asn: int, *, passive: bool) -> BgpPeer:
    return BgpPeer(
        lab[1].namespace,
        lab[1].session,
        remote,
        asn=asn,
        remote_asn=65001,
        identifier=lab[1].router_id,
        passive=passive,
    )


@pytest.mark.frr
@pytest.mark.parametrize("asn", [65001, 4200000001], ids=["ibgp", "ebgp"])
def test_what_frr_sends_decodes_to_what_it_announces(
    make_lab: MakeLab, asn: int
) -> None:
    lab = make_lab(2)
    host = lab[2]
    host.prepare(VNI)
    tenant = host.tenant("t2", VNI, 12)
    ibgp = asn == 65001
    with recorder(lab, host.session, asn, passive=True) as peer:
        leaf = frr.leaf(host, {lab[1].session: asn}, svi={VNI: "192.168.100.252/24"})
        leaf.wait_established()
        recording = Recorder(peer, ibgp=ibgp)
        heard([tenant])
        host.static_mac(tenant.name, "02:00:00:00:ee:01")
        rd = recording.find(type=3)["rd"]
        assert rd.startswith(f"{host.router_id}:")

        common = {
            "next_hop": host.vtep,
            "route_targets": [f"65001:{VNI}"],
            "encapsulations": [8],
            "local_preference": 100 if ibgp else None,
        } | ({} if ibgp else {"as_path": [65001]})
        pmsi = {"tunnel_type": 6, "label": VNI, "endpoint": host.vtep, "flags": 0}
        assert recording.find(type=3) == {
            "type": 3,
            "rd": rd,
            "ethernet_tag": 0,
            "originator": host.vtep,
            "attributes": common | {"pmsi": pmsi},
        }
        mac_ip = {
            "type": 2,
            "rd": rd,
            "esi": "00" * 10,
            "ethernet_tag": 0,
            "mac": tenant.mac,
            "labels": f"{VNI:06x}",
            "attributes": common,
        }
        for bound in (None, tenant.ip):
            assert recording.find(mac=tenant.mac, ip=bound) == mac_ip | {"ip": bound}
        assert recording.find(mac="02:00:00:00:ee:01") == mac_ip | {
            "mac": "02:00:00:00:ee:01",
            "ip": None,
            "attributes": common | {"sticky": True},
        }

        tenant.unplug()
        gone = {(tenant.mac, None), (tenant.mac, tenant.ip)}
        wait_until(
            lambda: (
                {(r.get("mac"), r.get("ip")) for r in recording.withdrawn()} >= gone
            ),
            15,
            f"{gone} withdrawn",
            seen=recording.values,
        )
        assert not any("malformed" in value for value in recording.values())


GOBGP = [
    (
        (
            "macadv 02:00:00:00:00:01 192.0.2.10 etag 7 label 10100 rd 10.0.0.1:100"
            " rt 65001:10100 encap vxlan nexthop 10.0.0.9"
        ),
        {
            "type": 2,
            "rd": "10.0.0.1:100",
            "esi": "00" * 10,
            "ethernet_tag": 7,
            "mac": "02:00:00:00:00:01",
            "ip": "192.0.2.10",
        },
    ),
    (
        (
            "macadv 02:00:00:00:00:02 2001:db8::10 etag 0 label 10100 rd 65001:100"
            " rt 10.0.0.1:100 encap vxlan nexthop 2001:db8::9"
        ),
        {
            "type": 2,
            "rd": "65001:100",
            "esi": "00" * 10,
            "ethernet_tag": 0,
            "mac": "02:00:00:00:00:02",
            "ip": "2001:db8::10",
        },
    ),
    (
        (
            "multicast 10.0.0.9 etag 0 rd 64086.59905:100 rt 64086.59905:100"
            " encap vxlan pmsi ingress-repl 10100 10.0.0.9 nexthop 10.0.0.9"
        ),
        {
            "type": 3,
            "rd": "4200000001:100",
            "ethernet_tag": 0,
            "originator": "10.0.0.9",
        },
    ),
    (
        (
            "a-d esi LACP 02:00:00:00:00:aa 100 etag 4294967295 label 0"
            " rd 10.0.0.1:0 rt 65001:10100 nexthop 10.0.0.9"
        ),
        {
            "type": 1,
            "rd": "10.0.0.1:0",
            "esi": "010200000000aa006400",
            "ethernet_tag": 4294967295,
            "label": "000000",
        },
    ),
    (
        "esi 10.0.0.9 esi MAC 02:00:00:00:00:aa 100 rd 10.0.0.1:0 nexthop 10.0.0.9",
        {
            "type": 4,
            "rd": "10.0.0.1:0",
            "esi": "030200000000aa000064",
            "originator": "10.0.0.9",
        },
    ),
    (
        (
            "prefix 198.51.100.0/24 etag 0 label 50001 rd 10.0.0.1:200 rt 65001:50001"
            " encap vxlan router-mac 02:00:00:00:00:bb nexthop 10.0.0.9"
        ),
        {
            "type": 5,
            "rd": "10.0.0.1:200",
            "esi": "00" * 10,
            "ethernet_tag": 0,
            "prefix": "198.51.100.0/24",
            "gateway": "0.0.0.0",
        },
    ),
]


@pytest.mark.gobgp
def test_what_gobgp_sends_decodes_to_what_it_announces(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    router = GoBgp(lab)
    with recorder(lab, ROUTER_SESSION[4], 65001, passive=False) as peer:
        peer.wait_established(20)
        recording = Recorder(peer, ibgp=True)
        for told, route in GOBGP:
            gobgp(router, "add", told)
            found = recording.find(**route)
            words = told.replace("64086.59905", "4200000001")
            next_hop = words.rpartition(" ")[2]

            assert found["attributes"]["next_hop"] == next_hop
            assert ("encap vxlan" in words) == (
                found["attributes"]["encapsulations"] == [8]
            )
            targets = [words.split(" rt ")[1].split()[0]] if " rt " in words else []
            assert found["attributes"]["route_targets"] == targets
            gobgp(router, "del", told)
            recording.find_withdrawn(**route)
        pmsi = recording.find(type=3)["attributes"]["pmsi"]
        assert pmsi == {
            "tunnel_type": 6,
            "label": VNI,
            "endpoint": "10.0.0.9",
            "flags": 0,
        }
        assert not any("malformed" in value for value in recording.values())


def gobgp(router: GoBgp, verb: str, words: str) -> None:
    """Add or delete a route of GoBGP's global table."""
    host, _, port = API.rpartition(":")
    command = ["ip", "netns", "exec", router.namespace, "gobgp", "-u", host, "-p", port]
    run([*command, "global", "rib", verb, *words.split(), "-a", "evpn"])
