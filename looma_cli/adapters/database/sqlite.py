"""The state in one SQLite file: WAL, so that readers and the one writer do not wait for each other.

``synchronous`` is NORMAL: a power failure leaves the state whole, but may take back the last commits. Where one must not be taken back
(``Section.durable``) the log is synchronised here, as FULL would do after every commit; a commit is whole in the log or not in it, and
nothing later is without what came before. One fsync costs a millisecond or more: a ``tenant create`` has about ten commits, of which
few need it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DatabaseError

from looma_cli.adapters.database import faults
from looma_cli.adapters.database.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from looma_cli.errors import StateUnusable


class SqliteDatabase:
    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self.place = str(path)
        self.url = f"sqlite:///{path}"
        self._busy_seconds = busy_seconds
        self._folder_synchronised = False
        self._reader = self._transactions("PRAGMA query_only = ON", begin="BEGIN")
        self._writer = self._transactions("PRAGMA foreign_keys = ON", begin="BEGIN IMMEDIATE")

    def _transactions(self, pragma: str, *, begin: str) -> Transactions:
        """``mode=rw``: only ``create`` makes a file. Python's driver keeps out of transactions (``isolation_level=None``)."""
        path, busy_seconds = self.path, self._busy_seconds  # not self: SQLAlchemy keeps what opens a connection as long as that is open

        def connect() -> sqlite3.Connection:
            uri = f"{path.as_uri()}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(pragma)
            return connection

        return Transactions(connect, begin, self._busy_seconds)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """A snapshot; whoever writes in it all the same is refused."""
        return self._reader.transaction()

    def writing(self) -> AbstractContextManager[Connection]:
        """Alone from its start; commits at its end."""
        return self._writer.transaction()

    def synchronise(self) -> None:
        """Everything committed so far is on the disk afterwards."""
        try:
            _synchronise(self.path.with_name(f"{self.path.name}-wal"), os.O_RDONLY)
            if not self._folder_synchronised:
                synchronise(self.path.parent)
                self._folder_synchronised = True
        except FileNotFoundError:
            return  # the log was written into the file, and both were synchronised by SQLite, when its last user closed it
        except OSError as error:
            raise self._unusable(error) from error

    def revision(self, connection: Connection) -> str:
        """As in ``migrations/versions``. Raises StateUnusable for what is not a state of looma."""
        names = "SELECT count(*), sum(name IN ('alembic_version', 'installation')) FROM sqlite_master WHERE type = 'table'"
        tables, ours = connection.exec_driver_sql(names).one()
        if ours == 2:
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        raise faults.foreign(self.place, f"its {tables} tables are of another program")

    def exists(self) -> bool:
        """Whether there is something in the file. Raises StateUnusable where it cannot be looked at."""
        try:
            return self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error

    def create(self, fill: Callable[[Connection], None]) -> None:
        """The file appears complete or not at all: it is filled under another name by one process at a time, then renamed.

        ``fill`` writes the schema. Another process may have been first; then nothing is done.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone_in(self.path.parent):
                if not self.exists():
                    self._create(fill)
        except OSError as error:
            raise self._unusable(error) from error

    def _create(self, fill: Callable[[Connection], None]) -> None:
        unfinished = self.path.with_name(f"{self.path.name}.new")
        remove(unfinished)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        fresh = SqliteDatabase(unfinished, self._busy_seconds)
        try:
            with closing(sqlite3.connect(unfinished)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            with fresh.writing() as connection:
                fill(connection)
            fresh.close()
            remove(self.path)  # an empty file, and what belonged to a file that was taken away: its log would be read into the new one
            os.replace(unfinished, self.path)
            synchronise(self.path.parent)
        finally:
            fresh.close()
            remove(unfinished)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """An exclusive transaction without foreign keys; they are checked before it commits."""
        transactions = self._transactions("PRAGMA foreign_keys = OFF", begin="BEGIN IMMEDIATE")
        try:
            with transactions.transaction() as connection:
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise faults.corrupt(self.place, f"{len(broken)} rows refer to what is not there, first in {broken[0][0]}")
        finally:
            transactions.close()

    def copy(self, connection: Connection, name: str) -> str:
        """A copy beside the file, made by SQLite's online backup, while the caller keeps writers out. Returns its path."""
        target = self.path.with_name(f"{self.path.name}.before-{name}")
        unfinished = target.with_name(f"{target.name}.new")
        try:
            remove(unfinished)
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            source_uri = f"{self.path.as_uri()}?mode=ro"
            with closing(sqlite3.connect(source_uri, uri=True)) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
            os.replace(unfinished, target)
            synchronise(target.parent)
        except sqlite3.Error as error:
            remove(unfinished)
            wrapped = DatabaseError("copy", None, error)
            raise faults.unusable(wrapped, str(target)) from error
        except OSError as error:
            remove(unfinished)
            raise self._unusable(error) from error
        return str(target)

    def check(self, connection: Connection) -> list[str]:
        try:
            problems = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        except DatabaseError as error:
            return [str(error.orig)]
        return problems + [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there" for row in orphans]

    def _unusable(self, error: OSError) -> StateUnusable:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return faults.disk_full(self.place)
        return faults.not_writable(self.place, error.strerror or error)


def remove(path: Path) -> None:
    """The file and what SQLite keeps beside it, if they are there."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def synchronise(folder: Path) -> None:
    """A new name survives a power failure only when its folder has been synchronised."""
    _synchronise(folder, os.O_RDONLY | os.O_DIRECTORY)


def _synchronise(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go when it dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

