"""One instant of every database of a server: a session each, in a transaction whose snapshot other programs may share.

Writers are not held back, unless somebody asks for it. Tables are locked against being dropped, altered or emptied by TRUNCATE, which no
snapshot covers; the lock is taken before the snapshot, so that nothing of the kind can come between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from looma_cli.adapters.datastores.postgresql.access import FALLBACKS, Access
from looma_cli.adapters.datastores.postgresql.catalogue import DATABASES, HAS_TABLES, LOCK_STATEMENT, SEQUENCES, UNLOCKED
from looma_cli.adapters.datastores.postgresql.holding import ATTEMPTS as HOLD_ATTEMPTS
from looma_cli.adapters.datastores.postgresql.holding import Hold
from looma_cli.adapters.datastores.postgresql.session import Row, Session, as_objects
from looma_cli.errors import BackupFailed

ATTEMPTS = 4
# A value's text must not depend on what an administrator set for the role or the database.
_FORMS = """
SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex';
SET xmloption = 'content'; SET xmlbinary = 'base64'; SET lc_monetary = 'C';
SET quote_all_identifiers = off; SET row_security = off; SET jit = off;
"""
_BEGIN = f"""{_FORMS}
{LOCK_STATEMENT}
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET lock_timeout = '1s';
:lock_tables;
SET lock_timeout = 0;
{as_objects("SELECT pg_export_snapshot() AS id")}
{as_objects(HAS_TABLES)}
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Of one database. ``id`` is what ``pg_dump --snapshot`` takes. ``sequences`` (name, steps, definition) were read just after it."""

    database: str
    session: Session
    id: str
    has_tables: bool
    sequences: tuple[Row, ...]


@contextmanager
def snapshots(access: Access, hold: Hold | None = None) -> Iterator[list[Snapshot]]:
    """In the order of the databases' names; writers wait for it and from then on where there is a ``hold``. Raises BackupFailed when
    tables or databases come and go all the time, or a table is locked for seconds."""
    attempts = ATTEMPTS if hold is None else HOLD_ATTEMPTS
    for attempt in range(1, attempts + 1):
        with ExitStack() as sessions:
            try:
                taken = _take(access, sessions, hold)
            except BackupFailed:
                if attempt == attempts:
                    raise
                continue
            yield taken
            return


def _take(access: Access, sessions: ExitStack, hold: Hold | None) -> list[Snapshot]:
    names, opened = _first(access, sessions)
    opened |= {name: sessions.enter_context(access.session(name)) for name in names if name not in opened}
    if hold is not None:
        hold.take(sessions, opened[names[0]], names)
    for name in names:
        opened[name].send(_BEGIN)
    begun = {name: opened[name].answer() for name in names}
    taken = [_snapshot(name, opened[name], begun[name]) for name in names]
    if _names(taken[0].session.rows(DATABASES)) != names:
        raise BackupFailed(f"{access.workload.component}: databases were made or dropped while a snapshot was taken", "run it again")
    return taken


def _snapshot(name: str, session: Session, found: Sequence[Row]) -> Snapshot:
    session.send(as_objects(UNLOCKED))
    session.send(as_objects(SEQUENCES))
    if new := session.answer():
        raise BackupFailed(f"table {new[0]['name']} of database {name} was made while a snapshot was taken", "run it again")
    return Snapshot(name, session, found[0]["id"], found[1]["tables"], tuple(session.answer()))


def _first(access: Access, sessions: ExitStack) -> tuple[list[str], dict[str, Session]]:
    """The names of all databases, and the session that told them, unless that is in the mould of new ones: nobody could use it."""
    errors: list[BackupFailed] = []
    for database in dict.fromkeys((access.database, *FALLBACKS)):
        with ExitStack() as one:
            try:
                session = one.enter_context(access.session(database))
                names = _open_ones(access, session.rows(DATABASES))
            except BackupFailed as error:
                errors.append(error)
                continue
            if database not in names:
                return names, {}
            sessions.push(one.pop_all())
            return names, {database: session}
    raise errors[0]


def _open_ones(access: Access, found: Sequence[Row]) -> list[str]:
    where = access.workload.component
    if closed := [row["name"] for row in found if not row["open"]]:
        hint = f'ALTER DATABASE "{closed[0]}" ALLOW_CONNECTIONS true'
        raise BackupFailed(f"{where}: database {closed[0]} cannot be backed up: it allows no connections", hint)
    if not found:
        raise BackupFailed(f"{where} has no database", f"looma expects one called {access.database}")
    return _names(found)


def _names(found: Sequence[Row]) -> list[str]:
    return [row["name"] for row in found]
