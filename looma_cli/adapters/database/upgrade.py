"""Migrates an older state with Alembic, after a copy of it has been made; imported only when there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from looma_cli.adapters.database.revisions import HEAD, Upgrade

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from looma_cli.adapters.database.postgresql import PostgresqlDatabase
    from looma_cli.adapters.database.sqlite import SqliteDatabase
    from looma_cli.model.protocols import Clock

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: SqliteDatabase | PostgresqlDatabase, clock: Clock) -> Upgrade | None:
    """Copy and migration are one exclusive transaction, looked at again inside: another process may have been first."""
    with database.migrating() as connection:
        before = database.revision(connection)
        if before == HEAD:
            return None
        copy = database.copy(connection, f"{HEAD}-{clock.now():%Y%m%dT%H%M%SZ}")
        migrate(connection, HEAD)
    return Upgrade(before, HEAD, copy)


def migrate(connection: Connection, revision: str) -> None:
    """Walk the migrations on this connection, inside its transaction."""
    configuration = Config(attributes={"connection": connection})
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    command.upgrade(configuration, revision)
