"""Real datastores in containers from the local image set, on free ports of the loopback address."""

import secrets
import shlex
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
from docker.models.containers import Container

from .service import free_port

LABEL = {"looma.test": "reference"}
NETWORK = "looma-test-reference"


class Datastores:
    """MySQL (MariaDB), PostgreSQL and Redis, each with the same password, and ways to look into them and to break them."""

    def __init__(self) -> None:
        self.password = secrets.token_urlsafe(16)
        self.ports = {name: free_port() for name in ("mysql", "postgresql", "redis")}
        self.containers: dict[str, Container] = {}

    def __enter__(self) -> Self:
        self.engine = docker.from_env()
        self._remove()
        self.engine.networks.create(NETWORK, labels=LABEL)
        self._start("mysql", "looma/mysql:10.11", 3306, environment=self._accounts("MYSQL"))
        self._start("postgresql", "looma/postgresql:15-pgvector", 5432, environment=self._postgresql_accounts())
        self._start("redis", "looma/redis:7.0", 6379, command=["redis-server", "--requirepass", self.password])
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remove()
        self.engine.close()

    def local_environment(self, secret: Path) -> dict[str, str]:
        """For a process of this machine."""
        return connections({name: f"127.0.0.1:{port}" for name, port in self.ports.items()}, str(secret))

    def mysql(self, statement: str, database: str = "looma") -> str:
        return self._run("mysql", f"mariadb -N -uroot -p{self.password} {database} -e {shlex.quote(statement)}")

    def postgresql(self, statement: str) -> str:
        return self._run("postgresql", f"psql -qtA -U looma looma -c {shlex.quote(statement)}")

    def redis(self, *words: str) -> str:
        return self._run("redis", shlex.join(["redis-cli", "--no-auth-warning", "-a", self.password, *words]))

    def stop(self, name: str) -> None:
        self.containers[name].stop(timeout=20)

    def start(self, name: str) -> None:
        self.containers[name].start()

    def empty(self) -> None:
        self.mysql("DROP TABLE IF EXISTS looma_records")
        self.postgresql("DROP TABLE IF EXISTS looma_records")
        self.redis("DEL", "looma:records")

    def _accounts(self, prefix: str) -> dict[str, str]:
        values = {"ROOT_PASSWORD": self.password, "DATABASE": "looma", "USER": "looma", "PASSWORD": self.password}
        return {f"{prefix}_{name}": value for name, value in values.items()}

    def _postgresql_accounts(self) -> dict[str, str]:
        return {"POSTGRES_USER": "looma", "POSTGRES_PASSWORD": self.password, "POSTGRES_DB": "looma"}

    def _start(self, name: str, image: str, port: int, **settings: Any) -> None:
        self.containers[name] = self.engine.containers.run(
            image,
            name=f"{NETWORK}-{name}",
            hostname=name,
            labels=LABEL,
            network=NETWORK,
            networking_config={NETWORK: self.engine.api.create_endpoint_config(aliases=[name])},
            ports={f"{port}/tcp": ("127.0.0.1", self.ports[name])},
            detach=True,
            **settings,
        )

    def _run(self, name: str, line: str) -> str:
        code, output = self.containers[name].exec_run(["sh", "-c", line])
        assert code == 0, output.decode()
        return output.decode().strip()

    def _remove(self) -> None:
        """Whatever carries the label: of this run, and of an earlier one that was cut off."""
        marked = {"label": f"looma.test={LABEL['looma.test']}"}
        for container in self.engine.containers.list(all=True, filters=marked):
            container.remove(force=True, v=True)
        for network in self.engine.networks.list(filters=marked):
            network.remove()


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
