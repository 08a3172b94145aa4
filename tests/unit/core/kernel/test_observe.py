"""What the kernel tells changes the tables, and what matters is said."""

from evpnd.model.domain import NO_VTEP
from evpnd.model.events import FdbObserved
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NTF_SELF, NUD_REACHABLE, FdbRow
from evpnd.views.show import macs
from tests.fakes.host import PEERS, Host, announce, attributes
from tests.fakes.kernel import PORTS, VXLAN

MAC = b"\2\0\0\0\0\1"
VTEP = "10.0.0.2"


def test_a_row_that_takes_the_place_of_ours_is_told_once_and_shown() -> None:
    here = Host()
    here.up()
    here.run(announce(PEERS[0], attributes(VTEP), VTEP, MAC))
    theirs = FdbRow(True, VXLAN, MAC, 0, NUD_REACHABLE, NTF_SELF, parse_ip("10.9.9.9"))
    here.run(FdbObserved([theirs]), FdbObserved([theirs]))

    (told,) = [n for n in here.notices if n.event == "row_taken_by_others"]
    assert told.fields["vtep"] == "10.9.9.9"
    (row,) = macs(here.query)
    assert row["state"] == "inactive"


def test_a_row_that_went_from_another_port_leaves_the_mac_where_it_is() -> None:
    here = Host()
    here.up()
    one, two = PORTS[:2]
    left = FdbRow(True, one, MAC, 0, NUD_REACHABLE, 0, NO_VTEP)
    here.run(FdbObserved([left]))
    # It moved: the kernel may tell of its new port before it tells of the old one.
    here.run(FdbObserved([left._replace(ifindex=two)]))
    here.run(FdbObserved([left._replace(present=False)]))

    (row,) = macs(here.query)
    assert (row["kind"], row["state"]) == ("local", "advertised")
    assert here.vrf.macs.local[MAC].port == two

    here.run(FdbObserved([left._replace(ifindex=two, present=False)]))

    assert list(macs(here.query)) == []
