"""What must hold in a fabric that has come to rest."""

from evpnd.model.rows import NTF_EXT_LEARNED
from tests.fakes.fabric import Fabric, Host
from tests.fakes.kernel import PORTS, VXLAN


def holders(fabric: Fabric, mac: bytes) -> set[int]:
    """Return the hosts that have a MAC on a tenant port."""
    return {
        number
        for number, host in enumerate(fabric.hosts)
        if (row := host.kernel.bridge.get(mac)) is not None and row.ifindex in PORTS
    }


def announcers(fabric: Fabric, mac: bytes) -> set[int]:
    """Return the hosts whose peers were told that they have a MAC."""
    return {
        number for number, host in enumerate(fabric.hosts) if mac in host.vrf.sent.macs
    }


def all_agree(fabric: Fabric) -> None:
    """Hold every host to what the others announce; wherever the MACs are."""
    vteps = {host.vtep for host in fabric.hosts}
    macs = {mac for host in fabric.hosts for mac in host.kernel.bridge}
    macs |= {mac for host in fabric.hosts for mac in host.kernel.vxlan}
    macs |= {mac for host in fabric.hosts for mac in host.vrf.sent.macs}
    for mac in macs:
        telling = announcers(fabric, mac)
        assert len(telling) <= 1, (mac.hex(), telling)
        for number, host in enumerate(fabric.hosts):
            remote = telling - {number}
            _check_rows(fabric, host, number, mac, remote.pop() if remote else None)
    for host in fabric.hosts:
        # A row of ours in a VLAN without stations would be there for ever.
        for mac, row in host.kernel.spare.items():
            assert row.ifindex in PORTS or mac in host.kernel.vxlan
        assert host.kernel.flood.keys() == vteps - {host.vtep}
        assert host.vrf.macs.local.keys() == {
            mac for mac, row in host.kernel.bridge.items() if row.ifindex in PORTS
        }
        assert host.vrf.neighbors.actual.keys() == host.kernel.neighbors.keys()
        assert host.leftover_actions() == []


def _check_rows(
    fabric: Fabric, host: Host, number: int, mac: bytes, remote: int | None
) -> None:
    row = host.kernel.vxlan.get(mac)
    on_port = number in holders(fabric, mac)
    if remote is None or (on_port and fabric.fixed.get(mac, (None,))[0] == number):
        assert row is None, (number, mac.hex())
        bridge = host.kernel.bridge.get(mac)
        assert bridge is None or bridge.ifindex in PORTS
        return
    assert not on_port, (number, mac.hex())
    assert row is not None, (number, mac.hex())
    assert row.flags & NTF_EXT_LEARNED
    assert row.dst == fabric.hosts[remote].vtep, (number, mac.hex())
    assert host.kernel.bridge[mac].ifindex == VXLAN


def stations_are_where_they_spoke(fabric: Fabric, *, aged: bool = True) -> None:
    """Hold the announcements and bindings to where the stations are.

    A station that comes back to its static row goes unheard, for the row does not
    change: then it is right only when the rows elsewhere have aged.
    """
    for mac, station in fabric.stations.items():
        owner = station.host
        fixed = fabric.fixed.get(mac)
        if fixed is not None and fixed[1]:
            owner = fixed[0]
        elif fixed is not None and fixed[0] == owner and not aged:
            continue
        assert announcers(fabric, mac) == {owner}, (mac.hex(), owner)
        if mac in fabric.fixed:
            continue
        assert fabric.hosts[owner].kernel.bridge[mac].ifindex == station.port
        for ip in station.ips:
            assert ip in fabric.hosts[owner].vrf.sent.macs[mac].ips
            for number, host in enumerate(fabric.hosts):
                if number == owner:
                    continue
                neighbor = host.kernel.neighbors[ip]
                assert (neighbor.mac, neighbor.is_note) == (mac, False)


def nobody_else_is_announced(fabric: Fabric) -> None:
    """Hold what is left of the stations that went away, once rows have aged."""
    for mac, (owner, _) in fabric.fixed.items():
        if mac not in fabric.stations:
            assert announcers(fabric, mac) == {owner}
    known = fabric.stations.keys() | fabric.fixed.keys()
    for host in fabric.hosts:
        assert host.vrf.sent.macs.keys() <= known
        assert {row.mac for row in host.kernel.neighbors.values()} <= known
