"""Transactions on the state: ``read`` is a consistent snapshot, ``write`` is alone from its start.

Nothing is opened before the first transaction; that one also creates the schema, or migrates an older one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from looma_cli.adapters.database.faults import translated
from looma_cli.adapters.database.sqlite import SqliteDatabase
from looma_cli.errors import InvalidValue

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from looma_cli.adapters.database.postgresql import PostgresqlDatabase
    from looma_cli.adapters.database.revisions import Upgrade
    from looma_cli.adapters.database.state import DatabaseState
    from looma_cli.model.protocols import Clock

BUSY_SECONDS = 30.0


class DatabaseStore:
    """Implements ``Store``. ``url`` can be printed: it hides the password. ``upgraded`` tells of a migration that the first
    transaction made, with the place of the copy."""

    def __init__(self, database: SqliteDatabase | PostgresqlDatabase, clock: Clock) -> None:
        self._clock = clock
        self._database = database
        self.url = database.url
        self.upgraded: Upgrade | None = None
        self.turn: Callable[[], AbstractContextManager[None]] = nullcontext  # around each write, among processes that write a lot
        self._ready = False
        self._preparing = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[DatabaseState]:
        """Everything read in it is of one moment; writers are not kept waiting."""
        with self._transaction(self._database.reading) as state:
            yield state

    @contextmanager
    def write(self) -> Iterator[DatabaseState]:
        """No other writer runs beside it; commits at its end, rolls back on any exception. Never open one inside another.

        What must be on the disk before anything else happens (see ``JournalSection``) is there when this returns.
        """
        with self.turn(), self._transaction(self._database.writing) as state:
            yield state
        if state.durable:
            self._database.synchronise()

    @contextmanager
    def _transaction(self, begin: Callable[[], AbstractContextManager[Connection]]) -> Iterator[DatabaseState]:
        from looma_cli.adapters.database.state import DatabaseState

        self.prepare()
        with translated(self._database.place), begin() as connection:
            yield DatabaseState(connection, self._clock)

    def prepare(self) -> None:
        """Creates the schema or migrates an older one, once. Raises StateUnusable, StateTooNew."""
        from looma_cli.adapters.database.revisions import ensure_current

        with self._preparing:
            if not self._ready:
                with translated(self._database.place):
                    self.upgraded = ensure_current(self._database, self._clock)
                self._ready = True

    def revision(self) -> str:
        """The schema's revision, as in ``migrations/versions``."""
        from looma_cli.adapters.database.revisions import HEAD

        self.prepare()
        return HEAD

    def check(self) -> list[str]:
        """Problems found by the database's own integrity check; empty when sound."""
        self.prepare()
        with translated(self._database.place), self._database.reading() as connection:
            return self._database.check(connection)

    def close(self) -> None:
        """Closes idle connections; the next transaction opens new ones."""
        self._database.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A writer's bare connection, for tests and for looking around; everything else goes through ``read`` and ``write``."""
        self.prepare()
        with translated(self._database.place), self._database.writing() as connection:
            yield connection


def database_at(text: str, busy_seconds: float = BUSY_SECONDS) -> SqliteDatabase | PostgresqlDatabase:
    """The database that LOOMA_DATABASE_URL names; nothing is opened. ``busy_seconds`` is how long a writer waits for others.

    Raises InvalidValue.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _bad_url("is not a URL") from error
    name = url.get_backend_name()
    if name == "sqlite" and url.database and url.database != ":memory:":
        return SqliteDatabase(Path(url.database).absolute(), busy_seconds)
    if name in ("postgresql", "postgres"):
        from looma_cli.adapters.database.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url, busy_seconds)
    raise _bad_url(f"names {name!r}, which looma cannot use")


def _bad_url(why: str) -> InvalidValue:
    """The URL itself may hold a password: it is not repeated."""
    return InvalidValue(f"LOOMA_DATABASE_URL {why}", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or leave it unset")
