"""``pg_dump`` of one snapshot: the archive that is saved, and the definitions alone for the fingerprint.

The custom format, not SQL: it begins with a table of its contents, so that ``pg_restore`` cannot take a cut one for a whole one; large
objects keep their size; and it goes through ``pg_restore`` without a file. Not compressed: that is restic's part, after it has
found what it has already.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

from looma_cli.adapters.datastores.postgresql.access import connection_to
from looma_cli.adapters.datastores.postgresql.session import HINT, last_words
from looma_cli.adapters.datastores.postgresql.snapshot import Snapshot
from looma_cli.errors import BackupFailed
from looma_cli.model.protocols import Program

GLOBALS = "globals"
_PREFIX = "database-"
_MAGIC = b"PGDMP"


def stream_name(database: str) -> str:
    return _PREFIX + quote(database, safe="")


def database_of(stream: str) -> str:
    """Raises BackupFailed for a name that is not of ours."""
    if not stream.startswith(_PREFIX):
        raise BackupFailed(f"a postgresql dump has no stream {stream}", "it has globals and one for each database")
    return unquote(stream.removeprefix(_PREFIX))


def archive_command(snapshot: Snapshot) -> list[str]:
    return [*_command(snapshot), "--format=custom", "--compress=0"]


def definitions_command(snapshot: Snapshot) -> list[str]:
    return [*_command(snapshot), "--schema-only", "--create", "--no-tablespaces"]


def _command(snapshot: Snapshot) -> list[str]:
    """It waits for a lock where somebody who wants to alter a table waits for ours already: neither would come to an end."""
    target = f"--dbname={connection_to(snapshot.database)}"
    return ["pg_dump", "--no-password", f"--snapshot={snapshot.id}", "--lock-wait-timeout=3000", target]


def whole_output(program: Program, database: str) -> Iterator[bytes]:
    """What it prints. Raises BackupFailed at the end unless it says itself that it has come to its end."""
    yield from iter(program.read, b"")
    if code := program.finish():
        raise BackupFailed(f"the dump of database {database} ended early (exit code {code}): {last_words(program)}", HINT)


def archive(program: Program, database: str) -> Iterator[bytes]:
    head = b""
    for piece in whole_output(program, database):
        head = head or piece[: len(_MAGIC)]
        yield piece
    if head != _MAGIC[: len(head)] or not head:
        raise BackupFailed(f"the dump of database {database} is no archive of pg_dump", HINT)
