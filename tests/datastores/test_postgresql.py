"""The PostgreSQL driver on real servers: a dump brings everything back, again and again, whatever was there before."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.datastores.postgresql import PostgresqlDatastore
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from tests.datastores import postgresql_data as data
from tests.datastores.postgresql_data import fill, sql
from tests.datastores.postgresql_servers import readers, saved, started, store

pytestmark = pytest.mark.engine
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required) as server:
        fill(server)
        yield server


@pytest.fixture(scope="module")
def dump(source: Workload) -> tuple[Fingerprint, dict[str, bytes]]:
    return saved(store(source))


@pytest.fixture(scope="module")
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with started(engine_required, password="another-one") as server:
        yield server


@pytest.fixture(scope="module")
def restored(target: Workload, dump: tuple[Fingerprint, dict[str, bytes]]) -> Workload:
    store(target).restore(readers(dump[1]), lambda text: None)
    return target


def test_restored_server_has_the_fingerprint_of_the_dump(dump, restored: Workload) -> None:
    found = store(restored).fingerprint(dump[0])
    assert dump[0].differences(found, NOW) == []
    assert [(p.name, p.rows, p.checksum) for p in found.parts] == [(p.name, p.rows, p.checksum) for p in dump[0].parts]
