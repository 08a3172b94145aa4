"""Route distinguishers of EVIs that give none: router-id:index (RFC 4364, 4.2).

An RD that changed at a restart would leave the old routes beside the new ones at
peers that keep stale routes, so the index follows from the set of EVIs alone, not
from the order in which they came.
"""

from collections.abc import Iterable, Mapping

from evpnd.model.ids import RD_INDEXES, Rd

_NO_VRFS: Mapping[int, Rd | None] = {}


def derive_rds(
    router_id: bytes,
    configured: Mapping[int, Rd | None],
    discovered: Iterable[int],
    routed: Mapping[int, Rd | None] = _NO_VRFS,
) -> dict[int, Rd]:
    """Return the RD of each EVI and of each VRF, by its VNI.

    A given one stands. The index of another is its VNI where that is free, else the
    VNI's low 16 bits or the next free number, in the order of VNIs; VRFs (`routed`)
    choose after the EVIs that are configured, discovered EVIs after all others. Of more
    EVIs than there are indexes the last discovered ones are left out.
    """
    prefix = b"\x00\x01" + router_id
    given = (*configured.items(), *routed.items())
    rds = {vni: rd for vni, rd in given if rd is not None}
    taken = {int.from_bytes(rd[6:]) for rd in rds.values() if rd[:6] == prefix}
    taken.add(0)
    known = configured.keys() | routed.keys()
    for vnis in (
        configured.keys() - rds.keys(),
        routed.keys() - rds.keys(),
        set(discovered) - known,
    ):
        late: list[int] = []
        for vni in sorted(vnis):
            if vni in taken or vni > RD_INDEXES:
                late.append(vni)
                continue
            taken.add(vni)
            rds[vni] = Rd(prefix + vni.to_bytes(2))
        for vni in late[: RD_INDEXES + 1 - len(taken)]:
            index = vni & RD_INDEXES
            while index in taken:
                index = (index + 1) & RD_INDEXES
            taken.add(index)
            rds[vni] = Rd(prefix + index.to_bytes(2))
    return rds
