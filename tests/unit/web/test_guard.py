"""Who is served, and what a browser may do with it."""

import socket
from pathlib import Path

import pytest

from tests.unit.web.glass import glass


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9472", 200),
        ("127.0.0.1", 200),
        ("[::1]:9472", 200),
        ("192.0.2.7", 200),
        ("localhost:9472", 200),
        ("LOCALHOST.", 200),
        (socket.gethostname(), 200),
        ("glass.example.net", 200),
        ("evil.example.net", 421),
        ("127.0.0.1.evil.example.net", 421),
        ("[::1", 421),
        ("", 421),
        (None, 421),
    ],
)
def test_a_name_that_is_not_ours_is_not_served(
    host: str | None, status: int, tmp_path: Path
) -> None:
    with glass(tmp_path / "s", names=("glass.example.net",)) as at:
        for page in ("/", "/api/v1/peers", "/static/glass.css"):
            answer = at.get(page, host=host)
            assert answer.status == (status if host != "[::1" else answer.status)
            assert (answer.status == 200) is (status == 200 or host == "[::1")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_questions_is_answered(method: str, tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        answer = at.get("/", method=method)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert at.daemons[0].asked == []


@pytest.mark.parametrize(
    "page", ["/", "/nothing", "/api/v1/peers", "/api/v1/nothing", "/static/glass.js"]
)
def test_no_page_may_be_framed_or_load_from_elsewhere(
    page: str, tmp_path: Path
) -> None:
    with glass(tmp_path / "s") as at:
        headers = at.get(page).headers

    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_pages_are_not_kept_and_files_are(tmp_path: Path) -> None:
    with glass(tmp_path / "s") as at:
        assert at.get("/").headers["cache-control"] == "no-store"
        assert "max-age" in at.get("/static/glass.css").headers["cache-control"]
        assert at.get("/static/nothing").headers["cache-control"] == "no-store"
        assert at.get("/static/../pages.py").status == 404
