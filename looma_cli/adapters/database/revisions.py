"""Which revision a state has, and what to do about it: create it, migrate it, or refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from sqlalchemy import insert

from looma_cli.adapters.database.columns import INSTALLATION, VERSION
from looma_cli.errors import StateTooNew

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from looma_cli.adapters.database.postgresql import PostgresqlDatabase
    from looma_cli.adapters.database.sqlite import SqliteDatabase
    from looma_cli.model.protocols import Clock

REVISIONS = ("0001", "0002", "0003", "0004", "0005")  # of migrations/versions, oldest first; reading them would import alembic
HEAD = REVISIONS[-1]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A migration that was made; ``copy`` is where the state as it was before is kept."""

    before: str
    after: str
    copy: str


def ensure_current(database: SqliteDatabase | PostgresqlDatabase, clock: Clock) -> Upgrade | None:
    """The schema is of this release afterwards. Raises StateTooNew, StateUnusable."""
    if not database.exists():
        database.create(lambda connection: create(connection, clock))
    with database.reading() as connection:
        revision = database.revision(connection)
    if revision == HEAD:
        return None
    if revision not in REVISIONS:
        raise StateTooNew(
            f"the state {database.place} was written by a newer looma (revision {revision}, this one knows {HEAD})",
            "install the newer release of looma, or set LOOMA_HOME to another folder",
            revision=revision,
            known=HEAD,
        )
    from looma_cli.adapters.database.upgrade import upgrade

    return upgrade(database, clock)


def create(connection: Connection, clock: Clock) -> None:
    """The newest schema at once, without alembic and SQLModel; tests prove that migrating from the first revision gives the same, and that
    the statements are those of ``tables.py``."""
    from looma_cli.adapters.database.schema import STATEMENTS

    for statement in STATEMENTS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    connection.execute(insert(VERSION).values(version_num=HEAD))
    connection.execute(insert(INSTALLATION).values(number=1, id=token_hex(6), created_at=clock.now()))
