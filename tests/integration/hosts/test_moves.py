"""A tenant that moves between real hosts while people read and write: from one over SSH to another with looma killed on the way, and from
there to this machine."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from looma_cli.adapters.database import open_store
from tests.integration.homes import end, new_tenant, wait_until
from tests.integration.hosts.operators import Operator
from tests.integration.records import Clients, counts, missing

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def acme(operator: Operator) -> dict[str, Any]:
    """On the first host. This machine's public address is where the hosts reach it."""
    operator.looma.environment["LOOMA_ADDRESS"] = operator.rig.gateway
    return operator.looma.create(new_tenant("mo"), "--host", operator.rig.hosts[0].name)


def begun(operator: Operator, tenant: str, step: str) -> str:
    """Id of the tenant's open operation once that step has begun; empty before."""
    with closing(open_store(operator.looma.path)) as store, store.read() as state:
        operation = state.open_operation(tenant)
    if operation is None:
        return ""
    return operation.id if any(record.name == step and record.status != "todo" for record in operation.steps) else ""


def assert_nothing_failed(clients: Clients) -> None:
    """No read; and no write but those that the edge refused for a moment."""
    assert set(clients.reads) == {200}
    assert set(clients.writes) <= {201, 503}, clients.writes
    assert clients.strange == []


def assert_whole(url: str, acknowledged: dict[str, float]) -> None:
    assert missing(url, acknowledged) == []
    assert len(set(counts(url).values())) == 1


def test_killed_between_two_hosts_it_goes_on_and_nothing_is_lost(operator: Operator, acme: dict[str, Any]) -> None:
    looma, name, (_, there, _) = operator.looma, acme["name"], operator.rig.hosts
    with Clients(acme["url"], "k") as clients:
        clients.wait_for(5)
        process = looma.begin("tenant", "move", name, "--host", there.name, "--no-backup")
        wait_until(lambda: begun(operator, name, "compare-followers"), 600, "the comparison")
        id = begun(operator, name, "compare-followers")
        end(process)
        operation = looma.json("operation", "resume", id)
        clients.wait_for(len(clients.acknowledged) + 5)  # at the old address, which passes them on
    assert operation["status"] == "done"
    assert_nothing_failed(clients)
    moved = looma.json("tenant", "show", name)
    assert (moved["host"], moved["url"]) == (there.name, f"http://{there.address}:{acme['public_port']}")
    assert_whole(moved["url"], clients.acknowledged)
    assert looma.json("state", "audit")["ok"]
    assert [one for one in operator.on(there, name) if one.endswith("-relay")] == []


def test_from_there_to_this_machine_and_nothing_is_left(operator: Operator, acme: dict[str, Any]) -> None:
    looma, name = operator.looma, acme["name"]
    with Clients(looma.json("tenant", "show", name)["url"], "l") as clients:
        clients.wait_for(5)
        operation = looma.json("tenant", "move", name, "--host", "local", "--no-backup")
        clients.wait_for(len(clients.acknowledged) + 5)
    assert operation["status"] == "done"
    assert_nothing_failed(clients)
    moved = looma.json("tenant", "show", name)
    assert_whole(moved["url"], clients.acknowledged)
    looma.json("edition", "finalize", name, "--yes")
    assert [operator.on(host) for host in operator.rig.hosts] == [[], [], []]
    assert looma.json("health", name)["healthy"]
    looma.delete(name)
    assert operator.anywhere(name) == []
