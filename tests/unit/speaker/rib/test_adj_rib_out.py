"""The Adj-RIB-Out: what a peer is told, when, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from evpnd.model.numbers import EVPN_FAMILY
from evpnd.speaker.rib.adj_rib_out import (
    BEGIN_OF_REFRESH,
    END_OF_REFRESH,
    REFRESH_PAUSE,
    REFRESH_RATE,
    AdjRibOut,
    Block,
    Encoding,
    read_routes,
)
from evpnd.wire.framing import split_attributes
from evpnd.wire.nlri import split_nlris

ENCODING = Encoding(ibgp=True, local_asn=65000, asn4=True)
BLOCK = Block(bytes([10, 0, 0, 1]), bytes.fromhex("4001010040050400000064"))
OTHER = Block(bytes([10, 0, 0, 1]), bytes.fromhex("40010100400504000000c8"))


def nlri(number: int, vni: int = 100, esi: int = 0) -> bytes:
    rd = bytes.fromhex("00010a0000010064")
    mac = (0x020000000000 + number).to_bytes(6)
    return (
        b"\x02\x21"
        + rd
        + esi.to_bytes(10)
        + bytes(4)
        + b"\x30"
        + mac
        + b"\x00"
        + vni.to_bytes(3)
    )


def under(rd: int, nlri: bytes) -> bytes:
    """The same route under another RD."""
    return nlri[:2] + bytes.fromhex("00010a000001") + rd.to_bytes(2) + nlri[10:]


def announce(rib: AdjRibOut, *nlris: bytes, block: Block = BLOCK) -> None:
    rib.announce(read_routes(block, b"".join(nlris)))


def told(rib: AdjRibOut) -> list[tuple[str, bytes]]:
    """Read what the peer is told, a word and the NLRI or the message."""
    result = []
    for message in rib.messages(ENCODING):
        if message[18] == 5:
            result.append(("refresh", message))
            continue
        attributes, _ = split_attributes(message[23:])
        for _, code, _, start, stop in attributes:
            value = message[23 + start : 23 + stop]
            if code == 14:
                result += [("+", each) for each in split_nlris(value[9:])]
            elif code == 15:
                result += [("-", each) for each in split_nlris(value[3:])]
    return result


def session() -> AdjRibOut:
    rib = AdjRibOut()
    rib.replace_restart([], [])
    return rib


def test_nothing_is_pending_without_a_session() -> None:
    rib = AdjRibOut()
    announce(rib, nlri(1))

    assert not rib.pending()


def test_a_session_begins_with_every_route() -> None:
    rib = AdjRibOut()
    announce(rib, nlri(1), nlri(2))
    rib.replace_restart([], [])

    assert rib.pending()
    assert told(rib) == [("+", nlri(1)), ("+", nlri(2))]
    assert not rib.pending()


def test_the_same_route_again_is_not_sent() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    announce(rib, nlri(1), block=Block(*BLOCK))

    assert not rib.pending()


def test_new_attributes_are_sent() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    announce(rib, nlri(1), block=OTHER)

    assert told(rib) == [("+", nlri(1))]


def test_another_label_or_esi_replaces_the_route() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    announce(rib, nlri(1, vni=200, esi=5))

    assert len(rib) == 1
    assert told(rib) == [("+", nlri(1, vni=200, esi=5))]


def test_a_withdrawal_needs_no_label() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    rib.retract([nlri(1, vni=0)])

    assert told(rib) == [("-", nlri(1))]
    assert not len(rib)


def test_a_route_that_was_never_announced_is_not_withdrawn() -> None:
    rib = session()
    rib.retract([nlri(1)])

    assert not rib.pending()


def test_withdrawals_come_first() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    announce(rib, nlri(2))
    rib.retract([nlri(1)])

    assert told(rib) == [("-", nlri(1)), ("+", nlri(2))]


def test_of_one_route_only_the_last_state_is_sent() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    rib.retract([nlri(1)])
    announce(rib, nlri(1), block=OTHER)

    assert told(rib) == [("+", nlri(1))]


def test_what_changes_while_messages_are_sent_comes_afterwards() -> None:
    rib = session()
    announce(rib, nlri(1))
    sending = rib.messages(ENCODING)
    rib.retract([nlri(1)])
    first = list(sending)

    assert len(first) == 1
    assert told(rib) == [("-", nlri(1))]


def test_equal_attributes_share_full_messages() -> None:
    rib = session()
    for number in range(0, 2000, 2):
        announce(rib, nlri(number))
        announce(rib, nlri(number + 1), block=OTHER)
    messages = list(rib.messages(ENCODING))

    assert len(messages) == 2 * 9
    assert max(map(len, messages)) > 4000


def test_a_refresh_repeats_everything_between_its_marks() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    announce(rib, nlri(2))
    rib.resend(True, EVPN_FAMILY)

    assert told(rib) == [
        ("refresh", BEGIN_OF_REFRESH),
        ("+", nlri(1)),
        ("+", nlri(2)),
        ("refresh", END_OF_REFRESH),
    ]
    assert not rib.pending()


def test_a_plain_refresh_has_no_marks() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    rib.resend(False, EVPN_FAMILY)

    assert told(rib) == [("+", nlri(1))]


def test_many_requests_are_answered_now_and_then() -> None:
    now = 100.0
    rib = AdjRibOut(lambda: now)
    rib.replace_restart([], [])
    for number in range(REFRESH_RATE // 10):
        announce(rib, nlri(number))
    told(rib)
    answers = 0
    for _ in range(1000):
        rib.resend(False, EVPN_FAMILY)
        answers += bool(rib.pending() and told(rib))
    assert answers == 1

    now += REFRESH_PAUSE
    assert not rib.pending()
    announce(rib, nlri(1), block=OTHER)
    assert told(rib) == [("+", nlri(1))]
    now += 0.2
    assert rib.pending()
    assert len(told(rib)) == REFRESH_RATE // 10
    now += 60
    assert not rib.pending()


def test_a_refresh_of_another_family_is_not_answered() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    rib.resend(True, (1, 1))

    assert not rib.pending()


def test_the_end_of_a_session_drops_what_waits_and_keeps_the_routes() -> None:
    rib = session()
    announce(rib, nlri(1))
    rib.resend(True)
    rib.reset()
    assert not rib.pending()
    rib.replace_restart([], [])

    assert told(rib) == [("+", nlri(1))]


def test_a_new_agent_has_to_announce_again() -> None:
    rib = session()
    announce(rib, nlri(1), nlri(2), nlri(3))
    told(rib)
    rib.mark_stale()
    announce(rib, nlri(2))
    announce(rib, nlri(3), block=OTHER)
    assert told(rib) == [("+", nlri(3))]
    rib.sweep_stale()

    assert told(rib) == [("-", nlri(1))]


def test_a_sweep_without_a_doubt_withdraws_nothing() -> None:
    rib = session()
    announce(rib, nlri(1))
    told(rib)
    rib.sweep_stale()

    assert not rib.pending()


def test_forgetting_tells_nobody() -> None:
    rib = session()
    announce(rib, nlri(1))
    rib.clear()

    assert not rib.pending()
    assert not len(rib)


def test_withdrawing_everything() -> None:
    rib = session()
    announce(rib, nlri(1), nlri(2))
    told(rib)
    rib.withdraw()

    assert sorted(told(rib)) == [("-", nlri(1)), ("-", nlri(2))]


numbers = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("announce"), numbers, st.sampled_from([BLOCK, OTHER])),
    st.tuples(st.just("retract"), numbers),
    st.tuples(st.just("send")),
    st.tuples(st.just("refresh")),
    st.tuples(st.just("break")),
    st.tuples(st.just("agent")),
)


@given(st.lists(steps))
def test_a_peer_ends_with_the_routes_that_the_agent_wants(
    history: list[tuple[object, ...]],
) -> None:
    rib, wanted, peer = session(), dict[bytes, Block](), dict[bytes, Block]()

    def send() -> None:
        for message in rib.messages(ENCODING):
            if message[18] == 5:
                continue
            found, _ = split_attributes(message[23:])
            codes = {code: message[23 + a : 23 + b] for _, code, _, a, b in found}
            block = OTHER if codes.get(5, b"")[-1:] == b"\xc8" else BLOCK
            for each in split_nlris(codes.get(14, bytes(9))[9:]):
                peer[each] = block
            for each in split_nlris(codes.get(15, bytes(3))[3:]):
                peer.pop(each, None)

    for step in history:
        match step:
            case ("announce", int(number), Block() as block):
                announce(rib, nlri(number), block=block)
                wanted[nlri(number)] = block
            case ("retract", int(number)):
                rib.retract([nlri(number)])
                wanted.pop(nlri(number), None)
            case ("send",):
                send()
            case ("refresh",):
                rib.resend(True)
            case ("break",):
                rib.reset()
                peer.clear()
                rib.replace_restart([], [])
            case ("agent",):
                rib.mark_stale()
                for each, block in wanted.items():
                    announce(rib, each, block=block)
                rib.sweep_stale()
    send()

    assert peer == wanted


@given(st.permutations(["announce", "retract"]))
def test_a_route_under_another_rd_is_announced_before_the_old_one_is_withdrawn(
    order: list[str],
) -> None:
    rib = session()
    announce(rib, nlri(1), nlri(2))
    told(rib)
    for step in order:
        if step == "announce":
            announce(rib, under(7, nlri(1)))
        else:
            rib.retract([nlri(1), nlri(2)])

    assert told(rib) == [
        ("-", nlri(2)),
        ("+", under(7, nlri(1))),
        ("-", nlri(1)),
    ]


def test_an_imet_route_under_another_rd_goes_first_too() -> None:
    imet = bytes.fromhex("0311 00010a0000010064 00000000 20 0a000001")
    rib = session()
    announce(rib, imet)
    told(rib)
    rib.retract([imet])
    announce(rib, under(7, imet))

    assert told(rib) == [("+", under(7, imet)), ("-", imet)]
