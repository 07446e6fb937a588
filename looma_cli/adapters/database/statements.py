"""Statements that ask for equality, made once each: SQLAlchemy spends more time on making a statement than SQLite on running it."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    Insert,
    Select,
    TableClause,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)

Columns = tuple[ColumnElement[Any], ...]
Names = tuple[str, ...]


def of(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a condition: their names differ from those of new values."""
    return {f"of_{name}": value for name, value in values.items()}


def _equal(table: TableClause, names: Names) -> list[ColumnElement[bool]]:
    return [table.c[name] == _parameter(name) for name in names]


def _parameter(name: str) -> BindParameter[Any]:
    return bindparam(f"of_{name}")


@cache
def find(columns: Columns, order: Columns, names: Names) -> Select[Any]:
    """The rows of the columns' table in which the columns of these names equal the parameters ``of``."""
    table: TableClause = columns[0].table  # type: ignore[attr-defined]
    return select(*columns).where(*_equal(table, names)).order_by(*order)


@cache
def add(table: TableClause) -> Insert:
    return insert(table)


@cache
def change(table: TableClause, changed: Names, names: Names) -> Update:
    return update(table).where(*_equal(table, names)).values({name: bindparam(name) for name in changed})


@cache
def remove(table: TableClause, names: Names) -> Delete:
    return delete(table).where(*_equal(table, names))


@cache
def put(dialect: str, table: TableClause, keys: Names, names: Names) -> Insert:
    """Insert, or replace every other column of the row with the same ``keys`` (the primary key)."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as dialect_insert
    else:
        from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
    statement = dialect_insert(table)
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)
