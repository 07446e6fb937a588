"""A moment of a PostgreSQL server: the snapshots of its databases, and the programs that dump them.

Each dump locks the tables a second time. It must come to that before somebody who waits to alter one stands between our lock and its
own; so the first ones start as soon as writers have been let go, and then wait for their reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from looma_cli.adapters.datastores.postgresql.access import Access
from looma_cli.adapters.datastores.postgresql.catalogue import POSITION
from looma_cli.adapters.datastores.postgresql.dump import GLOBALS, archive, archive_command, database_of, definitions_command, stream_name
from looma_cli.adapters.datastores.postgresql.fingerprint import fingerprint
from looma_cli.adapters.datastores.postgresql.globals import read_globals, script
from looma_cli.adapters.datastores.postgresql.holding import Hold
from looma_cli.adapters.datastores.postgresql.snapshot import Snapshot, snapshots
from looma_cli.errors import BackupFailed
from looma_cli.model.backup import Fingerprint
from looma_cli.model.protocols import Program

STARTED_AT_ONCE = 8  # databases; each takes some 40 MiB of the server's container


class PostgresqlMoment:
    """Implements ``Moment``. No writer ever waits for it, unless it has a ``hold``."""

    def __init__(self, access: Access, taken: list[Snapshot], programs: ExitStack, hold: Hold | None = None) -> None:
        self._hold = hold
        self._access = access
        self._snapshots = {one.database: one for one in taken}
        self._programs = programs
        self._started: dict[tuple[str, ...], Program] = {}
        self._released = False
        self._statements = read_globals(taken[0].session)
        self.position: Mapping[str, str] = (hold and hold.position) or taken[0].session.rows(POSITION)[0]
        self.streams: tuple[str, ...] = (GLOBALS, *(stream_name(one.database) for one in taken))

    def release(self) -> None:
        """Where nobody waits for this one, others are let go now: time to start what takes its time."""
        if not self._released:
            self._released = True
            if self._hold:
                self._hold.release()
            for command in self._lockers():
                self._started[tuple(command)] = self._programs.enter_context(self._access.program(command))

    def _lockers(self) -> list[list[str]]:
        snapshots = [one for one in self._snapshots.values() if one.has_tables][:STARTED_AT_ONCE]
        return [command for one in snapshots for command in (archive_command(one), definitions_command(one))]

    def fingerprint(self) -> Fingerprint:
        return fingerprint(self._snapshots.values(), self._statements, lambda one: self._running(one, definitions_command(one)))

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        if stream == GLOBALS:
            yield iter((script(self._statements),))
            return
        snapshot = self._snapshots.get(database_of(stream))
        if snapshot is None:
            raise BackupFailed(f"this moment has no stream {stream}", f"it has {', '.join(self.streams)}")
        with self._running(snapshot, archive_command(snapshot)) as program:
            yield archive(program, snapshot.database)

    @contextmanager
    def _running(self, snapshot: Snapshot, command: list[str]) -> Iterator[Program]:
        """The program that was started at once, or one that starts now (a second reading starts another)."""
        if program := self._started.pop(tuple(command), None):
            yield program
            return
        with self._access.program(command) as program:
            yield program


@contextmanager
def moment(access: Access, *, hold: bool = False) -> Iterator[PostgresqlMoment]:
    holding = Hold(access) if hold else None
    with snapshots(access, holding) as taken, ExitStack() as programs:
        yield PostgresqlMoment(access, taken, programs, holding)
