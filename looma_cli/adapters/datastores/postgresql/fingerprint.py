"""What a server holds, part by part, read in the snapshots' own sessions: rows, large objects, sequences, definitions, roles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from looma_cli.adapters.datastores.postgresql.catalogue import LARGE_OBJECTS, POPULATED_VIEWS, TABLES, row_hashes
from looma_cli.adapters.datastores.postgresql.definitions import Definitions, lines_of
from looma_cli.adapters.datastores.postgresql.dump import whole_output
from looma_cli.adapters.datastores.postgresql.globals import roles_part
from looma_cli.adapters.datastores.postgresql.session import HINT
from looma_cli.adapters.datastores.postgresql.snapshot import Snapshot
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import Fingerprint, FingerprintPart
from looma_cli.model.protocols import Program

SchemaDump = Callable[[Snapshot], AbstractContextManager[Program]]


def fingerprint(snapshots: Iterable[Snapshot], statements: list[str], schema_dump: SchemaDump) -> Fingerprint:
    """``schema_dump`` opens the ``pg_dump --schema-only`` of a snapshot."""
    parts = [roles_part(statements)]
    for snapshot in snapshots:
        parts += _definitions(snapshot, schema_dump)
        parts += _sequences(snapshot)
        parts += _tables(snapshot)
        parts.append(_large_objects(snapshot))
        parts.append(_populated(snapshot))
    return Fingerprint(tuple(sorted(parts, key=lambda part: part.name)))


def _definitions(snapshot: Snapshot, schema_dump: SchemaDump) -> list[FingerprintPart]:
    found = Definitions()
    with schema_dump(snapshot) as program:
        for line in lines_of(whole_output(program, snapshot.database)):
            found.take(line)
    if not found.complete:
        raise BackupFailed(f"pg_dump did not print all definitions of database {snapshot.database}", HINT)
    return found.parts(snapshot.database)


def _sequences(snapshot: Snapshot) -> Iterator[FingerprintPart]:
    for row in snapshot.sequences:
        name = f"sequence {snapshot.database}.{row['name']}"
        yield FingerprintPart(name, int(row["steps"]), _digest(row["definition"]), at_least=True)


def _tables(snapshot: Snapshot) -> Iterator[FingerprintPart]:
    """Partitions add up to the table they are of."""
    rows: dict[str, int] = {}
    sums: dict[str, int] = {}
    for table in snapshot.session.rows(TABLES):
        found = snapshot.session.rows(row_hashes(table["relation"], table["columns"]))[0]
        name = table["name"]
        rows[name] = rows.get(name, 0) + found["rows"]
        sums[name] = sums.get(name, 0) + int(found["checksum"])
    for name, count in rows.items():
        yield FingerprintPart(f"table {snapshot.database}.{name}", count, f"{sums[name] % (1 << 64):016x}")


def _large_objects(snapshot: Snapshot) -> FingerprintPart:
    found = snapshot.session.rows(LARGE_OBJECTS)[0]
    return FingerprintPart(f"large objects {snapshot.database}", found["rows"], _digest(f"{found['content']} {found['objects']}"))


def _populated(snapshot: Snapshot) -> FingerprintPart:
    names = [row["name"] for row in snapshot.session.rows(POPULATED_VIEWS)]
    return FingerprintPart(f"materialized views {snapshot.database}", len(names), _digest("\n".join(names)), definition=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
