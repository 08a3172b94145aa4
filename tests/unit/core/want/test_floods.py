"""The flood list has a bound, and a peer that announces thousands has its share."""

import pytest

from evpnd.core.want import floods
from evpnd.model.actions import Notice
from evpnd.model.ids import format_ip, parse_ip
from evpnd.views import show
from tests.fakes.host import PEERS, Host, announce_imet, withdraw_imet

MOST = 20


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(floods, "FLOOD_MOST", MOST)
    made = Host()
    made.up()
    return made


def flooded(host: Host) -> set[str]:
    """The VTEPs in the kernel's list."""
    return set(map(format_ip, host.kernel.flood))


def many(first: int, count: int, net: str = "10.7.0") -> list[str]:
    return [f"{net}.{first + number}" for number in range(count)]


def told(host: Host) -> list[Notice]:
    return [n for n in host.notices if n.event == "flood_list_full"]


def notes(host: Host) -> list[str]:
    [evi] = show.evis(host.query)
    return list(evi["notes"])


def test_up_to_the_bound_everybody_is_in() -> None:
    host = Host()
    host.up()
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, MOST)))

    assert flooded(host) == set(many(1, MOST))
    assert told(host) == []
    assert notes(host) == []


def test_what_is_over_the_bound_is_left_out_and_told(host: Host) -> None:
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, MOST + 7)))

    assert len(flooded(host)) == MOST
    [notice] = told(host)
    assert notice.fields["most"] == MOST
    assert notice.fields["left_out"] == 7
    assert notes(host) == [
        f"the flood list has {MOST} VTEPs, which is the maximum; 7 more are left out"
    ]
    left_out = {each["vtep"] for each in show.vteps(host.query) if not each["flood"]}
    assert len(left_out) == 7


def test_who_is_in_stays_in_when_others_come(host: Host) -> None:
    first = many(100, MOST)
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in first))
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, 50)))

    assert flooded(host) == set(first)


def test_a_peer_with_thousands_leaves_the_others_their_share(host: Host) -> None:
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, 250)))
    assert len(flooded(host)) == MOST
    # Later, and with higher addresses.
    good = many(1, 5, "10.200.0")
    host.run(*(announce_imet(PEERS[1], vtep) for vtep in good))

    assert set(good) < flooded(host)
    assert len(flooded(host)) == MOST


def test_there_is_room_again_when_some_leave(host: Host) -> None:
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, MOST + 7)))
    host.run(*(withdraw_imet(PEERS[0], vtep) for vtep in many(1, 10)))

    assert flooded(host) == set(many(11, MOST - 3))
    assert notes(host) == []
    # Full once more is told once more.
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, 10)))
    assert len(told(host)) == 2


def test_the_bound_is_told_once_while_it_lasts(host: Host) -> None:
    for vtep in many(1, MOST + 30):
        host.run(announce_imet(PEERS[0], vtep))

    assert len(told(host)) == 1
    assert parse_ip(f"10.7.0.{MOST + 30}") in host.vrf.floods.left_out


def test_a_list_that_an_earlier_run_left_too_long_is_cut_when_all_peers_spoke() -> None:
    before = Host()
    before.up()
    before.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, 200)))
    good = many(1, 5, "10.200.0")
    before.run(*(announce_imet(PEERS[1], vtep) for vtep in good))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floods, "FLOOD_MOST", MOST)
        after = Host(before.kernel)
        after.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, 200)))
        after.run(*(announce_imet(PEERS[1], vtep) for vtep in good))
        assert len(flooded(after)) == 205
        after.up()

    assert len(flooded(after)) == MOST
    assert set(good) < flooded(after)


def test_what_is_withdrawn_is_left_out_no_longer(host: Host) -> None:
    host.run(*(announce_imet(PEERS[0], vtep) for vtep in many(1, MOST + 7)))
    host.run(*(withdraw_imet(PEERS[0], vtep) for vtep in many(1, MOST + 7)))

    assert flooded(host) == set()
    assert notes(host) == []
