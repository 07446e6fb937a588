"""Two PostgreSQL servers of which one is to follow the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload
from tests.datastores.following import Pair
from tests.datastores.postgresql_data import sql
from tests.datastores.postgresql_servers import started, store

TABLES = """
CREATE TABLE promised (id bigserial PRIMARY KEY, name text);
CREATE ROLE client LOGIN;
GRANT pg_read_all_data, pg_write_all_data TO client;
"""


@contextmanager
def two(api: EngineApi) -> Iterator[tuple[Workload, Workload]]:
    """A leader and one that is to follow it."""
    with started(api) as leader, started(api) as follower:
        sql(leader, TABLES)
        yield leader, follower


def pair_of(api: EngineApi, leader: Workload, follower: Workload) -> Pair:
    return Pair(
        lambda: store(leader),
        lambda: store(follower),
        address_of(api, leader),
        lambda name: insert(leader, name),
        lambda name: sql(follower, f"SET ROLE client; INSERT INTO promised (name) VALUES ('{name}')"),
    )


def insert(server: Workload, name: str) -> None:
    sql(server, f"INSERT INTO promised (name) VALUES ('{name}')")


def address_of(api: EngineApi, workload: Workload) -> str:
    (network,) = api.get(f"/containers/{workload.id}/json")["NetworkSettings"]["Networks"].values()
    return network["IPAddress"]
