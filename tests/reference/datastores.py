"""Real datastores in containers from the local image set, on free ports of the loopback address."""

import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import psycopg
import pymysql
import redis
from docker.models.containers import Container

from tests.engine_objects import TEST_LABEL, owner_mark

from .service import free_port

LABEL = {TEST_LABEL: owner_mark()}
NETWORK = f"looma-test-reference-{owner_mark()}"
START_SECONDS = 90


class Datastores:
    """MySQL (MariaDB), PostgreSQL and Redis, each with the same password, and ways to look into them and to break them."""

    def __init__(self) -> None:
        self.password = secrets.token_urlsafe(16)
        self.ports = {name: free_port() for name in ("mysql", "postgresql", "redis")}
        self.containers: dict[str, Container] = {}

    def __enter__(self) -> Self:
        self.engine = docker.from_env()
        self.engine.networks.create(NETWORK, labels=LABEL)
        try:
            self._start_all()
        except BaseException:
            self._remove()
            raise
        return self

    def _start_all(self) -> None:
        self._start("mysql", "looma/mysql:10.11", 3306, environment=self._accounts("MYSQL"))
        self._start("postgresql", "looma/postgresql:15-pgvector", 5432, environment=self._postgresql_accounts())
        self._start("redis", "looma/redis:7.0", 6379, command=["redis-server", "--requirepass", self.password])
        for name in self.containers:
            self.wait(name)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remove()
        self.engine.close()

    def local_environment(self, secret: Path) -> dict[str, str]:
        """For a process of this machine."""
        return connections({name: f"127.0.0.1:{port}" for name, port in self.ports.items()}, str(secret))

    def mysql(self, statement: str) -> str:
        """The first value of the answer, as text."""
        session = pymysql.connect(
            host="127.0.0.1", port=self.ports["mysql"], user="looma", password=self.password, db="looma", autocommit=True
        )
        with session, session.cursor() as cursor:
            cursor.execute(statement)
            return first(cursor.fetchone())

    def postgresql(self, statement: str) -> str:
        place = f"host=127.0.0.1 port={self.ports['postgresql']} user=looma dbname=looma"
        with psycopg.connect(place, password=self.password, autocommit=True) as session:
            cursor = session.execute(statement)
            return first(cursor.fetchone() if cursor.description else None)

    def redis(self, *words: str) -> str:
        with redis.Redis(port=self.ports["redis"], password=self.password, decode_responses=True) as session:
            return first((session.execute_command(*words),))

    def stop(self, name: str) -> None:
        self.containers[name].stop(timeout=20)

    def start(self, name: str) -> None:
        self.containers[name].start()
        self.wait(name)

    def drop(self, *names: str) -> None:
        """No table and no record is left; in all of them unless some are named."""
        self._each(names, "DROP TABLE IF EXISTS looma_records")

    def clear(self) -> None:
        """No record is left."""
        self._each((), "DELETE FROM looma_records")

    def wait(self, name: str, seconds: float = START_SECONDS) -> None:
        """Until the server takes this user's connections through TCP."""
        probes = {
            "mysql": lambda: self.mysql("SELECT 1"),
            "postgresql": lambda: self.postgresql("SELECT 1"),
            "redis": lambda: self.redis("PING"),
        }
        deadline = time.monotonic() + seconds
        while True:
            try:
                probes[name]()
                return
            except (pymysql.MySQLError, psycopg.Error, redis.RedisError):
                assert time.monotonic() < deadline, self.containers[name].logs().decode()
                time.sleep(0.05)

    def follow_nobody(self) -> None:
        """Each as a follower is whose leader is away: MySQL read-only, PostgreSQL a hot standby, Redis a replica."""
        self.run("mysql", "mariadb -uroot -p$MYSQL_ROOT_PASSWORD -e 'SET GLOBAL read_only = ON'")
        self.run("postgresql", "touch $PGDATA/standby.signal", user="postgres")
        self.stop("postgresql")
        self.start("postgresql")
        self.redis("REPLICAOF", "127.0.0.1", "9")

    def promote(self) -> None:
        self.run("mysql", "mariadb -uroot -p$MYSQL_ROOT_PASSWORD -e 'SET GLOBAL read_only = OFF'")
        if self.postgresql("SELECT pg_is_in_recovery()") == "True":
            self.postgresql("SELECT pg_promote()")
        self.redis("REPLICAOF", "NO", "ONE")

    def run(self, name: str, script: str, user: str = "") -> None:
        code, output = self.containers[name].exec_run(["sh", "-ec", script], user=user)
        assert code == 0, output.decode()

    def _accounts(self, prefix: str) -> dict[str, str]:
        values = {"ROOT_PASSWORD": self.password, "DATABASE": "looma", "USER": "looma", "PASSWORD": self.password}
        return {f"{prefix}_{name}": value for name, value in values.items()}

    def _postgresql_accounts(self) -> dict[str, str]:
        return {"POSTGRES_USER": "looma", "POSTGRES_PASSWORD": self.password, "POSTGRES_DB": "looma"}

    def _start(self, name: str, image: str, port: int, **settings: Any) -> None:
        self.containers[name] = self.engine.containers.create(
            image,
            name=f"{NETWORK}-{name}",
            hostname=name,
            labels=LABEL,
            network=NETWORK,
            networking_config={NETWORK: self.engine.api.create_endpoint_config(aliases=[name])},
            ports={f"{port}/tcp": ("127.0.0.1", self.ports[name])},
            **settings,
        )
        self.containers[name].start()

    def _each(self, names: tuple[str, ...], statement: str) -> None:
        deeds = {
            "mysql": lambda: self.mysql(statement),
            "postgresql": lambda: self.postgresql(statement),
            "redis": lambda: self.redis("DEL", "looma:records"),
        }
        for name in names or tuple(deeds):
            deeds[name]()

    def _remove(self) -> None:
        for container in self.containers.values():
            container.remove(force=True, v=True)
        self.engine.networks.get(NETWORK).remove()


def first(row: tuple | None) -> str:
    return "" if row is None else str(row[0])


def connections(places: dict[str, str], secret: str) -> dict[str, str]:
    """The variables that looma gives a service for stores at `host:port` places."""
    return {
        "MYSQL_URL": f"mysql://looma@{places['mysql']}/looma",
        "POSTGRES_URL": f"postgresql://looma@{places['postgresql']}/looma",
        "REDIS_URL": f"redis://{places['redis']}/0",
        "MYSQL_PASSWORD_FILE": secret,
        "POSTGRES_PASSWORD_FILE": secret,
        "REDIS_PASSWORD_FILE": secret,
    }
