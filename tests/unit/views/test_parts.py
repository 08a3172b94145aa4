"""Parts of long tables: the same rows as the whole, in order."""

import pytest

from evpnd.model.ids import parse_ip
from evpnd.views import parts, show
from tests.fakes.host import PEERS, Host, announce, attributes

ONE, TWO = PEERS
NEAR, FAR = "10.0.0.2", "10.0.0.3"
MACS = [bytes((2, 0, 0, 0, 0, number)) for number in (9, 1, 5, 3, 7)]


@pytest.fixture
def host() -> Host:
    here = Host()
    here.up()
    here.run(announce(ONE, attributes(NEAR), NEAR, *MACS[:3]))
    keys = [mac + parse_ip(f"192.0.2.{mac[5]}") for mac in MACS[3:]]
    here.run(announce(TWO, attributes(FAR), FAR, *keys))
    return here


def test_parts_together_are_the_table_in_order(host: Host) -> None:
    seen = []
    for offset in (0, 2, 4, 6):
        total, rows = parts.macs(host.query, {"limit": 2, "offset": offset})
        assert total == len(MACS)
        seen += rows

    assert [row["mac"][-1] for row in seen] == list("13579")
    assert seen == sorted(show.macs(host.query), key=lambda row: row["mac"])


def test_bindings_come_in_the_order_of_their_addresses(host: Host) -> None:
    total, rows = parts.neighbors(host.query, {"limit": 9, "offset": 0})

    assert total == 2
    assert [row["ip"] for row in rows] == ["192.0.2.3", "192.0.2.7"]
    assert rows == sorted(show.neighbors(host.query), key=lambda row: row["ip"])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"vtep": FAR}, "37"),
        ({"vtep": NEAR}, "159"),
        ({"vtep": "10.9.9.9"}, ""),
        ({"kind": "remote"}, "13579"),
        ({"kind": "local"}, ""),
        ({"vni": 99}, ""),
        ({"vlan": 7}, ""),
    ],
)
def test_a_part_of_what_passes_the_filters(
    wanted: dict[str, object], found: str, host: Host
) -> None:
    total, rows = parts.macs(host.query, {"limit": 9, "offset": 0} | wanted)

    assert total == len(found)
    assert [row["mac"][-1] for row in rows] == list(found)
