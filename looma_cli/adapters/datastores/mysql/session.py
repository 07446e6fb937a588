"""A session with the server that stays open: one client program, a statement in, its rows out, until a marker that follows it."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from looma_cli.adapters.datastores.mysql.client import SESSION, Client
from looma_cli.adapters.datastores.mysql.text import Row, row
from looma_cli.errors import BackupFailed, CommandFailed, LoomaError, NotAllowed, NotFound
from looma_cli.model.protocols import Program

SERVER_HINT = "looma tenant logs shows what the server says"
AT_ONCE = 200  # statements on the way together: one round trip for many, and little of their output in memory


@dataclass(frozen=True)
class Version:
    """``text`` as the server says it; ``number`` to compare within one of the two families."""

    text: str

    @property
    def mariadb(self) -> bool:
        return "mariadb" in self.text.lower()

    @property
    def number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.text)[:3])


class Session:
    """Raises BackupFailed with the server's last words; then the session is over."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._marker = f"end-{secrets.token_hex(8)}".encode()
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self.version = Version(self.rows("SELECT VERSION()")[0][0])

    def rows(self, statement: str) -> list[Row]:
        return self.each([statement])[0]

    def value(self, statement: str) -> str:
        return self.rows(statement)[0][0]

    def each(self, statements: Sequence[str]) -> list[list[Row]]:
        """The rows of each statement."""
        slices = (statements[at : at + AT_ONCE] for at in range(0, len(statements), AT_ONCE))
        return [rows for some in slices for rows in self._together(some)]

    def _together(self, statements: Sequence[str]) -> list[list[Row]]:
        marker = self._marker.decode()
        text = "".join(f"{statement};\nSELECT '{marker}';\n" for statement in statements)
        try:
            self._program.write(text.encode("utf-8", errors="surrogateescape"))
        except CommandFailed as error:
            raise self._refused() from error
        return [list(self._until_marker()) for _ in statements]

    def _until_marker(self) -> Iterator[Row]:
        while (line := self._line()) != self._marker:
            yield row(line)

    def _line(self) -> bytes:
        while not self._lines:
            piece = self._program.read()
            if not piece:
                raise self._refused()
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._lines.extend(lines)
        return self._lines.popleft()

    def _refused(self) -> BackupFailed:
        return BackupFailed(f"the MySQL server refused: {last_words(self._program)}", SERVER_HINT)

    def close(self) -> None:
        """The connection ends, and with it its locks and its transaction."""
        self._program.close_input()
        self._program.finish()


MOST_LINES, MOST_WORDS = 20, 300
_RULE = "-----"
_ANSWER = re.compile(r"ERROR\b|(mysql|mariadb)(-?dump)?: ")


def last_words(program: Program) -> str:
    """The line of a client's standard error that has the server's answer. Never the statement, which it shows before that between two
    rules: it may be a customer's data."""
    lines = [line.strip() for line in program.errors().splitlines() if line.strip()]
    telling = [line for line in lines if _ANSWER.match(line)]
    if not telling and not any(line.startswith(_RULE) for line in lines):
        telling = lines if len(lines) < MOST_LINES else []
    return telling[-1][:MOST_WORDS] if telling else "the client ended without a word"


@contextmanager
def opened(client: Client, *, idle_seconds: int, mark: str = SESSION) -> Iterator[Session]:
    """A session of known settings; the server ends it when nothing comes for ``idle_seconds``, with all it holds.

    Raises BackupFailed, also when the container does not run.
    """
    with ExitStack() as stack:
        try:
            program = stack.enter_context(client.query(mark))
        except (NotFound, NotAllowed) as error:
            raise BackupFailed(f"{client.workload.component} does not run: {error.message}", "looma tenant start starts it") from error
        session = Session(program)
        session.each(settings(session.version, idle_seconds))
        yield session
        with suppress(LoomaError):  # the work is done; a client that is gone already has nothing left to close
            session.close()


@contextmanager
def global_setting(session: Session, name: str, value: int) -> Iterator[None]:
    """For connections that begin meanwhile. Cut short, it stays until the server starts again: nothing that hurts."""
    before = session.value(f"SELECT @@GLOBAL.{name}")
    session.rows(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        with suppress(LoomaError):  # the server may be what is gone
            session.rows(f"SET GLOBAL {name} = {before}")


def settings(version: Version, idle_seconds: int) -> list[str]:
    """Defaults that a server's configuration may have changed. Without the binary log a savepoint gives metadata locks back
    (MariaDB's ``ha_rollback_to_savepoint_can_release_mdl``), and nothing of ours is replicated."""
    common = [
        "SET SESSION sql_mode = '', time_zone = '+00:00', sql_log_bin = 0, sql_quote_show_create = 1",
        f"SET SESSION wait_timeout = {idle_seconds}",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ]
    if version.mariadb:
        return [*common, "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0"]
    return [*common, "SET SESSION max_execution_time = 0, print_identified_with_as_hex = ON"]
