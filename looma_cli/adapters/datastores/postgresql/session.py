"""A ``psql`` that is kept open: statements go in, rows come out as one JSON object a line, and a mark after each statement's rows."""

from __future__ import annotations

import json
import secrets
from typing import Any

from looma_cli.errors import BackupFailed, CommandFailed
from looma_cli.model.protocols import Program

HINT = "looma tenant logs TENANT postgresql shows what happened"
Row = dict[str, Any]
_START = "\\encoding UTF8\nSET search_path = pg_catalog;\n"


class Session:
    """One connection. Everything raises BackupFailed, with the server's last words, once a statement has failed."""

    def __init__(self, program: Program, where: str) -> None:
        self._program = program
        self._where = where
        self._buffer = b""
        self._mark = f"end-{secrets.token_hex(8)}"
        self._pending = _START

    def send(self, statements: str) -> None:
        """One or more, each with its semicolon; ``answer`` takes their rows. Several may be under way."""
        text, self._pending = f"{self._pending}{statements}\n\\echo {self._mark}\n", ""
        try:
            self._program.write(text.encode())
        except CommandFailed as error:
            raise self.ended() from error

    def answer(self) -> list[Row]:
        rows = []
        while (line := self._line()) != self._mark:
            rows.append(self._row(line))
        return rows

    def _row(self, line: str) -> Row:
        """An engine that cannot start the client says so where its output would be."""
        try:
            return json.loads(line)
        except ValueError as error:
            raise BackupFailed(f"{self._where}: {line}", HINT) from error

    def rows(self, query: str) -> list[Row]:
        """Of one query, without a semicolon."""
        self.send(as_objects(query))
        return self.answer()

    def run(self, statements: str) -> None:
        self.send(statements)
        self.answer()

    def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            piece = self._program.read()
            if not piece:
                raise self.ended()
            self._buffer += piece
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.decode()

    def ended(self) -> BackupFailed:
        return BackupFailed(f"{self._where}: {last_words(self._program)}", HINT)


def as_objects(query: str) -> str:
    return f"SELECT row_to_json(found) FROM (\n{query}\n) AS found;"


def last_words(program: Program) -> str:
    """The line of its errors that says what was wrong; the server's hints and contexts come after it."""
    lines = [line.strip() for line in program.errors().splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("ERROR:", "FATAL:", "PANIC:", "error:"))]
    return (telling or lines or ["the connection ended without a word"])[-1]
