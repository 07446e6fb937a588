"""PostgreSQL servers for the driver's tests, and dumps of them in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from looma_cli.adapters.datastores.postgresql import PostgresqlDatastore
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from tests.datastores.servers import PASSWORD, engine, running

SETTINGS = {"driver": "postgresql", "user": "looma", "database": "looma", "password_file": "/run/secrets/postgres_password"}
PIECE = 1 << 16


def store(server: Workload, settings: Mapping[str, str] = SETTINGS) -> PostgresqlDatastore:
    return PostgresqlDatastore(engine(), server, settings)


@contextmanager
def started(api: EngineApi, *, password: str = PASSWORD, memory_bytes: int = 0) -> Iterator[Workload]:
    """A fresh server that answers."""
    with running(api, "postgresql", password=password, memory_bytes=memory_bytes) as server:
        wait_until(store(server).ready)
        yield server


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@dataclass(frozen=True)
class Saved:
    fingerprint: Fingerprint
    streams: dict[str, bytes]


def saved(source: PostgresqlDatastore) -> Saved:
    """One moment: its fingerprint and all of its streams."""
    with source.moment() as moment:
        moment.release()
        streams = {}
        for name in moment.streams:
            with moment.dump(name) as chunks:
                streams[name] = b"".join(chunks)
        return Saved(moment.fingerprint(), streams)


def readers(streams: Mapping[str, bytes]) -> dict[str, Callable[[], AbstractContextManager[Iterator[bytes]]]]:
    """As ``restore`` takes them."""
    return {name: lambda content=content: nullcontext(_pieces(content)) for name, content in streams.items()}


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[start : start + PIECE] for start in range(0, len(content), PIECE))
