"""The driver of PostgreSQL, 15 or newer (grants on parameters; ``pg_dump`` and ``psql`` are the server's own)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress

from looma_cli.adapters.datastores.postgresql.access import APPLICATION, FALLBACKS, Access, psql
from looma_cli.adapters.datastores.postgresql.dump import definitions_command
from looma_cli.adapters.datastores.postgresql.fingerprint import fingerprint
from looma_cli.adapters.datastores.postgresql.following import follow
from looma_cli.adapters.datastores.postgresql.globals import read_globals
from looma_cli.adapters.datastores.postgresql.leading import dismiss, position
from looma_cli.adapters.datastores.postgresql.moment import PostgresqlMoment, moment
from looma_cli.adapters.datastores.postgresql.obstacle import obstacle
from looma_cli.adapters.datastores.postgresql.restore import restore
from looma_cli.adapters.datastores.postgresql.snapshot import snapshots
from looma_cli.adapters.datastores.postgresql.standby import promote, reached
from looma_cli.adapters.datastores.postgresql.written import written
from looma_cli.errors import BackupFailed, CommandFailed, NotAllowed, NotFound, ReplicationFailed, Unhealthy
from looma_cli.model.backup import Fingerprint, StoreInformation
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks, Datastore, Engine

# Over TCP first: while an official image sets itself up, its temporary server listens on the socket alone.
_READY = 'pg_isready --quiet --host=127.0.0.1 && exec "$@" --command="SELECT 1"'
_END_SESSIONS = (
    f"SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE application_name = '{APPLICATION}' AND pid <> pg_backend_pid()"
)


class PostgresqlDatastore:
    """Implements ``Datastore``; follows by physical replication. Not in a dump: template1, tablespaces (all goes to the default one),
    replication slots; the versions of extensions and the rows of materialized views are made anew on restoring."""

    driver = "postgresql"
    holds_writers = False
    follows = True

    def __init__(self, engine: Engine, workload: Workload, settings: Mapping[str, str]) -> None:
        self.name = workload.component
        self.access = Access(engine, workload, settings)

    def probe(self) -> StoreInformation:
        try:
            with self.access.session(self.access.database, mark="") as session:
                return StoreInformation("postgresql", session.rows("SELECT current_setting('server_version') AS version")[0]["version"])
        except (BackupFailed, CommandFailed, NotAllowed, NotFound) as error:
            raise Unhealthy(f"{self.name} does not answer: {error.message}", error.hint) from error

    def ready(self) -> bool:
        """A restore that was cut short may have left no database but template1."""
        return any(self._answers(database) for database in dict.fromkeys((self.access.database, *FALLBACKS)))

    def _answers(self, database: str) -> bool:
        command = self.access.client(["sh", "-c", _READY, "sh", *psql(database)])
        try:
            return self.access.engine.execute(self.access.workload, command)[0] == 0
        except (CommandFailed, NotAllowed, NotFound):
            return False

    def moment(self, *, hold: bool = False) -> AbstractContextManager[PostgresqlMoment]:
        return moment(self.access, hold=hold)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """``like`` is not needed: the parts do not depend on the data."""
        with snapshots(self.access) as taken:
            statements = read_globals(taken[0].session)
            return fingerprint(taken, statements, lambda one: self.access.program(definitions_command(one)))

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        restore(self.access, streams, progress)

    def abandon(self) -> None:
        self.access.engine.end_beside(self.access.workload)
        with suppress(BackupFailed, NotAllowed):  # a follower whose copy was cut short stands still
            self.access.end_all()
            with self.access.session(FALLBACKS[-1], mark="") as session:
                session.rows(_END_SESSIONS)

    def obstacle(self, leader: Datastore) -> str:
        if not isinstance(leader, PostgresqlDatastore):
            return f"{self.name} cannot follow a server of {leader.driver}"
        return obstacle(self.access, leader.access)

    def follow(self, leader: Datastore, address: str, progress: Callable[[str], None]) -> None:
        if not isinstance(leader, PostgresqlDatastore):
            raise ReplicationFailed(f"{self.name} cannot follow a server of {leader.driver}", "both must be of one kind")
        follow(self.access, leader.access, address, progress)

    def position(self) -> Mapping[str, str]:
        return position(self.access)

    def reached(self, position: Mapping[str, str]) -> bool:
        return reached(self.access, position)

    def promote(self) -> None:
        promote(self.access)

    def written(self) -> int:
        return written(self.access)

    def dismiss(self) -> None:
        dismiss(self.access)
