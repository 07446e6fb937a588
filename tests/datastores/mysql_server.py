"""A MySQL server of the tests: its driver, statements as root, and dumps that are kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from looma_cli.adapters.datastores.mysql import MysqlDatastore
from looma_cli.adapters.datastores.mysql.client import Client
from looma_cli.adapters.datastores.mysql.moment import MysqlMoment
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks
from tests.datastores.servers import engine, write_text

PASSWORD_FILE = "/run/secrets/mysql_root_password"
SETTINGS = {"driver": "mysql", "user": "root", "password_file": PASSWORD_FILE}
_CLIENT = (
    'MYSQL_PWD=$(cat "$1") exec mysql -u"$2" --batch --raw --skip-column-names --default-character-set=utf8mb4 --max-allowed-packet=64M'
)


def driver(workload: Workload) -> MysqlDatastore:
    """Of a server that is ready."""
    datastore = MysqlDatastore(engine(), workload, SETTINGS)
    deadline = time.monotonic() + 30
    while not datastore.ready():
        assert time.monotonic() < deadline, "the server did not become ready"
        time.sleep(0.1)
    return datastore


def client(workload: Workload) -> Client:
    return Client(engine(), workload, "root", PASSWORD_FILE)


def run(workload: Workload, sql: str, user: str = "root") -> str:
    return write_text(workload, ["sh", "-c", _CLIENT, "sh", PASSWORD_FILE, user], sql).rstrip("\n")


def saved(moment: MysqlMoment) -> dict[str, bytes]:
    streams = {}
    for name in moment.streams:
        with moment.dump(name) as chunks:
            streams[name] = b"".join(chunks)
    return streams


def opening(streams: Mapping[str, bytes]) -> dict[str, Callable[[], Chunks]]:
    return {name: lambda data=data: _pieces(data) for name, data in streams.items()}


@contextmanager
def _pieces(data: bytes) -> Iterator[Iterator[bytes]]:
    yield (data[at : at + 65536] for at in range(0, len(data), 65536))


def differences(wanted: Fingerprint, found: Fingerprint) -> list[str]:
    return wanted.differences(found, datetime.now(UTC))


class Writer:
    """Runs one statement again and again in a session of its own. ``longest``: the seconds that one took; ``end`` fails if one failed."""

    def __init__(self, workload: Workload, sql: str) -> None:
        self._workload, self._sql = workload, sql
        self.done, self.longest, self.failed = 0, 0.0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        while not self.done and not self.failed:
            time.sleep(0.01)

    def _write(self) -> None:
        with engine().open_program(self._workload, ["sh", "-c", f"{_CLIENT} --unbuffered", "sh", PASSWORD_FILE, "root"]) as program:
            while not self._stop.is_set():
                began = time.monotonic()
                program.write(f"{self._sql}\nSELECT 'done';\n".encode())
                if not program.read():
                    self.failed = program.errors() or "ended"
                    return
                self.longest = max(self.longest, time.monotonic() - began)
                self.done += 1
            program.close_input()
            program.finish()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the writer still waits"
        assert not self.failed, self.failed
