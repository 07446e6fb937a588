"""The probes against the datastores of the local image set, without any password."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.health import AsyncHealth
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeResult, ProbeTarget
from tests.contract.edges import ROOT
from tests.engine_objects import start_container

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MOST_ERRORS = 5
DATASTORES: dict[str, tuple[str, dict[str, Any]]] = {
    "mysql": (
        "3306/tcp",
        {
            "Env": ["MYSQL_ROOT_PASSWORD=secret"],
            # as a server with MySQL's defaults has it, but with a shorter patience
            "Cmd": ["mysqld", "--skip-name-resolve=0", f"--max-connect-errors={MOST_ERRORS}"],
        },
    ),
    "redis": ("6379/tcp", {"Env": ["REDIS_PASSWORD=secret"], "Cmd": ["redis-server", "--requirepass", "secret"]}),
    "postgresql": ("5432/tcp", {"Env": ["POSTGRES_PASSWORD=secret"], "Cmd": ["postgres"]}),
}


@pytest.fixture(params=sorted(DATASTORES))
def target(request: pytest.FixtureRequest, engine_required: EngineApi) -> Iterator[ProbeTarget]:
    """A datastore on a port of the loopback address, as looma publishes it."""
    kind: str = request.param
    port, options = DATASTORES[kind]
    image = yaml.safe_load((ROOT / f"editions/components/{kind}.yaml").read_text())["image"]["local"]
    publish = {"PortBindings": {port: [{"HostIp": "127.0.0.1", "HostPort": ""}]}}
    name = f"looma-test-health-{kind}-{time.monotonic_ns()}"
    id = start_container(engine_required, name, image, ExposedPorts={port: {}}, HostConfig=publish, **options)
    bindings = engine_required.get(f"/containers/{id}/json")["NetworkSettings"]["Ports"][port]
    yield ProbeTarget(kind, "datastore", Probe(kind, "port"), "127.0.0.1", int(bindings[0]["HostPort"]))
    engine_required.request("DELETE", f"/containers/{id}", {"force": "1", "v": "1"})


def probe(target: ProbeTarget) -> ProbeResult:
    (result,) = AsyncHealth().probe([target])
    return result


def test_a_datastore_is_healthy_when_it_is_and_does_not_mind_being_asked(target: ProbeTarget) -> None:
    """MySQL blocks a host after ``max_connect_errors`` interrupted handshakes in a row: ours must not be such."""
    deadline = time.monotonic() + 60
    while not (result := probe(target)).healthy and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (result.healthy, result.detail) == (True, "")
    results = [probe(target) for _ in range(4 * MOST_ERRORS)]
    assert {(r.healthy, r.detail) for r in results} == {(True, "")}
