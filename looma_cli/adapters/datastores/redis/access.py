"""How the server in a container is reached: by tunnels made of a small Perl program there, which every Debian image can run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from looma_cli.adapters.datastores.redis.session import Session
from looma_cli.errors import LoomaError
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Engine, Program

# A program that is left early is ended by its mark, and must not take the others with it.
CONTROL, DUMP, LISTENER = MARKS = ("looma-backup", "looma-backup-dump", "looma-restore")
_TUNNEL = Path(__file__).with_name("tunnel.pl")


@dataclass(frozen=True, slots=True)
class Access:
    """``settings``: ``password_file`` (a path in the container), ``user``, ``port``; all optional."""

    engine: Engine
    workload: Workload
    settings: Mapping[str, str]

    @contextmanager
    def session(self, farewells: Sequence[str] = (), *, at: str = "") -> Iterator[Session]:
        """A connection, let in already. The farewells are commands sent when it ends, even because looma was killed. ``at`` (host:port):
        to another server that has the same account, from this one's container.

        Raises BackupFailed when the server does not let us in, with the first command."""
        with self._connected(CONTROL, farewells, at) as program:
            try:
                yield Session(program, self.workload.name)
            finally:
                with suppress(LoomaError):  # a program that has ended said why to whoever asked it
                    program.close_input()
                    program.finish()

    @contextmanager
    def channel(self) -> Iterator[Session]:
        """A connection that can be left in the middle of what it sends."""
        with self._connected(DUMP) as program:
            yield Session(program, self.workload.name)

    @contextmanager
    def listener(self) -> Iterator[tuple[Session, int]]:
        """The server's side of a connection that is still to come to the port in the container."""
        with self._tunnel(LISTENER, ["listen"]) as program:
            session = Session(program, self.workload.name)
            yield session, int(session.line())

    def end_all(self) -> None:
        for mark in MARKS:
            self.engine.end_programs(self.workload, mark)

    def _connected(self, mark: str, farewells: Sequence[str] = (), at: str = "") -> AbstractContextManager[Program]:
        account = [self.settings.get(name, "") for name in ("password_file", "user")]
        return self._tunnel(mark, ["connect", at or f"127.0.0.1:{self.settings.get('port', '6379')}", *account, *farewells])

    def _tunnel(self, mark: str, arguments: Sequence[str]) -> AbstractContextManager[Program]:
        command = ["perl", "-e", _TUNNEL.read_text(encoding="utf-8"), *arguments]
        return self.engine.open_program(self.workload, command, mark=mark)
