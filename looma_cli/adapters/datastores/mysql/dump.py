"""mysqldump as a stream: begun inside the held moment, checked to be of it, and known to be complete at its end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.inventory import VERSIONED, VIEW, Inventory
from looma_cli.adapters.datastores.mysql.rows import ONE_ROW_PER_STATEMENT
from looma_cli.adapters.datastores.mysql.session import SERVER_HINT, Version, last_words
from looma_cli.errors import BackupFailed
from looma_cli.model.protocols import Program

_POSITION = re.compile(rb"^-- CHANGE [A-Z ]+ TO [A-Z]+_LOG_FILE='([^']+)', [A-Z]+_LOG_POS=(\d+)", re.MULTILINE)
_COMPLETE = re.compile(rb"\n-- Dump completed[^\n]*\n\s*\Z")
_HEAD_BYTES = 64 << 10
_TAIL_BYTES = 256


class End:
    """Remembers the last bytes that passed by: whether they say that the dump is complete."""

    def __init__(self) -> None:
        self._tail = b""

    def seen(self, piece: bytes) -> bytes:
        self._tail = (self._tail + piece[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        return piece

    @property
    def complete(self) -> bool:
        return bool(_COMPLETE.search(self._tail))


class Dump:
    """Entered into ``stack``, which ends it. Raises BackupFailed."""

    def __init__(self, client: Client, options: list[str], stack: ExitStack) -> None:
        self._program: Program = stack.enter_context(client.dump(options))
        self._head = b""

    def begun(self, position: Mapping[str, str]) -> None:
        """Waits for its first bytes. They come after its transaction has begun: they are more than the few lines before, or all.

        Where the server has a binary log, those lines tell the position of the snapshot: the same as the moment's, or it is another.
        """
        self._head = self._next()
        if not position:
            return
        while not (found := _POSITION.search(self._head)) and len(self._head) < _HEAD_BYTES:
            self._head += self._next()
        seen = (found[1].decode(), found[2].decode()) if found else ("nowhere", "")
        if seen != (position["file"], position["position"]):
            raise BackupFailed(f"the dump began at {' '.join(seen)}, the moment is {position['file']} {position['position']}", "try again")

    def _next(self) -> bytes:
        piece = self._program.read()
        if not piece:
            raise self._ended_early(self._program.finish())
        return piece

    def pieces(self) -> Iterator[bytes]:
        """Once. Its end is reached only when mysqldump has said that it has done all, and ended well."""
        end = End()
        yield end.seen(self._head)
        while piece := self._program.read():
            yield end.seen(piece)
        code = self._program.finish()
        if code or not end.complete:
            raise self._ended_early(code)

    def _ended_early(self, code: int) -> BackupFailed:
        return BackupFailed(f"mysqldump ended early with exit code {code}: {last_words(self._program)}", SERVER_HINT)


def options(version: Version, inventory: Inventory, *, binary_log: bool, together: bool) -> list[str]:
    """Rows in one transaction, in the order of their primary keys (the table itself), bytes as hex; everything defined beside them.
    ``together``: many rows in a statement."""
    common = ["--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob", "--no-tablespaces"]
    position = [f"--{'master' if version.mariadb else 'source'}-data=2"] * binary_log
    own = [] if version.mariadb else ["--set-gtid-purged=OFF"]
    history = ["--dump-history"] * any(table.kind == VERSIONED for table in inventory.tables)
    views = [f"--ignore-table={table.schema}.{table.name}" for table in inventory.tables if table.kind == VIEW]  # see views.py
    rows = [] if together else [ONE_ROW_PER_STATEMENT]
    return [*common, *rows, *position, *own, *history, *views, "--databases", "--", *inventory.schemas]
