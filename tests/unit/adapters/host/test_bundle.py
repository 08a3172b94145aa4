"""What is cut from a bundle."""

import json

import pytest

from evpnd.adapters.host.bundle import CUT, without_secrets

SECRET = 'pa"ss\\wörd'


@pytest.mark.parametrize(
    "text",
    [
        f"log: connected with {SECRET}",
        json.dumps({"text": SECRET}),
        f"password: {SECRET}",
    ],
)
def test_a_known_secret_is_cut_in_any_form(text: str) -> None:
    found = without_secrets(text, [SECRET])

    assert CUT in found
    assert "wörd" not in found
    assert "w\\u00f6rd" not in found


@pytest.mark.parametrize(
    "text",
    [
        "password: hidden",
        "  # old-password:hidden",
        "- secret: 'hidden'",
        '"api-token": hidden',
        "key: hidden",
        "md5-password: |\n  hidden\n  hidden too",
        "peers: [{address: 10.0.0.1, password: hidden, asn: 1}]",
        '{"event": "x", "Token": "hidden"}',
    ],
)
def test_a_value_of_such_a_key_is_cut(text: str) -> None:
    found = without_secrets(f"asn: 65001\n{text}\nvtep: {{}}\n", [])

    assert "hidden" not in found
    assert found.startswith("asn: 65001\n")
    assert found.endswith("\nvtep: {}\n")


@pytest.mark.parametrize(
    "text",
    [
        "password-file: /etc/evpnd/key",
        "{password-file: /etc/evpnd/key}",
        "keys: 7",
        "monkey: 7",
        "br0: <BROADCAST>",
    ],
)
def test_other_lines_stay(text: str) -> None:
    assert without_secrets(text, []) == text
