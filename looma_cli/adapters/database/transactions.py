"""Transactions on SQLite, begun and ended by its driver itself.

SQLAlchemy's pool, its transactions and its events take longer around one than SQLite takes for the rows of one tenant. So its connections
are kept here, each for one transaction at a time, and what SQLAlchemy takes for a transaction of its own lasts as long as they do.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from looma_cli.adapters.database import faults
from looma_cli.adapters.database.direct import raised

if TYPE_CHECKING:
    from typing import Any

Connect = Callable[[], sqlite3.Connection]


class Transactions:
    """``connect`` opens a connection of the driver that begins nothing by itself; ``begin`` is what begins a transaction. Where SQLite
    gives up early for another writer, it is asked again for ``busy_seconds``."""

    def __init__(self, connect: Connect, begin: str, busy_seconds: float) -> None:
        self._engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        self._begin = begin
        self._busy_seconds = busy_seconds
        self._idle: list[Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commits at its end, rolls back on any exception. Raises what SQLAlchemy would."""
        idle = self._idle
        connection = self._connected(idle)
        driver: Any = connection.connection.dbapi_connection
        try:
            self._begun(driver)
            yield connection
            _run(driver.commit, "COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # what went wrong before says more
                driver.rollback()
            raise
        finally:
            if idle is self._idle and not driver.in_transaction:
                idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Those that are not in use; a later transaction opens a new one."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connected(self, idle: list[Connection]) -> Connection:
        try:
            return idle.pop()
        except IndexError:
            return self._engine.connect()

    def _begun(self, driver: sqlite3.Connection) -> None:
        """SQLite itself waits for other writers, but gives up early while the log is recovered."""
        started = time.monotonic()
        try:
            _run(lambda: driver.execute(self._begin), self._begin)
        except DBAPIError as error:
            left = self._busy_seconds - (time.monotonic() - started)
            if not faults.is_busy(error) or left <= 0:
                raise
            _again(lambda: _run(lambda: driver.execute(self._begin), self._begin), left)


def _run(run: Callable[[], object], sql: str) -> None:
    try:
        run()
    except sqlite3.Error as error:
        raise raised(error, sql) from error


def _again(run: Callable[[], None], seconds: float) -> None:
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

    def is_busy(error: BaseException) -> bool:
        return isinstance(error, DBAPIError) and faults.is_busy(error)

    attempts = Retrying(retry=retry_if_exception(is_busy), stop=stop_after_delay(seconds), wait=wait_random(0.01, 0.2), reraise=True)
    attempts(run)
