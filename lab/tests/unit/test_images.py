"""Which local program stands for an image."""

from pathlib import Path

import pytest

from lab.images import TABLE, read_images


@pytest.mark.parametrize(
    ("image", "title"),
    [
        ("evpnd", "evpnd of this checkout"),
        ("evpnd:latest", "evpnd of this checkout"),
        ("registry.example:5000/net/evpnd:1.0", "evpnd of this checkout"),
        ("quay.io/frrouting/frr:10.1", "FRR (Debian)"),
        ("alpine:3", "a shell"),
        ("docker.io/library/alpine:3", "a shell"),
        ("localhost:5000/alpine", "a shell"),
        ("alpine:3@sha256:0123", "a shell"),
        ("alpine@sha256:0123", "a shell"),
        ("myevpnd", None),
    ],
)
def test_an_image_is_found_by_its_repository(image: str, title: str | None) -> None:
    found = [each.title for each in read_images(TABLE) if each.fits(image)]

    assert found == ([] if title is None else [title])


def test_a_users_table_comes_before_the_projects(tmp_path: Path) -> None:
    own = tmp_path / "images.yaml"
    own.write_text("images: [{match: [alpine], title: mine, cmd: [sleep, '9']}]\n")

    first = next(each for each in read_images(TABLE, own) if each.fits("alpine:3"))

    assert first.title == "mine"
