"""EVIs whose RD or Ethernet Tag changes: announce with the new one, then withdraw.

The rows that peers have for us then lead to us all the time. One case is different:
where EVIs exchange them, a route that the other EVI announces under the old ones
must not be withdrawn afterwards. It is withdrawn at once, and the speaker, which then
hears the announcement, sends the peer nothing but the replacement.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from evpnd.core.announce.originator import Originator, announced
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import Action, WithdrawImet, WithdrawMacIp

Renamed = tuple[MacVrf, bytes]
"""An EVI, and the source (`source_of`) that it is to have."""


class Withdrawals(NamedTuple):
    """Withdrawals of routes with the old sources, and their time."""

    first: list[Action]
    last: list[Action]
    """Withdrawn after everything is announced with the new sources."""


def rename(renamed: Iterable[Renamed], originator: Originator) -> Withdrawals:
    """Set the new sources of EVIs and mark all their routes for announcement."""
    renamed = list(renamed)
    old = {vrf.source for vrf, _ in renamed}
    taken: dict[bytes, frozenset[bytes]] = {
        source: _keys(vrf) for vrf, source in renamed if source in old
    }
    withdrawals = Withdrawals([], [])
    for vrf, source in renamed:
        keys = taken.get(vrf.source, frozenset())
        for action in originator.withdraw_all(vrf):
            _divide(action, keys, withdrawals)
        vrf.source = source
        vrf.mark_all()
    return withdrawals


def _keys(vrf: MacVrf) -> frozenset[bytes]:
    """Return the keys that an EVI announces; type 3 by its originator."""
    return frozenset(
        advert.next_hop if advert.pmsi_vni is not None else key
        for advert, keys in announced(vrf)
        for key in keys
    )


def _divide(action: Action, taken: Collection[bytes], into: Withdrawals) -> None:
    match action:
        case WithdrawMacIp(peer, source, keys):
            for part, is_taken in ((into.first, True), (into.last, False)):
                some = [key for key in keys if (key in taken) is is_taken]
                if some:
                    part.append(WithdrawMacIp(peer, source, some))
        case WithdrawImet(originator=originator) if originator in taken:
            into.first.append(action)
        case _:
            into.last.append(action)
