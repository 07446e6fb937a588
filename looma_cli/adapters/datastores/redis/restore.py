"""A restore without a restart: for the server looma is the primary of a replication, and its one full synchronisation is the dump.

The server keeps what it had until all has arrived, and needs no memory for both.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.persistence import wait_until_saved
from looma_cli.adapters.datastores.redis.session import HINT, Session, information
from looma_cli.errors import BackupFailed

HOST = "127.0.0.1"
REPORT_BYTES = 64 << 20
_FREE = ("NO", "ONE")


def restore(access: Access, chunks: Iterable[bytes], progress: Callable[[str], None]) -> None:
    """Raises BackupFailed; what raises while ``chunks`` are read passes on, and the server keeps what it had."""
    with access.session(["REPLICAOF NO ONE"]) as control:
        control.call("CONFIG", "SET", "repl-diskless-load", "disabled")  # only what has arrived completely replaces what is there
        with _as_primary_of(access, control) as line:
            _send(line, chunks, progress)
            progress("loading")
            _wait_until_loaded(control)
            control.call("REPLICAOF", *_FREE)
        wait_until_saved(control)


def free(access: Access) -> None:
    """End what an earlier restore left: a server that follows an address of its own container. Idempotent."""
    with access.session() as control:
        control.call("CLIENT", "UNPAUSE")
        state = information(control, "replication")
        if state["role"] == "slave" and state["master_host"] == HOST:
            control.call("REPLICAOF", *_FREE)


@contextmanager
def _as_primary_of(access: Access, control: Session) -> Iterator[Session]:
    with access.listener() as (line, port):
        control.call("REPLICAOF", HOST, port)
        try:
            _greet(line)
            yield line
        finally:
            with suppress(BackupFailed):  # a server that is gone follows nobody
                control.call("REPLICAOF", *_FREE)


def _greet(line: Session) -> None:
    """What a replica asks before a full synchronisation. Source: redis.io, "Redis replication"; replication.c, ``syncWithMaster``."""
    answers = {b"PING": b"+PONG\r\n", b"AUTH": b"+OK\r\n", b"REPLCONF": b"+OK\r\n"}
    while (asked := line.reply()[0].upper()) != b"PSYNC":
        line.write(answers.get(asked, b"-ERR unknown command\r\n"))
    line.write(f"+FULLRESYNC {secrets.token_hex(20)} 0\r\n".encode())


def _send(line: Session, chunks: Iterable[bytes], progress: Callable[[str], None]) -> None:
    """The mark at the end is what tells all from a part."""
    mark = secrets.token_hex(20).encode()
    line.write(b"$EOF:" + mark + b"\r\n")
    sent = 0
    for chunk in chunks:
        line.write(chunk)
        if (sent + len(chunk)) // REPORT_BYTES > sent // REPORT_BYTES:
            progress(f"{(sent + len(chunk)) >> 20} MiB")
        sent += len(chunk)
    line.write(mark)


def _wait_until_loaded(control: Session) -> None:
    """A replica that has given up begins to connect anew. Source: redis.io, "ROLE"."""
    while (state := control.call("ROLE")[3]) != b"connected":
        if state in (b"connect", b"connecting"):
            raise BackupFailed("redis did not take the dump: it ended the transfer", "is its volume full? " + HINT)
        time.sleep(0.02)
