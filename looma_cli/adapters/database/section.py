"""What the sections of the state share: one connection inside one transaction, and the time."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from looma_cli.adapters.database import statements
from looma_cli.adapters.database.direct import Driver
from looma_cli.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection, Delete, Insert, Select, TableClause, Update

    from looma_cli.adapters.database.statements import Columns, Names
    from looma_cli.model.protocols import Clock


class Section:
    """``clock`` judges what has expired. ``durable`` is set by what must survive a power failure once it has returned."""

    durable = False

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._driver = Driver(connection) if connection.dialect.name == "sqlite" else None
        self._clock = clock
        self._there: set[str] = set()  # tenants that this transaction has added

    def now(self) -> datetime:
        """A shared server's own clock, which is the same for every machine; else this machine's."""
        if self._connection.dialect.name != "postgresql":
            return self._clock.now()
        # not now(): that is when the transaction began, before it waited for its turn to write
        return self._connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()

    def _rows(self, statement: Select[Any], parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """Plain rows of a statement that is made once."""
        if self._driver is not None:
            return self._driver.rows(statement, parameters)
        return self._connection.execute(statement, parameters).all()

    def _each(self, columns: Columns, order: Columns, **equal: Any) -> Iterable[Sequence[Any]]:
        """As ``_find``, one row after the other where there may be hundreds of thousands. On SQLite nothing is made of what is stored:
        flags are 0 and 1, times are text."""
        given = {name: value for name, value in equal.items() if value is not None}
        statement, parameters = statements.find(columns, order, tuple(given)), statements.of(given)
        return self._driver.each(statement, parameters) if self._driver is not None else self._connection.execute(statement, parameters)

    def _find(self, columns: Columns, order: Columns = (), **equal: Any) -> Sequence[Sequence[Any]]:
        """Plain rows; a condition that is None is none."""
        given = {name: value for name, value in equal.items() if value is not None}
        return self._rows(statements.find(columns, order, tuple(given)), statements.of(given))

    def _run(self, statement: Update | Delete, parameters: dict[str, Any]) -> int:
        """How many rows were changed."""
        if self._driver is not None:
            return self._driver.change(statement, parameters)
        return self._connection.execute(statement, parameters).rowcount

    def _insert(self, statement: Insert, rows: list[dict[str, Any]]) -> None:
        """One executemany; no rows are no statement."""
        if rows and self._driver is not None:
            self._driver.add(statement, rows)
        elif rows:
            self._connection.execute(statement, rows)

    def _add(self, table: TableClause, rows: list[dict[str, Any]]) -> None:
        self._insert(statements.add(table), rows)

    def _put(self, table: TableClause, keys: Names, rows: list[dict[str, Any]]) -> None:
        """Add, or replace those with the same ``keys``."""
        if rows:
            self._insert(statements.put(self._connection.dialect.name, table, keys, tuple(rows[0])), rows)

    def _change(self, table: TableClause, values: dict[str, Any], **equal: Any) -> int:
        """How many rows were changed."""
        return self._run(statements.change(table, tuple(values), tuple(equal)), values | statements.of(equal))

    def _remove(self, table: TableClause, **equal: Any) -> None:
        self._run(statements.remove(table, tuple(equal)), statements.of(equal))

    def _statement(self) -> AbstractContextManager[Any]:
        """What fails within leaves the transaction usable: SQLite sees to that itself, PostgreSQL needs a savepoint."""
        return nullcontext() if self._driver is not None else self._connection.begin_nested()


@contextmanager
def uncollected() -> Iterator[None]:
    """While many nouns are built, and none of them is garbage: the collector would walk over all of them again and again, for a quarter
    of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def no_tenant(name: str) -> NotFound:
    return NotFound(f"there is no tenant {name}", "looma tenant list shows the tenants", tenant=name)
