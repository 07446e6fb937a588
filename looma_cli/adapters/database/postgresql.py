"""The state in PostgreSQL, for a team: writers queue at one advisory lock, so that ``write`` is as exclusive as on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, create_engine, text

from looma_cli.adapters.database import faults

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = 0x6C6F6F6D61  # "looma"
CONNECT_SECONDS = 10


class PostgresqlDatabase:
    def __init__(self, url: URL, busy_seconds: float) -> None:
        self.url = self.place = url.set(drivername="postgresql").render_as_string(hide_password=True)
        options = f"-c timezone=UTC -c lock_timeout={int(busy_seconds * 1000)} -c client_min_messages=warning"
        arguments = {"connect_timeout": CONNECT_SECONDS, "options": options, "application_name": "looma"}
        engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, max_overflow=-1)
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # READ COMMITTED: under REPEATABLE READ the snapshot would be older than the lock.
        self._writer = engine.execution_options(isolation_level="READ COMMITTED")

    def close(self) -> None:
        self._reader.dispose()  # its pool is the writer's too

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._writer.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            yield connection

    def synchronise(self) -> None:
        """PostgreSQL itself keeps every commit (``synchronous_commit``)."""

    def exists(self) -> bool:
        with self.reading() as connection:
            return self._has(connection, "alembic_version") or self._has(connection, "tenants")

    def revision(self, connection: Connection) -> str:
        if self._has(connection, "alembic_version") and self._has(connection, "installation"):
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        raise faults.foreign(self.place, "its tables are of another program")

    @staticmethod
    def _has(connection: Connection, table: str) -> bool:
        """Asked of the catalog's rows: ``to_regclass`` may answer from a cache that is older than the lock."""
        statement = text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name")
        return connection.execute(statement, {"name": table}).scalar_one() == 1

    def create(self, fill: Callable[[Connection], None]) -> None:
        """In one transaction, by one session at a time; another may have been first."""
        with self.writing() as connection:
            if not self._has(connection, "alembic_version"):
                fill(connection)

    def migrating(self) -> AbstractContextManager[Connection]:
        return self.writing()

    def copy(self, connection: Connection, name: str) -> str:
        """A schema with a copy of every table, in the migration's own transaction. Returns its name."""
        from sqlalchemy import inspect

        schema = f"before_{name}".lower().replace("-", "_")
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(f"CREATE SCHEMA {quote(schema)}")
        for table in inspect(connection).get_table_names():
            connection.exec_driver_sql(f"CREATE TABLE {quote(schema)}.{quote(table)} AS TABLE {quote(table)}")
        return f"schema {schema}"

    def check(self, connection: Connection) -> list[str]:
        """Constraints and indexes that PostgreSQL itself holds for invalid."""
        constraints = "SELECT conname FROM pg_constraint WHERE NOT convalidated AND connamespace = current_schema()::regnamespace"
        indexes = (
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace"
        )
        invalid = [f"constraint {row[0]} is not validated" for row in connection.exec_driver_sql(constraints)]
        return invalid + [f"index {row[0]} is not valid" for row in connection.exec_driver_sql(indexes)]
