"""The looking glass over 100,000 MACs: no page hangs."""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from integration.browser import URL, Glass, Watched, chromium
from integration.fairness_load import ASN, macs, type_3
from integration.lab import ROUTER_SESSION, MakeLab, evi
from integration.lab_netns import PATIENCE, ip
from integration.peer import BgpPeer

pytestmark = [pytest.mark.root, pytest.mark.slow]

VNI = 10100
MACS = 100_000
VTEPS = 500
PAGE = 2.0 * PATIENCE
"""Seconds in which a page is there, on a machine with ten times too much to do. There
it took 1.1 s."""
OCTETS = 400_000
"""Of a page, at most."""
GROWTH = 80 << 10
"""KiB that `evpnd web` may have altogether, whatever it passes on."""


def test_no_page_hangs(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    host = lab[1]
    host.prepare(VNI)
    ip(["link set lo up"], host.namespace)
    peer = {"address": ROUTER_SESSION[4], "asn": ASN, "passive": True}
    daemon = host.evpnd(host.config(peer, evis=[evi(VNI)], asn=ASN))
    daemon.wait_ready(1)
    with BgpPeer(
        lab.router, ROUTER_SESSION[4], host.session, asn=ASN, remote_asn=ASN
    ) as far:
        far.wait_established()
        for update in (*macs(MACS), *type_3(VTEPS)):
            far.send(update)
        daemon.wait_show(
            "peers",
            lambda rows: int(str(rows[0]["routes_received"])) >= MACS + VTEPS,
            "all routes received",
            120,
        )
        # Else what is measured is how the rows get into the kernel.
        daemon.wait_show(
            "evis", lambda rows: rows[0]["remote_macs"] == MACS, "all MACs known", 120
        )
        last = json.loads(daemon.ask("show", "macs", "--json").stdout)[-1]
        assert last["kind"] == "remote"

        glass = Glass(host, [daemon.socket])
        took: dict[str, float] = {}
        for path in (
            *("/", "/evis", f"/evi/{VNI}", f"/evi/{VNI}?offset={MACS - 100}"),
            *("/vteps", "/vtep/10.9.0.2", f"/where/{last['mac']}", "/peers"),
            *("/policies", "/events", "/api/v1/macs?limit=100&offset=50000"),
        ):
            body, took[path] = glass.get(path)
            assert len(body) < OCTETS, path
        body, _ = glass.get("/api/v1/macs")
        assert len(json.loads(body)) == MACS
        assert _memory(glass.process.pid) < GROWTH
        assert max(took.values()) < PAGE, took

        with chromium(host) as browser:
            at = Watched(browser.new_context())
            page = at.open(f"/evi/{VNI}")
            expect(page.locator(".paging")).to_contain_text("1\N{EN DASH}100 of")
            first = page.locator("a.row").first.inner_text()
            began = time.monotonic()
            page.keyboard.press("n")
            page.wait_for_url(f"{URL}/evi/{VNI}?offset=100")
            expect(page.locator("a.row").first).not_to_have_text(first)
            page.keyboard.press("/")
            page.keyboard.type(str(last["mac"]))
            page.keyboard.press("Enter")
            page.wait_for_url(re.compile("/where/"))
            expect(page.locator(".verdict")).to_contain_text("kernel")
            assert time.monotonic() - began < 2 * PAGE
            at.expect_quiet()


def _memory(pid: int) -> int:
    """Return the resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
