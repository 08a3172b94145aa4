"""The looking glass in a browser, over a fabric that runs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from integration.browser import URL, Glass, Watched, chromium
from integration.lab import Lab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import converge, mesh
from integration.lab_netns import OWN, ip

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("web")]

RED, BLUE = 10100, 10200
NOBODY = "10.0.99.1"
POLICY = """
policy: tenant-guard
rules:
  - name: gateways
    match: {mac: 00:00:5e:00:01:00/40}
    reject: only leaves announce the gateway
"""
NARROW = {"width": 360, "height": 740}
Open = Iterator[Watched]


class Fabric:
    """Three hosts with evpnd; the glass asks the first."""

    def __init__(self, lab: Lab) -> None:
        """Start all, and wait until every host knows every tenant."""
        self.lab = lab
        for host in lab.hosts:
            for number, vni in enumerate((RED, BLUE)[: 3 - host.number // 2]):
                host.prepare(vni)
                host.tenant(f"t{host.number}{number}", vni, 10 * host.number + number)
        policy = lab.directory / "guard.yaml"
        policy.write_text(POLICY)
        names = {RED: "red<b>", BLUE: "blue"}
        evis = {
            host.number: [
                evi(vni, name=names[vni]) for vni in {t.vni for t in host.tenants}
            ]
            for host in lab.hosts
        }
        self.daemons = mesh(lab, evis, settings={"policies": [str(policy)]})
        converge(lab)
        first = lab[1]
        peers: list[str | dict[str, object]] = [
            {"address": NOBODY, "description": "border <script>alert(1)</script>"}
        ]
        peers.extend(
            {"address": each.session, "import": ["tenant-guard"]}
            for each in lab.hosts[1:]
        )
        self.asked.write(first.config(*peers, evis=evis[1], policies=[str(policy)]))
        assert self.asked.reload().returncode == 0
        self.asked.wait_established(2)
        converge(lab)
        ip(["link set lo up"], first.namespace)

    @property
    def asked(self) -> Evpnd:
        """The daemon of the first host."""
        return self.daemons[0]


@pytest.fixture(scope="module")
def fabric() -> Iterator[Fabric]:
    with Lab(OWN, 3) as lab:
        yield Fabric(lab)


@pytest.fixture(scope="module")
def glass(fabric: Fabric) -> Glass:
    return Glass(fabric.lab[1], [fabric.asked.socket])


@pytest.fixture(scope="module")
def browser(fabric: Fabric) -> Iterator[Browser]:
    with chromium(fabric.lab[1]) as started:
        yield started


@contextmanager
def tab(browser: Browser, **options: object) -> Iterator[Watched]:
    """Open a tab of its own, as a browser that was never here."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    try:
        yield Watched(context)
    finally:
        context.close()


def pages(fabric: Fabric) -> list[str]:
    other = fabric.lab[2]
    (tenant, *_) = other.tenants
    return [
        *("/", "/evis", f"/evi/{RED}", f"/evi/{RED}?show=neighbors", "/vteps"),
        *(f"/vtep/{other.vtep}", f"/where/{tenant.mac}", f"/where/{tenant.ip}"),
        *("/peers", f"/peer/{other.session}", f"/peer/{NOBODY}", "/policies"),
        *("/events", "/events?level=warning", "/search", "/search?q=e"),
    ]


@pytest.mark.usefixtures("glass")
def test_every_page_says_what_the_daemon_says(fabric: Fabric, browser: Browser) -> None:
    near, far = fabric.lab[1], fabric.lab[2]
    red, *_ = far.tenants
    with tab(browser) as at:
        for path in pages(fabric):
            at.open(path)

        page = at.open("/")
        cards = page.locator(".picture.wide .card .title")
        assert set(cards.all_text_contents()) >= {far.vtep, fabric.lab[3].vtep}
        expect(page.locator(".findings")).to_contain_text(f"{NOBODY} peer: no session")
        expect(page.locator(".numbers li").first).to_have_text(re.compile("2/3"))
        assert page.title().startswith("fault")

        page = at.open(f"/evi/{RED}")
        for tenant in near.tenants[0], red:
            row = page.locator("tr", has_text=tenant.mac)
            expect(row).to_contain_text(tenant.ip)
            expect(row).to_contain_text("here" if tenant.host is near else far.vtep)

        page = at.open(f"/where/{red.ip}?vni={RED}")
        expect(page.locator(".verdict.good")).to_contain_text(far.vtep)
        expect(page.locator(".story")).to_contain_text(
            "accepted by policy tenant-guard"
        )

        page = at.open(f"/vtep/{far.vtep}")
        expect(page.locator("table")).to_contain_text(red.mac)

        page = at.open("/policies")
        counted = page.locator("tr", has_text="default").locator("td").nth(3)
        assert int(counted.inner_text()) > 0
        at.expect_quiet()


@pytest.mark.usefixtures("glass")
@pytest.mark.parametrize(
    "form",
    [
        lambda mac: mac,
        lambda mac: mac.upper().replace(":", "-"),
        lambda mac: (
            mac.replace(":", "")[:4]
            + "."
            + mac[6:11].replace(":", "")
            + "."
            + mac[12:].replace(":", "")
        ),
    ],
    ids=["colons", "dashes", "dots"],
)
def test_the_search_takes_a_mac_in_any_form(
    form: "object", fabric: Fabric, browser: Browser
) -> None:
    mac = fabric.lab[2].tenants[0].mac
    assert callable(form)
    with tab(browser) as at:
        page = at.open("/")
        page.fill("#q", form(mac))
        page.press("#q", "Enter")
        page.wait_for_url(f"{URL}/where/{mac}")
        at.expect_quiet()


@pytest.mark.usefixtures("glass")
def test_all_of_it_by_keys(browser: Browser) -> None:
    with tab(browser) as at:
        page = at.open("/")
        page.keyboard.press("2")
        page.wait_for_url(f"{URL}/evis")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{URL}/evi/{RED}")
        page.keyboard.press("j")
        first = page.evaluate("document.activeElement.textContent")
        assert re.fullmatch("(..:){5}..", first)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(f"/where/{first}"))
        page.keyboard.press("u")
        page.wait_for_url(f"{URL}/evi/{RED}")
        page.keyboard.press("/")
        page.keyboard.type("blue")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{URL}/evi/{BLUE}")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        at.expect_quiet()


@pytest.mark.usefixtures("glass")
def test_a_phone_has_every_page_without_scrolling_sideways(
    fabric: Fabric, browser: Browser
) -> None:
    with tab(browser, viewport=NARROW, has_touch=True, is_mobile=True) as at:
        for path in pages(fabric):
            page = at.open(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= NARROW["width"], path

        page = at.open("/")
        expect(page.locator(".picture.narrow")).to_be_visible()
        expect(page.locator(".picture.wide")).to_be_hidden()


def _lightness(page: Page) -> int:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) // 3


@pytest.mark.usefixtures("glass")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_dark_and_light_are_the_systems_or_chosen(
    scheme: str, browser: Browser
) -> None:
    with tab(browser, color_scheme=scheme) as at:
        page = at.open("/")
        assert (_lightness(page) < 64) is (scheme == "dark")
        page.keyboard.press("t")
        assert (_lightness(page) < 64) is (scheme == "light")
        page = at.open("/events")
        assert (_lightness(page) < 64) is (scheme == "light")
        page.click("#theme")
        assert (_lightness(page) < 64) is (scheme == "dark")


@pytest.mark.usefixtures("glass")
def test_what_happens_appears_in_place(fabric: Fabric, browser: Browser) -> None:
    with tab(browser) as at:
        page = at.open(f"/evi/{RED}")
        page.keyboard.press("j")
        page.evaluate("window.same = true")

        tenant = fabric.lab[1].tenant("late", RED, 99)
        tenant.announce()

        row = page.locator("tr", has_text=tenant.mac)
        expect(row).to_contain_text("advertised")
        assert page.evaluate("window.same")
        assert page.evaluate("document.activeElement.matches('a.row')")
        at.expect_quiet()


def test_a_daemon_that_goes_is_named_until_it_is_back(
    fabric: Fabric, glass: Glass, browser: Browser
) -> None:
    with tab(browser) as at:
        page = at.open("/")
        expect(page.locator("p.away")).to_have_count(0)

        fabric.asked.stop()

        expect(page.locator("p.away")).to_contain_text(
            "does not answer",
        )
        expect(page.locator("p.away")).to_contain_text(
            "This page shows what it said at"
        )
        expect(page.locator(".picture.wide .card.host.down")).to_have_count(1)
        expect(page).to_have_title(re.compile("^away"))

        fabric.asked.start()

        expect(page.locator("p.away")).to_have_count(0)
        fabric.asked.wait_established(2)

        assert glass.process.stop() == 0

        expect(page.locator("#lost")).to_be_visible()

        glass.restart()

        expect(page.locator("#lost")).to_be_hidden()
        converge(fabric.lab)
        expect(page.locator(".numbers li").first).to_have_text(re.compile("2/3"))


@pytest.mark.usefixtures("glass")
def test_another_page_cannot_frame_it(browser: Browser) -> None:
    with tab(browser) as at:
        page = at.open("/")
        page.evaluate(
            "() => new Promise((done) => { const f = document.createElement('iframe');"
            " f.onload = done; f.src = '/evis'; document.body.append(f); })"
        )
        inner = page.frames[-1]

        assert inner.locator("h1", has_text="EVIs").count() == 0


@pytest.mark.usefixtures("glass")
def test_without_scripts_it_is_links_and_forms(browser: Browser) -> None:
    with tab(browser, java_script_enabled=False) as at:
        page = at.open("/")
        page.click("nav >> text=EVIs")
        page.click(f"main >> text={BLUE}")
        page.wait_for_url(f"{URL}/evi/{BLUE}")
        page.fill("#q", "red")
        page.press("#q", "Enter")
        page.wait_for_url(f"{URL}/evi/{RED}")
        expect(page.locator("h1")).to_contain_text("red<b>")
