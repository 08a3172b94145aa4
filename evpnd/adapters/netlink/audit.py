"""Reads rows to compare them: whole tables by a dump, single rows by their keys."""

from contextlib import closing, suppress

from evpnd.adapters.netlink.dump import DumpInterruptedError, dump_fdb, dump_neighbors
from evpnd.adapters.netlink.lookup import RowReader
from evpnd.adapters.netlink.rtnl import (
    FAMILY_OF,
    NDA_DST,
    NDMSG,
    RTM_GETNEIGH,
    attribute,
    message,
)
from evpnd.model.actions import AuditRows, AuditTables
from evpnd.model.events import RowsAudited


def audit_tables(asked: AuditTables) -> RowsAudited:
    """Read the FDB and the neighbours of a bridge."""
    fdb = dump_fdb(asked.domain.bridge).rows
    neighbors = None
    if asked.domain.svi:
        with suppress(DumpInterruptedError):
            neighbors = dump_neighbors(asked.domain.svi).rows
    return RowsAudited(asked.domain, True, fdb, neighbors)  # noqa: FBT003


def audit_rows(asked: AuditRows) -> RowsAudited:
    """Read the rows that are named."""
    domain = asked.domain
    with closing(RowReader(domain)) as reader:
        reader.read_macs(asked.macs)
        reader.read([_neighbor(domain.svi, ip) for ip in asked.ips])
    return RowsAudited(asked.domain, False, reader.fdb, reader.neighbors)  # noqa: FBT003


def _neighbor(svi: int, ip: bytes) -> bytes:
    body = NDMSG.pack(FAMILY_OF[len(ip)], svi, 0, 0, 0)
    return message(RTM_GETNEIGH, 0, body + attribute(NDA_DST, ip))
