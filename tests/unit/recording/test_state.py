"""All that an agent knows, as octets and back."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from evpnd.core.engine import Engine
from evpnd.model.config import Config
from evpnd.recording.passwords import Passwords
from evpnd.recording.state import OtherCodeError, freeze, thaw
from evpnd.views import show
from tests.conformance.case import DEFAULT_CONFIG, find_cases, read_case
from tests.conformance.host import Host
from tests.conformance.steps import play

TABLES = ("peers", "evis", "macs", "neighbors", "vteps", "routes", "policies")


def seen(host: Host) -> dict[str, list[str]]:
    policies = map(json.dumps, show.policies(host.query))
    tables = {t: sorted(map(json.dumps, host.show(t))) for t in TABLES[:-1]}
    return tables | {"policies": list(policies)}


@pytest.mark.parametrize("folder", find_cases(), ids=lambda folder: folder.name)
def test_a_case_goes_on_with_the_state_after_each_step(folder: Path) -> None:
    case = read_case(folder)
    host = Host(case.config)
    for number, step in enumerate(case.steps):
        play(host, folder, step, f"step {number}")
        if not host.running:
            continue
        before = seen(host)
        known = thaw(freeze((host.engine, host.reader), Passwords()))
        host.engine, host.reader = known  # type: ignore[misc]

        assert seen(host) == before


def test_a_state_has_no_password() -> None:
    config = Host(DEFAULT_CONFIG).config
    first, second = config.peers
    peers = (replace(first, password="hunter2"), replace(second, password="swordfish"))
    engine = Engine(replace(config, peers=peers), 1.0)

    octets = freeze(engine, Passwords())

    assert b"hunter2" not in octets
    assert b"swordfish" not in octets
    thawed = thaw(octets)
    assert isinstance(thawed, Engine)
    found = [peer.password for peer in thawed.config.peers]
    assert found == ["(cut 1)", "(cut 2)"]


def test_a_changed_password_remains_a_change() -> None:
    passwords = Passwords()
    config = Host(DEFAULT_CONFIG).config

    def cut(password: str) -> Config:
        peers = tuple(replace(peer, password=password) for peer in config.peers)
        return passwords.cut(replace(config, peers=peers))

    assert cut("one") == cut("one")
    assert cut("one") != cut("two")


def test_a_password_that_something_else_tells_is_cut_too() -> None:
    passwords = Passwords()
    first, *_ = Host(DEFAULT_CONFIG).config.peers
    passwords.cut_peer(replace(first, password='hunter"2'))
    passwords.cut_peer(replace(first, password="abc"))
    known = ['the alias is hunter"2', "abc"]

    assert passwords.cut_text(json.dumps(known)) == '["the alias is (cut)", "abc"]'
    assert thaw(freeze(known, passwords)) == ["the alias is xxxxxxxx", "abc"]


class Dangerous:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    "octets",
    [
        pickle.dumps(Dangerous()),
        b"cos\nsystem\n(S'true'\ntR.",
        b"cevpnd.log\nconfigure\n(S'json'\nS'info'\ntR.",
        b"cevpnd.recording.state\nmethod\n(I1\nS'real'\ntR.",
        b"cevpnd.recording.state\nfunction\n(S'os'\nI0\n)tR.",
        b"cevpnd.recording.state\nsys.modules\n.",
        b"",
        b"nonsense",
    ],
)
def test_what_is_no_state_of_ours_is_refused(octets: bytes) -> None:
    with pytest.raises(OtherCodeError):
        thaw(octets)
