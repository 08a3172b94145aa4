"""EVIs that get another route distinguisher, as a peer sees it on the wire."""

import pytest

from integration.lab import MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import wait_until
from integration.peer import BgpPeer, Told

pytestmark = pytest.mark.root

ASN = 65001
ONE, TWO, THREE = "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"
KIND_AND_LENGTH = 2
"""Octets."""


def nlris(block: bytes) -> list[tuple[int, int]]:
    """List (route type, number of the RD) of IPv4 type 3 and plain type 2 NLRIs."""
    found = []
    while block:
        found.append((block[0], int.from_bytes(block[8:10])))
        block = block[KIND_AND_LENGTH + block[1] :]
    return found


def told(updates: list[Told]) -> list[tuple[str, int, int]]:
    """List what UPDATEs say, in their order: + or -, type and RD."""
    return [
        (sign, *route)
        for update in updates
        for sign, block in (("-", update.withdrawn), ("+", update.announced))
        for route in nlris(block)
    ]


def test_a_peer_hears_the_new_rd_before_the_old_one_goes(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    one = lab[1]
    vnis = (10100, 10200)
    for vni in vnis:
        one.prepare(vni)
    static = {"static": [{"mac": "02:00:00:00:00:01"}]}

    def settings(*rds: str) -> dict[str, object]:
        evis = [
            evi(vni, rd=rd, **(static if vni == vnis[0] else {}))
            for vni, rd in zip(vnis, rds, strict=True)
        ]
        return one.config(lab[2].session, evis=evis, asn=ASN)

    def news(daemon: Evpnd, far: BgpPeer, *rds: str, until: int) -> list[str]:
        before = len(far.updates())
        daemon.write(settings(*rds))
        assert daemon.reload().returncode == 0
        wait_until(lambda: len(told(far.updates()[before:])) >= until, 10, "UPDATEs")
        return [f"{sign}{kind}:{rd}" for sign, kind, rd in told(far.updates()[before:])]

    daemon = one.evpnd(settings(ONE, TWO))
    daemon.wait_ready(2)
    with BgpPeer(
        lab[2].namespace,
        lab[2].session,
        one.session,
        asn=ASN,
        remote_asn=ASN,
        identifier=lab[2].router_id,
    ) as far:
        wait_until(lambda: len(told(far.updates())) == 3, 10, "all routes")
        assert {(kind, rd) for _, kind, rd in told(far.updates())} == {
            (3, 1),
            (3, 2),
            (2, 1),
        }

        changed = news(daemon, far, THREE, TWO, until=4)
        assert sorted(changed[:2]) == ["+2:3", "+3:3"]
        assert sorted(changed[2:]) == ["-2:1", "-3:1"]

        exchanged = news(daemon, far, TWO, THREE, until=4)
        assert sorted(exchanged[:3]) == ["+2:2", "+3:2", "+3:3"]
        assert exchanged[3:] == ["-2:3"]
