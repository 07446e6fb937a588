"""The drivers keep the promises that the fake datastore keeps, each on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.datastores import mysql_server, postgresql_data, postgresql_servers, redis_data
from tests.datastores.promises import PROMISES, Server
from tests.datastores.servers import running

pytestmark = pytest.mark.engine


def mysql(api: EngineApi) -> Iterator[Server]:
    with running(api, "mysql") as one:
        mysql_server.driver(one)
        mysql_server.run(one, "CREATE TABLE looma.promised (name VARCHAR(40)); INSERT INTO looma.promised VALUES ('first');")
        yield Server(
            lambda: mysql_server.driver(one), lambda name: mysql_server.run(one, f"INSERT INTO looma.promised VALUES ('{name}');")
        )


def postgresql(api: EngineApi) -> Iterator[Server]:
    with postgresql_servers.started(api) as one:
        postgresql_data.sql(one, "CREATE TABLE promised (name text); INSERT INTO promised VALUES ('first');")
        yield Server(
            lambda: postgresql_servers.store(one), lambda name: postgresql_data.sql(one, f"INSERT INTO promised VALUES ('{name}');")
        )


def redis(api: EngineApi) -> Iterator[Server]:
    with running(api, "redis") as one:
        redis_data.driver(one)
        redis_data.ask(one, "SET", "first", "x")
        rise = lambda: api.post(f"/containers/{one.id}/start")  # noqa: E731  no answer but a status: running already is none
        yield Server(lambda: redis_data.driver(one), lambda name: redis_data.ask(one, "SET", name, "x"), rise)


@pytest.fixture(scope="module", params=[mysql, postgresql, redis], ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest, engine_required: EngineApi) -> Iterator[Server]:
    yield from request.param(engine_required)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(server: Server, promise: Callable[[Server], None]) -> None:
    promise(server)
