"""What is done with all tables of an EVI is done with each of them."""

import pytest

from evpnd.core.tables.nexthops import NexthopIds
from evpnd.core.tables.order import KernelTables, VrfTables
from evpnd.core.tables.table import Table

KEY = bytes((2, 0, 0, 0, 0, 1))


@pytest.mark.parametrize("tables", [KernelTables(), VrfTables(NexthopIds())])
def test_a_table_has_its_place_in_the_order(tables: KernelTables | VrfTables) -> None:
    held = [getattr(tables, name) for name in type(tables).__slots__]
    assert {id(each) for each in held if isinstance(each, Table)} == set(
        map(id, tables)
    )


def test_new_devices_leave_nothing_of_the_old_ones() -> None:
    tables = KernelTables()
    for table in tables:
        table.known = True
        table.actual[KEY] = KEY
        table.foreign.add(KEY)
        table.adopted.add(KEY)
        table.drift.lose(KEY)

    tables.forget()

    for table in tables:
        assert not table.known
        assert not any((table.actual, table.foreign, table.adopted, table.drift.lost))


def test_they_are_known_when_the_last_is() -> None:
    tables = KernelTables()
    for table in tables:
        assert not tables.known
        table.known = True

    assert tables.known
