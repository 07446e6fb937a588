"""The driver of PostgreSQL, 15 or newer (grants on parameters; ``pg_dump`` and ``psql`` are the server's own)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress

from looma_cli.adapters.datastores.postgresql.access import APPLICATION, FALLBACKS, Access, psql
from looma_cli.adapters.datastores.postgresql.dump import definitions_command
from looma_cli.adapters.datastores.postgresql.fingerprint import fingerprint
from looma_cli.adapters.datastores.postgresql.globals import read_globals
from looma_cli.adapters.datastores.postgresql.moment import PostgresqlMoment, moment
from looma_cli.adapters.datastores.postgresql.restore import restore
from looma_cli.adapters.datastores.postgresql.snapshot import snapshots
from looma_cli.errors import BackupFailed, CommandFailed, NotAllowed, NotFound, Unhealthy
from looma_cli.model.backup import Fingerprint, StoreInformation
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks, Engine

# Over TCP first: while an official image sets itself up, its temporary server listens on the socket alone.
_READY = 'pg_isready --quiet --host=127.0.0.1 && exec "$@" --command="SELECT 1"'
_END_SESSIONS = (
    f"SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE application_name = '{APPLICATION}' AND pid <> pg_backend_pid()"
)


class PostgresqlDatastore:
    """Implements ``Datastore``. Not in a dump: template1, tablespaces (all goes to the default one), replication slots; the
    versions of extensions and the rows of materialized views are made anew on restoring."""

    driver = "postgresql"
    holds_writers = False
    follows = False

    def __init__(self, engine: Engine, workload: Workload, settings: Mapping[str, str]) -> None:
        self.name = workload.component
        self._access = Access(engine, workload, settings)

    def probe(self) -> StoreInformation:
        try:
            with self._access.session(self._access.database, mark="") as session:
                return StoreInformation("postgresql", session.rows("SELECT current_setting('server_version') AS version")[0]["version"])
        except (BackupFailed, CommandFailed, NotAllowed, NotFound) as error:
            raise Unhealthy(f"{self.name} does not answer: {error.message}", error.hint) from error

    def ready(self) -> bool:
        """A restore that was cut short may have left no database but template1."""
        return any(self._answers(database) for database in dict.fromkeys((self._access.database, *FALLBACKS)))

    def _answers(self, database: str) -> bool:
        command = self._access.client(["sh", "-c", _READY, "sh", *psql(database)])
        try:
            return self._access.engine.execute(self._access.workload, command)[0] == 0
        except (CommandFailed, NotAllowed, NotFound):
            return False

    def moment(self, *, hold: bool = False) -> AbstractContextManager[PostgresqlMoment]:
        return moment(self._access)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """``like`` is not needed: the parts do not depend on the data."""
        with snapshots(self._access) as taken:
            statements = read_globals(taken[0].session)
            return fingerprint(taken, statements, lambda one: self._access.program(definitions_command(one)))

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        restore(self._access, streams, progress)

    def abandon(self) -> None:
        self._access.end_all()
        with suppress(BackupFailed), self._access.session(FALLBACKS[-1], mark="") as session:
            session.rows(_END_SESSIONS)
