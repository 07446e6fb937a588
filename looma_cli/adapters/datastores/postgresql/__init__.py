"""PostgreSQL: a moment is an exported snapshot, a dump what ``pg_dump`` makes of it, one archive per database; no writer waits."""

from looma_cli.adapters.datastores.postgresql.driver import PostgresqlDatastore

__all__ = ["PostgresqlDatastore"]
