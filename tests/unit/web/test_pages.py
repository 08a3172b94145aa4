"""The pages: what they say, and that they say it of anything."""

import re
from pathlib import Path

import pytest

from tests.unit.cli.daemon import daemon
from tests.unit.web.glass import (
    BINDING,
    EVENT,
    EVI,
    MAC,
    PEER,
    RULE,
    TABLES,
    VTEP,
    Glass,
    Row,
    answered,
    glass,
)

PAGES = [
    *("/", "/evis", "/evi/10100", "/evi/10100?show=neighbors&kind=remote", "/vteps"),
    *("/vtep/10.0.0.2", "/vtep/10.0.0.2?why=1", "/where/02:00:00:00:00:01", "/peers"),
    *("/where/192.0.2.1?vni=10100", "/peer/10.0.0.254", "/policies", "/events"),
    *("/events?level=warning&event=peer_down", "/search?q=e", "/search"),
]
EVIL = "<script>alert(1)</script>\"'&"


@pytest.mark.parametrize("page", PAGES)
def test_names_of_operators_and_peers_are_no_markup(page: str, tmp_path: Path) -> None:
    tables: dict[str, list[Row]] = {
        "peers": [
            PEER
            | {"description": EVIL, "last_error": EVIL, "last_error_at": EVIL}
            | {"findings": [EVIL, f"`{EVIL}"], "state": EVIL}
        ],
        "evis": [
            EVI | {"name": EVIL, "bridge": EVIL, "vxlan": EVIL, "rd": EVIL},
            EVI | {"vni": 2, "state": EVIL, "reason": EVIL, "notes": [EVIL]},
        ],
        "vteps": [VTEP | {"peers": [EVIL]}],
        "macs": [MAC | {"reason": EVIL, "interface": EVIL, "state": EVIL}],
        "neighbors": [BINDING | {"state": EVIL}],
        "policies": [RULE | {"policy": EVIL, "rule": EVIL, "at": EVIL}],
        "events": [EVENT | {"event": EVIL, "reason": EVIL, EVIL: EVIL}],
    }
    with glass(tmp_path / "s", **tables) as at:
        answer = at.get(page)

    assert answer.status in (200, 404)
    assert "<script>" not in answer.text
    assert re.findall(r"<script[^>]*>", answer.text) == re.findall(
        r'<script src="/static/[^"]+"(?: defer)?>', answer.text
    )
    # Nothing that came from there stands in an attribute without its quotes.
    assert 'alert(1)</script>"' not in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_no_other_host(page: str, tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get(page)

    assert answer.status == 200
    loaded = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
    assert loaded
    assert all(each[0] in "/#?" for each in loaded)
    assert "style=" not in answer.text


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("02:00:00:00:00:01", "/where/02:00:00:00:00:01"),
        ("0200.0000.0001", "/where/02:00:00:00:00:01"),
        ("02-00-00-00-00-01", "/where/02:00:00:00:00:01"),
        ("192.0.2.9", "/where/192.0.2.9"),
        ("2001:DB8::1", "/where/2001:db8::1"),
        ("10.0.0.2", "/vtep/10.0.0.2"),
        ("10100", "/evi/10100"),
        ("tenant-a", "/evi/10100"),
        ("br10100", "/evi/10100"),
        ("spine", "/peer/10.0.0.254"),
        ("guard", "/policies#guard"),
    ],
)
def test_the_search_leads_to_what_a_word_names(
    word: str, page: str, tmp_path: Path
) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get(f"/search?q={word}")

    assert (answer.status, answer.headers.get("location")) == (302, page)


def test_what_nothing_is_called_is_said(tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get("/search?q=nobody")

    assert answer.status == 404
    assert "Nothing is called" in answer.text


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("/evi/99", "no EVI with VNI 99"),
        ("/evi/99999999999999999999", "no EVI with VNI"),
        ("/peer/10.9.9.9", "no peer 10.9.9.9"),
        ("/where/tenant-a", "neither a MAC nor an IP"),
        ("/vtep/tenant-a", "a VTEP is an IP address"),
        ("/nothing", "there is no page /nothing"),
        ("/?host=other", "no host other is asked"),
    ],
)
def test_what_is_not_there_is_named(page: str, sentence: str, tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get(page)

    assert answer.status == 404
    assert sentence in answer.text


def test_a_long_table_comes_in_pages(tmp_path: Path) -> None:
    macs = [
        MAC | {"mac": f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}"} for n in range(250)
    ]
    with glass(tmp_path / "s", macs=macs) as at:
        first = at.get("/evi/10100").text
        last = at.get("/evi/10100?offset=200").text
        wrong = at.get("/evi/10100?offset=none").text

    assert "1\N{EN DASH}100 of 250 MACs" in first
    assert 'id="after" href="?offset=100"' in first
    assert 'id="before"' not in first
    assert "201\N{EN DASH}250 of 250 MACs" in last
    assert 'id="after"' not in last
    assert wrong.count("<tr") == first.count("<tr")


def test_a_daemon_that_goes_is_named_and_its_last_words_stay(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with daemon(path, answered(TABLES)) as asked:
        at = Glass([asked])
        assert "s does not answer.</strong>" not in at.get("/evis").text

    at.expire()
    gone = at.get("/evis")

    assert gone.status == 200
    assert "<strong>s does not answer.</strong>" in gone.text
    assert "This page shows what it said at" in gone.text
    assert "tenant-a" in gone.text

    with daemon(path, answered(TABLES)):
        at.expire()
        assert "s does not answer.</strong>" not in at.get("/evis").text


def test_a_daemon_that_never_was_there_is_no_empty_table(tmp_path: Path) -> None:
    with daemon(tmp_path / "s", answered(TABLES)) as asked:
        at = Glass([asked])

    answer = at.get("/peers")

    assert answer.status == 503
    assert "no evpnd at" in answer.text


def test_faults_mark_every_page(tmp_path: Path) -> None:
    down = PEER | {"state": "active", "last_error": "refused"}
    with glass(tmp_path / "s", peers=[down]) as at:
        for page in ("/", "/events", "/policies"):
            assert '<span class="dot fault">' in at.get(page).text
        assert "no session (active), refused" in at.get("/").text


def test_several_hosts_are_one_fabric_and_pages_of_their_own(tmp_path: Path) -> None:
    other = TABLES | {
        "evis": [EVI | {"vtep": "10.0.0.2", "name": "of-the-other"}],
        "vteps": [VTEP | {"vtep": "10.0.0.1"}],
    }
    with (
        daemon(tmp_path / "one", answered(TABLES)) as one,
        daemon(tmp_path / "two", answered(other)) as two,
    ):
        at = Glass([one, two])
        both = at.get("/").text
        second = at.get("/evis?host=two").text

    assert both.count('class="card host up"') == 4  # wide and narrow
    assert "card vtep" not in both
    assert "of-the-other" in second
    assert 'href="/evi/10100?host=two"' in second
