"""The service as its image, hardened as looma runs it: read-only root, no capabilities, no new privileges."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from .datastores import LABEL, NETWORK, Datastores, connections
from .service import Client, free_port

pytestmark = pytest.mark.engine
IMAGE = "looma/reference:1.0"
PLACES = {"mysql": "mysql:3306", "postgresql": "postgresql:5432", "redis": "redis:6379"}
PORT = 8001
MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, datastores: Datastores) -> Path:
    path = tmp_path_factory.mktemp("image") / "password"
    path.write_text(datastores.password)
    path.chmod(0o444)
    return path


@pytest.fixture(scope="module")
def hardened(datastores: Datastores, secret: Path) -> dict[str, Any]:
    identity = {"LOOMA_TENANT": "acme", "LOOMA_EDITION": "pro", "LOOMA_SERVICE": "api-gateway", "LOOMA_RELEASE": "2.0"}
    return {
        "image": IMAGE,
        "labels": LABEL,
        "network": NETWORK,
        "environment": connections(PLACES, "/run/secrets/password") | identity | {"PORT": str(PORT)},
        "volumes": {str(secret): {"bind": "/run/secrets/password", "mode": "ro"}},
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "96m",
        "detach": True,
    }


@pytest.fixture(scope="module")
def container(datastores: Datastores, hardened: dict[str, Any]) -> Iterator[Container]:
    """Its own health check asks every 200 ms here, not every 5 s."""
    datastores.drop()
    port = free_port()
    running = datastores.engine.containers.run(
        **hardened,
        ports={f"{PORT}/tcp": ("127.0.0.1", port)},
        healthcheck={"interval": 200 * MILLISECOND, "start_period": 60_000 * MILLISECOND},
    )
    yield running
    running.remove(force=True)


def wait_for_health(container: Container, wanted: str) -> None:
    deadline = time.monotonic() + 90
    while container.health != wanted:
        assert time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.1)
        container.reload()


@pytest.fixture(scope="module")
def client(container: Container) -> Client:
    wait_for_health(container, "healthy")
    (published,) = container.ports[f"{PORT}/tcp"]
    return Client(f"http://127.0.0.1:{published['HostPort']}")


def test_it_serves_records(client: Client) -> None:
    assert client.post("image", "📦").status_code == 201
    assert client.read("image").json()["stores"] == dict.fromkeys(PLACES, "📦")
    assert client.get("/info").json()["service"] == "api-gateway"


def test_its_process_has_no_rights_and_little_memory(client: Client, container: Container) -> None:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text().splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert (int(status["CapEff"], 16), status["NoNewPrivs"].strip()) == (0, "1")
    assert int(status["VmRSS"].split()[0]) < 45 * 1024


def test_nothing_in_it_can_be_written(container: Container) -> None:
    code, _ = container.exec_run(["sh", "-c", "touch /opt/reference-service/x || touch /tmp/x || touch /run/x"])
    assert code != 0


def test_it_is_described(datastores: Datastores) -> None:
    image = datastores.engine.images.get(IMAGE)
    assert image.labels["org.opencontainers.image.version"] == "1.0.0"
    assert image.labels["org.opencontainers.image.title"] == "Reference service"
    assert image.attrs["Config"]["Cmd"] == ["reference-service", "serve"]
    assert image.attrs["Config"]["User"] == "10001:10001"


def test_health_follows_the_stores(client: Client, container: Container, datastores: Datastores) -> None:
    datastores.stop("redis")
    try:
        wait_for_health(container, "unhealthy")
    finally:
        datastores.start("redis")
    wait_for_health(container, "healthy")


def test_migrate_is_a_command_of_it(datastores: Datastores, hardened: dict[str, Any]) -> None:
    once = datastores.engine.containers.run(**hardened, command=["reference-service", "migrate"])
    assert once.wait(timeout=30)["StatusCode"] == 0, once.logs().decode()
    once.remove()


@pytest.mark.parametrize("variable", ["NEO4J_URL=bolt://neo4j@graph", "ELASTICSEARCH_URL=http://s", "WEAVIATE_URL=http://w"])
def test_the_drivers_of_the_other_stores_are_in_it(datastores: Datastores, hardened: dict[str, Any], variable: str) -> None:
    name, url = variable.split("=")
    given = hardened | {"environment": {name: url, "DB_CONNECTION_TIMEOUT": "0.5"}}
    once = datastores.engine.containers.run(**given, command=["reference-service", "migrate"])
    code, said = once.wait(timeout=30)["StatusCode"], once.logs().decode()
    once.remove()
    assert (code, "not migrated" in said) == (1, True), said


def test_docker_stop_ends_it_in_order(client: Client, container: Container) -> None:
    started = time.monotonic()
    container.stop(timeout=10)
    container.reload()
    assert (container.attrs["State"]["ExitCode"], container.attrs["State"]["OOMKilled"]) == (0, False)
    assert time.monotonic() - started < 5
