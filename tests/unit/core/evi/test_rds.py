"""The RD of an EVI follows from the set of EVIs, not from their history."""

from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.evi.rds import derive_rds
from evpnd.model.ids import Rd, format_rd, parse_ip, parse_rd

ROUTER_ID = parse_ip("10.0.0.1")


def derived(configured: dict[int, str | None], *discovered: int) -> dict[int, str]:
    given = {vni: rd and parse_rd(rd) for vni, rd in configured.items()}
    found = derive_rds(ROUTER_ID, given, discovered)
    return {vni: format_rd(rd) for vni, rd in found.items()}


def test_a_vni_of_16_bits_is_its_own_index_whatever_else_there_is() -> None:
    assert derived({65536 + 100: None, 100: None, 131072 + 100: None}) == {
        100: "10.0.0.1:100",
        65536 + 100: "10.0.0.1:101",
        131072 + 100: "10.0.0.1:102",
    }


def test_the_index_zero_is_passed_over() -> None:
    assert derived({65536: None, 65535 + 65536: None}) == {
        65536: "10.0.0.1:1",
        65535 + 65536: "10.0.0.1:65535",
    }


def test_given_rds_stand_and_others_go_round_them() -> None:
    assert derived({5: "10.0.0.1:6", 6: None, 7: None, 8: "65000:8"}) == {
        5: "10.0.0.1:6",
        6: "10.0.0.1:8",
        7: "10.0.0.1:7",
        8: "65000:8",
    }


def test_discovered_evis_take_what_is_left() -> None:
    assert derived({65536 + 5: None}, 5, 6, 65536 + 5) == {
        65536 + 5: "10.0.0.1:5",
        5: "10.0.0.1:7",
        6: "10.0.0.1:6",
    }


def test_discovered_evis_beyond_the_last_index_have_none() -> None:
    found = derive_rds(ROUTER_ID, {70000: None}, range(1, 80000))

    assert len(found) == len(set(found.values())) == 65535
    assert 70000 in found


vnis = st.one_of(
    st.integers(1, 8), st.integers(65536, 65544), st.integers(131070, 131080)
)
rds = st.one_of(st.none(), st.integers(1, 8).map(lambda n: parse_rd(f"10.0.0.1:{n}")))


@given(st.dictionaries(vnis, rds), st.sets(vnis), st.randoms())
def test_order_and_discovered_ones_change_no_configured_rd(
    configured: dict[int, Rd | None], discovered: set[int], random: object
) -> None:
    seen: set[bytes] = set()
    for vni, rd in configured.items():  # the file's check refuses the same RD twice
        configured[vni] = None if rd in seen else rd
        seen.add(rd or b"")
    shuffled = list(configured.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    alone = derive_rds(ROUTER_ID, configured, ())
    found = derive_rds(ROUTER_ID, dict(shuffled), sorted(discovered, reverse=True))
    assert found == derive_rds(ROUTER_ID, configured, discovered)
    assert alone.items() <= found.items()
    assert (
        len(set(found.values()))
        == len(found)
        == len(configured | dict.fromkeys(discovered))
    )
