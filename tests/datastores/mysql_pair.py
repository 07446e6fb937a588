"""Two MariaDB servers of which one follows the other, and faults of either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload
from tests.datastores.following import Pair
from tests.datastores.mysql_server import driver, run
from tests.datastores.servers import running

CLIENT = "looma"  # what the services log in as: all rights on its schema, none on the server


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
            lambda: driver(self.leader),
            lambda: driver(self.follower),
            self._address(),
            lambda name: run(self.leader, f"INSERT INTO looma.followed (name) VALUES ('{name}');", CLIENT),
            lambda name: run(self.follower, f"INSERT INTO looma.followed (name) VALUES ('{name}');", CLIENT),
        )

    def _address(self) -> str:
        (network,) = self.api.get(f"/containers/{self.leader.id}/json")["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def kill(self, workload: Workload) -> None:
        """With signal 9."""
        self.api.post(f"/containers/{workload.id}/kill")

    def start(self, workload: Workload) -> None:
        self.api.post(f"/containers/{workload.id}/start")
        driver(workload)


@contextmanager
def two_servers(api: EngineApi) -> Iterator[Two]:
    with running(api, "mysql") as leader, running(api, "mysql") as follower:
        for one in (leader, follower):
            driver(one)
        run(leader, "CREATE TABLE looma.followed (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40)); CREATE TABLE looma.other (id INT);")
        run(follower, "CREATE DATABASE own; CREATE USER own@'%';")
        yield Two(api, leader, follower)
