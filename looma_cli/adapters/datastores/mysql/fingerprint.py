"""Rows and a checksum per table, in the session's own snapshot.

``CHECKSUM TABLE … EXTENDED`` adds up a CRC of each row, so that order does not matter, and is a consistent read in a REPEATABLE READ
transaction (found so on MariaDB 10.11: tests/datastores/test_mysql_moment.py). It depends on the row format, thus on the server's version;
what is restored runs on the same image.
"""

from __future__ import annotations

from looma_cli.adapters.datastores.mysql.inventory import SEQUENCE, Inventory, Table
from looma_cli.adapters.datastores.mysql.session import SERVER_HINT, Session
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import FingerprintPart


def begin_snapshot(session: Session) -> None:
    session.each(["START TRANSACTION WITH CONSISTENT SNAPSHOT", "SAVEPOINT beginning"])


def table_parts(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    return [_rows(session, table) for table in inventory.tables if table.has_rows]


def sequence_parts(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    """Sequences follow no snapshot: where they stand is a least (of their distance, for those that count down)."""
    sequences = [table for table in inventory.tables if table.kind == SEQUENCE]
    found = session.each([f"SELECT next_not_cached_value * SIGN(increment) FROM {table.identifier}" for table in sequences])
    return [
        FingerprintPart(f"sequence {table.schema}.{table.name}", int(rows[0][0]), "", at_least=True)
        for table, rows in zip(sequences, found, strict=True)
    ]


def _rows(session: Session, table: Table) -> FingerprintPart:
    """Back at the savepoint the table's metadata lock is given up, so that nobody's ALTER TABLE waits for the whole backup."""
    checked, counted, _ = session.each(
        [
            f"CHECKSUM TABLE {table.identifier} EXTENDED",
            f"SELECT COUNT(*) FROM {table.identifier}",
            "ROLLBACK TO SAVEPOINT beginning",
        ]
    )
    checksum = checked[0][1]
    if not checksum.isdigit():
        raise BackupFailed(f"table {table.schema}.{table.name} cannot be read", f"CHECK TABLE says why; {SERVER_HINT}")
    return FingerprintPart(f"table {table.schema}.{table.name}", int(counted[0][0]), checksum)
