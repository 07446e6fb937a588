"""The engine of a host is killed and started again in the middle of a switch: it goes on, by itself, by resume, or back."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from looma_cli.adapters.database import open_store
from tests.integration.homes import Home, finish, new_tenant
from tests.integration.hosts.operators import Operator
from tests.integration.records import Clients, missing
from tests.integration.test_switch_killed import begun, wait_for
from tests.rig import Host, faults

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def host(operator: Operator) -> Host:
    return operator.rig.hosts[2]


def reached(looma: Home, tenant: str, step: str) -> bool:
    with closing(open_store(looma.path)) as store, store.read() as state:
        return begun(state.open_operation(tenant), step)


@pytest.mark.parametrize(("step", "way"), [("follow-store", "rollback"), ("promote-followers", "resume")])
def test_an_engine_that_is_killed_while_seeding_or_in_the_freeze(operator: Operator, host: Host, step: str, way: str) -> None:
    looma, name = operator.looma, new_tenant("en")
    url = looma.create(name, "--host", host.name)["url"]
    with Clients(url, f"{step}-", 0.1) as clients:
        clients.wait_for(3)
        process = looma.begin("edition", "switch", name, "pro", "--no-backup", "--keep", "0s", "-o", "json")
        wait_for(lambda: process.poll() is not None or reached(looma, name, step), f"the switch at {step}")
        with faults.without_engine(host):
            time.sleep(1)
        result = finish(process)
        waiting = looma.json("operation", "list")["operations"]
        if waiting:
            ended = looma("operation", way, waiting[0]["id"], "-o", "json")
            if ended.code == 4:  # past the point of no return
                ended = looma("operation", "resume", waiting[0]["id"], "-o", "json")
            assert ended.code == 0, (ended.out[-2000:], ended.err[-2000:])
        clients.wait_for(len(clients.acknowledged) + 3)
    tenant = looma.json("tenant", "show", name)
    assert tenant["status"] == "running", (result.out[-2000:], result.err[-2000:])
    assert missing(url, clients.acknowledged) == []
    assert looma.json("health", name)["healthy"]
    assert looma("state", "audit").code == 0
    looma("edition", "finalize", name, "--yes")
    mine = tuple(f"-{layer}-g{generation}" for layer, generation in tenant["generations"].items())
    assert [one for one in operator.on(host, name) if not any(part in one for part in mine)] == []
    looma.delete(name)
    assert operator.on(host, name) == []
