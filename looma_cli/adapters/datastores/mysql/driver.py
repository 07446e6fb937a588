"""The driver for servers of the MySQL protocol.

Written for MySQL 8.4 (the registry's image) and MariaDB 10.11 (the local one); only MariaDB was run. What differs in MySQL follows its
manual and was not seen working: names of statements and options, accounts with default roles, and that CHECKSUM TABLE reads a snapshot.

Its limits: tables that no snapshot covers (MyISAM, Aria, MEMORY) are locked against writes until the whole dump has been read, not
only until ``release``. A change of definitions while the dump runs fails it. The server's own schemas (plugins, loadable functions,
foreign servers, global variables) are not dumped. Restored events run when the server's event scheduler does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from looma_cli.adapters.datastores.mysql import following
from looma_cli.adapters.datastores.mysql.accounts import account_part, accounts
from looma_cli.adapters.datastores.mysql.client import MARKS, Client
from looma_cli.adapters.datastores.mysql.definitions import definitions
from looma_cli.adapters.datastores.mysql.fingerprint import begin_snapshot, sequence_parts, table_parts
from looma_cli.adapters.datastores.mysql.inventory import inventory
from looma_cli.adapters.datastores.mysql.moment import IDLE_SECONDS, MysqlMoment, assembled, moment
from looma_cli.adapters.datastores.mysql.restore import restore
from looma_cli.adapters.datastores.mysql.session import Session, opened
from looma_cli.adapters.datastores.mysql.written import written
from looma_cli.errors import BackupFailed, ReplicationFailed, Unhealthy
from looma_cli.model.backup import Fingerprint, StoreInformation
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks, Datastore, Engine

QUESTION_SECONDS = 10


class MysqlDatastore:
    """Implements ``Datastore``. ``settings``: ``user`` (root) and ``password_file``, a path in the container."""

    driver = "mysql"
    holds_writers = True
    follows = True

    def __init__(self, engine: Engine, workload: Workload, settings: Mapping[str, str]) -> None:
        self.name = workload.component
        self._engine = engine
        self._workload = workload
        self.client = Client(engine, workload, settings.get("user", "root"), settings.get("password_file", ""))

    def probe(self) -> StoreInformation:
        try:
            with opened(self.client, idle_seconds=QUESTION_SECONDS, mark="") as session:
                return _information(session)
        except BackupFailed as error:
            raise Unhealthy(error.message, error.hint) from error

    def ready(self) -> bool:
        """The official image's set-up server listens on its socket only, and goes away again."""
        try:
            with opened(self.client, idle_seconds=QUESTION_SECONDS, mark="") as session:
                return session.value("SELECT @@skip_networking") == "0"
        except BackupFailed:
            return False

    def moment(self, *, hold: bool = False) -> AbstractContextManager[MysqlMoment]:
        return moment(self.client)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """Its parts are the server's tables; ``like`` has no say."""
        with opened(self.client, idle_seconds=IDLE_SECONDS) as session:
            begin_snapshot(session)
            found = inventory(session)
            rows = [*table_parts(session, found), *sequence_parts(session, found)]
            return assembled([*rows, *definitions(session, found), account_part(accounts(session))])

    def obstacle(self, leader: Datastore) -> str:
        return following.obstacle(_client_of(leader), self.client)

    def follow(self, leader: Datastore, address: str, progress: Callable[[str], None]) -> None:
        following.follow(_client_of(leader), self.client, address, progress)

    def position(self) -> Mapping[str, str]:
        return following.position(self.client)

    def reached(self, position: Mapping[str, str]) -> bool:
        return following.reached(self.client, position)

    def promote(self) -> None:
        following.promote(self.client)

    def written(self) -> int:
        return written(self.client)

    def dismiss(self) -> None:
        following.dismiss(self.client)

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        restore(self.client, streams, progress)

    def abandon(self) -> None:
        """The server drops the locks and the transaction of a client that is gone."""
        for mark in MARKS:
            self._engine.end_programs(self._workload, mark)


def _client_of(other: Datastore) -> Client:
    if not isinstance(other, MysqlDatastore):
        raise ReplicationFailed(f"{other.name} is of the driver {other.driver}", "both must be of the same")
    return other.client


def _information(session: Session) -> StoreInformation:
    return StoreInformation("mariadb" if session.version.mariadb else "mysql", session.version.text)
