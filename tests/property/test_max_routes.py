"""`max-routes`, whatever a peer sends, withdraws and loses, and whatever is set."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.model.actions import ResetSession
from evpnd.model.config import MaxRoutes, MaxRoutesAction
from evpnd.model.events import ConfigChanged, PeerWentDown, PeerWentUp, RefreshMarked
from evpnd.views import routes
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    end_of_rib,
    withdraw,
    withdraw_imet,
)

PEER = PEERS[0]
VTEPS = ("10.0.0.2", "10.0.0.3")
macs = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(
    lambda numbers: [b"\2\0\0\0\0" + bytes([number]) for number in numbers]
)
rejecting = st.builds(
    MaxRoutes, st.integers(1, 5), st.integers(1, 100), st.just(MaxRoutesAction.REJECT)
)
limits = rejecting | st.none() | st.builds(MaxRoutes, st.integers(1, 5))
steps = st.lists(
    st.tuples(st.just("announce"), st.sampled_from(VTEPS), st.integers(0, 2), macs)
    | st.tuples(st.just("withdraw"), st.sampled_from(VTEPS), st.just(0), macs)
    | st.tuples(st.sampled_from(["imet", "no-imet"]), st.sampled_from(VTEPS))
    | st.tuples(st.sampled_from(["restart", "rebooted", "begin", "end", "lost"]))
    | st.tuples(st.just("configure"), limits),
    min_size=5,
    max_size=25,
)


def configured(limit: MaxRoutes | None) -> ConfigChanged:
    first, second = config().peers
    return ConfigChanged(config(peers=(replace(first, max_routes=limit), second)))


def perform(here: Host, step: tuple[object, ...]) -> None:
    match step:
        case ("announce", str(vtep), int(med), list(keys)):
            here.run(announce(PEER, attributes(vtep, med=med), vtep, *keys))
        case ("withdraw", str(vtep), _, list(keys)):
            here.run(withdraw(PEER, vtep, *keys))
        case ("imet", str(vtep)):
            here.run(announce_imet(PEER, vtep))
        case ("no-imet", str(vtep)):
            here.run(withdraw_imet(PEER, vtep))
        case ("restart",):
            here.run(PeerWentDown(PEER, "closed"))
            here.run(PeerWentUp(PEER, restart_time=60, forwarding=True))
        case ("rebooted",):
            here.run(PeerWentDown(PEER, "closed"))
            here.run(PeerWentUp(PEER, restart_time=60, forwarding=False))
        case ("lost",):
            here.run(PeerWentDown(PEER, "closed", graceful=False))
            here.run(PeerWentUp(PEER, restart_time=60))
        case ("begin",):
            here.run(RefreshMarked(PEER, ended=False))
        case ("end",):
            here.run(end_of_rib(PEER))
        case ("configure", limit):
            assert limit is None or isinstance(limit, MaxRoutes)
            here.run(configured(limit))


def judge(here: Host) -> None:
    peering = here.engine.peering
    rib, quota = peering.sessions[PEER].rib, peering.quotas.get(PEER)
    accepted = [row for row in routes.routes(here.query) if row["accepted"]]
    if quota is None:
        assert len(accepted) == len(rib)
        return
    assert quota.size == len(rib)
    most = quota.settings.limit
    if quota.settings.action is MaxRoutesAction.WARN:
        assert len(accepted) == len(rib)
    elif rib.again is None:
        assert len(accepted) == min(most, len(rib))
    else:
        # Places are given away when it is known which routes stay.
        assert len(accepted) <= most
    inside = {bytes.fromhex(r["mac"].replace(":", "")) for r in accepted if r["mac"]}
    assert here.remote_macs().keys() == inside
    originators = {row["originator"] for row in accepted if row["type"] == 3}
    assert len(here.kernel.flood) == len(originators)


@settings(max_examples=200)
@given(first=rejecting, steps=steps)
def test_as_many_are_inside_as_there_is_room_for(
    first: MaxRoutes, steps: list[tuple[object, ...]]
) -> None:
    here = Host()
    here.up()
    here.run(configured(first))
    here.run(PeerWentDown(PEER, "closed", graceful=False))
    here.run(PeerWentUp(PEER, restart_time=60), end_of_rib(PEER))
    for step in steps:
        perform(here, step)
        judge(here)


@given(steps=steps, limit=st.integers(1, 8))
def test_a_session_that_is_over_ends_once(
    steps: list[tuple[object, ...]], limit: int
) -> None:
    here = Host()
    here.up()
    here.run(configured(MaxRoutes(limit, action=MaxRoutesAction.RESTART)))
    for step in steps:
        if step[0] in ("configure", "restart", "rebooted", "lost"):
            continue
        perform(here, step)
        resets = [each for each in here.bgp if isinstance(each, ResetSession)]
        quota = here.engine.peering.quotas[PEER]
        assert len(resets) == int(quota.ending)
        assert quota.ending == (quota.size > limit)
