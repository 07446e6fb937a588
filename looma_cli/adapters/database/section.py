"""What the sections of the state share: one connection inside one transaction, and the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import TableClause, delete, insert, select, update

from looma_cli.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from looma_cli.model.protocols import Clock


class Section:
    """``clock`` judges what has expired."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def _rows(self, columns: Iterable[ColumnElement[Any]], *where: ColumnElement[bool], order: Any = ()) -> Iterator[Any]:
        """Plain rows, read in one go."""
        order = order if isinstance(order, tuple) else (order,)
        return iter(self._connection.execute(select(*columns).where(*where).order_by(*order)).all())

    def _row(self, columns: Iterable[ColumnElement[Any]], *where: ColumnElement[bool]) -> Any | None:
        return self._connection.execute(select(*columns).where(*where)).first()

    def _insert(self, table: TableClause, rows: list[dict[str, Any]]) -> None:
        """One executemany; no rows are no statement."""
        if rows:
            self._connection.execute(insert(table), rows)

    def _delete(self, table: TableClause, *where: ColumnElement[bool]) -> None:
        self._connection.execute(delete(table).where(*where))

    def _upsert(self, table: TableClause, keys: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
        """Insert, or replace every other column of the row with the same ``keys`` (the primary key)."""
        if not rows:
            return
        if self._connection.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert as dialect_insert
        else:
            from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
        statement = dialect_insert(table)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def _update(self, table: TableClause, values: Mapping[str, Any], *where: ColumnElement[bool]) -> int:
        return self._connection.execute(update(table).where(*where).values(**values)).rowcount


def no_tenant(name: str) -> NotFound:
    return NotFound(f"there is no tenant {name}", "looma tenant list shows the tenants", tenant=name)
