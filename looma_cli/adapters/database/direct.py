"""SQLite's driver, asked directly: SQLAlchemy writes a statement's SQL once and says how its values are stored, and is not asked again.
What it does around each run takes many times as long as SQLite takes for the rows of one tenant.

On the driver's connection of a SQLAlchemy connection, so inside the same transaction; what the driver raises is raised as SQLAlchemy would.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, Connection

Process = Callable[[Any], Any]
Values = Mapping[str, Any]

_DIALECT = SQLiteDialect_pysqlite()


class Prepared:
    """A statement as text, with what is done to its parameters and to its columns. ``keys`` are the columns that an insert is given."""

    def __init__(self, statement: ClauseElement, keys: tuple[str, ...]) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT, column_keys=list(keys) or None)
        self.sql = str(compiled)
        self._parameters = [_parameter(compiled.binds[name]) for name in compiled.positiontup]
        self._stored = [(position, process) for position, (*_, process) in enumerate(self._parameters) if process is not None]
        self._names = [name for name, *_ in self._parameters]
        self._given = all(required for _, required, *_ in self._parameters)
        columns = getattr(statement, "selected_columns", ())
        processors = [column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None) for column in columns]
        self._processed = [(position, process) for position, process in enumerate(processors) if process is not None]

    def values(self, given: Values) -> list[Any]:
        """In the order of the question marks."""
        if self._given:
            values = [given[name] for name in self._names]
        else:
            values = [given[name] if required else default for name, required, default, _ in self._parameters]
        for position, process in self._stored:
            values[position] = process(values[position])
        return values

    def rows(self, found: list[Any]) -> list[Sequence[Any]]:
        if not self._processed:
            return found
        rows = list(map(list, found))
        for position, process in self._processed:
            for row in rows:
                row[position] = process(row[position])
        return rows


def _parameter(bind: Any) -> tuple[str, bool, Any, Process | None]:
    """Its name, whether it has to be given, what it is otherwise, and what makes of it what is stored."""
    return bind.key, bind.required, bind.value, bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


@cache
def prepared(statement: ClauseElement, keys: tuple[str, ...] = ()) -> Prepared:
    """Statements live as long as the process: they are made once each."""
    return Prepared(statement, keys)


class Driver:
    """The driver's connection under a SQLAlchemy connection to SQLite."""

    def __init__(self, connection: Connection) -> None:
        self._connection: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]

    def rows(self, statement: ClauseElement, parameters: Values) -> list[Sequence[Any]]:
        one = prepared(statement)
        return one.rows(self._run(self._connection.execute, one, one.values(parameters)).fetchall())

    def each(self, statement: ClauseElement, parameters: Values) -> Iterable[Sequence[Any]]:
        """Row by row, as SQLite has them: flags are 0 and 1."""
        one = prepared(statement)
        return self._run(self._connection.execute, one, one.values(parameters))

    def change(self, statement: ClauseElement, parameters: Values) -> int:
        """How many rows were changed."""
        one = prepared(statement)
        return self._run(self._connection.execute, one, one.values(parameters)).rowcount

    def add(self, statement: ClauseElement, rows: Sequence[Values]) -> None:
        """One executemany of an insert; all rows have the same columns."""
        one = prepared(statement, tuple(rows[0]))
        self._run(self._connection.executemany, one, [one.values(row) for row in rows])

    @staticmethod
    def _run(run: Callable[..., sqlite3.Cursor], one: Prepared, values: list[Any]) -> sqlite3.Cursor:
        try:
            return run(one.sql, values)
        except sqlite3.Error as error:
            raise raised(error, one.sql) from error


def raised(error: sqlite3.Error, sql: str) -> Exception:
    """What SQLAlchemy raises where the driver raises this."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True, dialect=_DIALECT)  # type: ignore[return-value]
