"""Two PostgreSQL servers of which one is to follow the other, and writers of the one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload
from tests.datastores.following import Pair
from tests.datastores.postgresql_data import sql
from tests.datastores.postgresql_servers import started, store, wait_until

TABLES = """
CREATE TABLE promised (id bigserial PRIMARY KEY, name text);
CREATE ROLE client LOGIN;
GRANT pg_read_all_data, pg_write_all_data TO client;
GRANT USAGE ON SEQUENCE promised_id_seq TO client;
"""


@dataclass(frozen=True)
class Two:
    """``leader`` and ``follower`` are their containers."""

    api: EngineApi
    leader: Workload
    follower: Workload

    @property
    def pair(self) -> Pair:
        """Its address is that of the leader as it runs now."""
        return Pair(
            lambda: store(self.leader),
            lambda: store(self.follower),
            self._address(),
            lambda name: _insert(self.leader, name),
            lambda name: _insert(self.follower, name),
        )

    def _address(self) -> str:
        (network,) = self.api.get(f"/containers/{self.leader.id}/json")["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def end(self, workload: Workload, how: str) -> None:
        """``kill`` (with signal 9) or ``stop``."""
        self.api.post(f"/containers/{workload.id}/{how}")

    def start(self, workload: Workload) -> None:
        self.api.post(f"/containers/{workload.id}/start")
        wait_until(store(workload).ready)


@contextmanager
def two_servers(api: EngineApi) -> Iterator[Two]:
    with started(api) as leader, started(api) as follower:
        sql(leader, TABLES)
        yield Two(api, leader, follower)


def _insert(server: Workload, name: str) -> None:
    sql(server, f"SET ROLE client; INSERT INTO promised (name) VALUES ('{name}')")


class Writers:
    """Threads that add rows ``writer ...``, each a commit, until ``end``, which tells how many were acknowledged. None may fail."""

    def __init__(self, server: Workload, count: int) -> None:
        self._server = server
        self._stopped = threading.Event()
        self._acknowledged: list[int] = []
        self._failures: list[AssertionError] = []
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, number: int) -> None:
        statement = f"INSERT INTO promised (name) VALUES ('writer {number}') RETURNING 1;\n"
        try:
            while not self._stopped.is_set():
                self._acknowledged.append(sql(self._server, statement * 20).count("1\n"))
        except AssertionError as error:
            self._failures.append(error)

    def end(self) -> int:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        assert self._failures == []
        return sum(self._acknowledged)
