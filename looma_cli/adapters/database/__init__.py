"""The state in SQLite or PostgreSQL: ``open_store`` gives a Store. Tables in ``tables.py``, migrations in ``migrations/``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from looma_cli.adapters.database.store import DatabaseStore
    from looma_cli.model.protocols import Clock


def open_store(home: Path, database_url: str | None = None, *, clock: Clock | None = None) -> DatabaseStore:
    """The store of this home, or the one at ``database_url``. Nothing is touched before its first transaction.

    Raises InvalidValue for a URL that is neither ``postgresql://`` nor ``sqlite:///``.
    """
    from looma_cli.adapters.clock import SystemClock
    from looma_cli.adapters.database.sqlite import SqliteDatabase
    from looma_cli.adapters.database.store import BUSY_SECONDS, DatabaseStore, database_at

    database = database_at(database_url) if database_url else SqliteDatabase((home / "looma.db").absolute(), BUSY_SECONDS)
    return DatabaseStore(database, clock or SystemClock())
