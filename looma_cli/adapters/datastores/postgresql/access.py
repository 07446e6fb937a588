"""How the server in a container is reached: its own client programs, over the server's socket there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from looma_cli.adapters.datastores.postgresql.session import Session
from looma_cli.errors import LoomaError
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Engine, Program

# Dumps have marks of their own: one that is left early is ended by its mark, and must take no other with it, for the engine stalls over
# a program that has ended with output that nobody takes. ``abandon`` ends them by their connections to the server.
SESSION, RESTORE = MARKS = ("looma-backup", "looma-restore")
APPLICATION = "looma-backup"
FALLBACKS = ("postgres", "template1")  # every cluster has them, until somebody drops the first

# The password is read there, so that it is on no command line and in nobody's environment but the client's own.
_CLIENT = """
if [ -r "$1" ]; then PGPASSWORD=$(cat "$1"); export PGPASSWORD; fi
export PGUSER="$2" PGOPTIONS="$3" PGAPPNAME="$4" PGCONNECT_TIMEOUT=10
shift 4
exec "$@"
"""
# What an administrator set for the role or the database must not end a dump; they give way to options of the connection.
# The server looks every few seconds whether its client still lives: a killed one's query ends then.
OPTIONS: Mapping[str, str] = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "2s",
    "default_transaction_read_only": "off",
    "standard_conforming_strings": "on",
    "max_parallel_workers_per_gather": "0",  # the tenant's own queries want the processors, and a container's /dev/shm is small
}
_PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password", "--set=ON_ERROR_STOP=1")


@dataclass(frozen=True, slots=True)
class Access:
    """``settings``: ``user``, ``database``, ``password_file`` (a path in the container; it may be missing)."""

    engine: Engine
    workload: Workload
    settings: Mapping[str, str]

    @property
    def database(self) -> str:
        return self.settings.get("database") or self.user

    @property
    def user(self) -> str:
        return self.settings.get("user") or "postgres"

    def client(self, command: Sequence[str], options: Mapping[str, str] = OPTIONS) -> list[str]:
        """The command line that runs a client program as our account."""
        given = " ".join(f"-c {name}={value}" for name, value in options.items())
        password_file = self.settings.get("password_file", "")
        return ["sh", "-c", _CLIENT, "sh", password_file, self.user, given, APPLICATION, *command]

    def program(self, command: Sequence[str], mark: str = "", options: Mapping[str, str] = OPTIONS) -> AbstractContextManager[Program]:
        return self.engine.open_program(self.workload, self.client(command, options), mark=mark)

    @contextmanager
    def session(self, database: str, mark: str = SESSION) -> Iterator[Session]:
        """A connection that is kept open; ended with all that it held on leaving. Raises BackupFailed with its first statement."""
        with self.program(psql(database), mark) as program:
            try:
                yield Session(program, f"{self.workload.component}, database {database}")
            finally:
                with suppress(LoomaError):  # a program that has ended said why to whoever asked it
                    program.close_input()
                    program.finish()

    def end_all(self) -> None:
        for mark in MARKS:
            self.engine.end_programs(self.workload, mark)


def psql(database: str, *more: str) -> list[str]:
    return [*_PSQL, *more, f"--dbname={connection_to(database)}"]


def connection_to(database: str) -> str:
    """A connection string: a bare name with ``=`` in it would be taken for one. Source: libpq, "Connection Strings"."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"
