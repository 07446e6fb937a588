"""The engine refuses a port or subnet that nothing had said was taken: the command plans once more, and what cannot move says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import Conflict, OperationFailed, PortTaken
from looma_cli.model.requests import UpdateRequest
from looma_cli.model.tenant import Tenant
from tests.fakes.daemon import FakeNetwork
from tests.worlds import Machine, lite

PUBLIC = 30000


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One running tenant on the documented ports."""
    machine = Machine(tmp_path)
    machine.looma().tenants.create(lite())
    return machine


def tenant(machine: Machine) -> Tenant:
    return machine.looma().tenants.show("acme")


def operations(machine: Machine, *verbs: str) -> list[tuple[str, str]]:
    """Of these verbs, sorted: on a clock that stands still they have no order."""
    kinds = [f"tenant.{verb}" for verb in verbs]
    return sorted((o.kind, o.status) for o in machine.looma().operations.list(all=True) if o.kind in kinds)


def port_of(machine: Machine, component: str) -> int:
    return next(row.host_port for row in tenant(machine).ports if row.component == component)


def take_when_stopped(machine: Machine, port: int) -> None:
    """Somebody takes the port in the moment in which the data layer stands still."""
    stop = machine.engine.stop

    def stop_and_lose(reference: Any, timeout_seconds: int = 30) -> None:
        stop(reference, timeout_seconds)
        if reference.layer == "data":
            machine.daemon.foreign_ports.add(("127.0.0.1", port))

    machine.engine.stop = stop_and_lose  # type: ignore[method-assign]


def prune(machine: Machine, *layers: str) -> None:
    """``docker network prune`` while the tenant is stopped."""
    for layer in layers:
        del machine.daemon.networks[tenant(machine).layer(layer).project]


def occupy(machine: Machine, cidr: str) -> None:
    machine.daemon.networks["foreign"] = FakeNetwork("foreign", (cidr,))


def assert_well(machine: Machine, status: str = "running") -> None:
    """Everything answers, on ports and subnets that are on both sides the same."""
    looma = machine.looma()
    assert tenant(machine).status == status
    assert looma.health.check(["acme"]).healthy
    assert looma.state.audit().ok
    assert looma.operations.list() == []
    networks = {name: network.cidrs for name, network in machine.daemon.networks.items()}
    assert all(networks[subnet.name] == (subnet.cidr,) for subnet in tenant(machine).subnets)


def test_a_restart_whose_old_port_was_taken_ends_on_other_ports(machine: Machine) -> None:
    volumes = dict(machine.daemon.volumes)
    redis = port_of(machine, "redis")
    take_when_stopped(machine, redis)
    machine.looma().tenants.restart("acme")
    assert_well(machine)
    assert all(not row.canonical and row.state == "bound" for row in tenant(machine).ports)
    assert machine.daemon.volumes == volumes
    assert tenant(machine).public_port == PUBLIC
    assert operations(machine, "restart", "start") == [("tenant.restart", "failed"), ("tenant.start", "done")]
    (failed,) = [o for o in machine.looma().operations.list(all=True) if o.status == "failed"]
    assert any(f"not as before: acme is stopped, since port {redis}" in step.detail for step in failed.steps)


def test_a_restart_that_could_be_put_back_plans_once_more_too(machine: Machine) -> None:
    machine.engine.fail_on("start", PortTaken("port 8003 is already allocated", port=8003, address="127.0.0.1"), layer="app")
    machine.looma().tenants.restart("acme")
    assert_well(machine)
    assert 8003 not in {row.host_port for row in tenant(machine).ports}
    assert operations(machine, "restart", "start") == [("tenant.restart", "done"), ("tenant.restart", "failed")]


def test_a_restart_that_fails_otherwise_and_loses_its_port_says_that_it_is_stopped(machine: Machine) -> None:
    take_when_stopped(machine, port_of(machine, "redis"))
    machine.engine.fail_on("start", OperationFailed("the engine said no"), layer="data")
    with pytest.raises(OperationFailed, match=r"the engine said no \(not as before: acme is stopped") as failure:
        machine.looma().tenants.restart("acme")
    assert "put back" not in failure.value.message
    assert tenant(machine).status == "stopped"
    assert {row.state for row in tenant(machine).ports} == {"reserved"}
    assert machine.edge.answer(PUBLIC).status == 503  # type: ignore[union-attr]
    assert not [c for c in machine.daemon.containers.values() if c.state == "running" and c.project]
    assert machine.looma().operations.list() == []
    machine.looma().tenants.start("acme")
    assert_well(machine)


def test_a_restart_without_its_image_leaves_the_tenant_untouched(machine: Machine) -> None:
    before = {c.name: (c.id, c.started_at, c.state) for c in machine.daemon.containers.values()}
    machine.daemon.images = {"looma/nginx:1.30"}
    machine.engine.calls.clear()
    with pytest.raises(OperationFailed, match="image"):
        machine.looma().tenants.restart("acme")
    assert {c.name: (c.id, c.started_at, c.state) for c in machine.daemon.containers.values()} == before
    assert not {"stop", "start", "create", "remove"} & {method for method, _ in machine.engine.calls}
    assert_well(machine)


def test_an_update_without_its_image_leaves_the_tenant_untouched(machine: Machine) -> None:
    machine.daemon.images = {"looma/nginx:1.30"}
    machine.engine.calls.clear()
    with pytest.raises(OperationFailed, match="image"):
        machine.looma().tenants.update(UpdateRequest("acme", settings={"A": "1"}))
    assert not {"stop", "start", "create", "remove"} & {method for method, _ in machine.engine.calls}
    assert dict(tenant(machine).settings) == {}
    assert_well(machine)


@pytest.mark.parametrize("status", ["running", "suspended"])
def test_an_update_plans_once_more_with_the_whole_stack_on_other_ports(machine: Machine, status: str) -> None:
    if status == "suspended":
        machine.looma().tenants.suspend("acme")
    machine.engine.fail_on("start", PortTaken("port 8003 is already allocated", port=8003, address="127.0.0.1"), layer="app")
    machine.looma().tenants.update(UpdateRequest("acme", settings={"A": "1"}))
    assert_well(machine, status)
    assert dict(tenant(machine).settings) == {"A": "1"}
    assert all(not row.canonical and row.state == "bound" for row in tenant(machine).ports)
    assert operations(machine, "update", "start") == [("tenant.update", "done"), ("tenant.update", "failed")]


@pytest.mark.parametrize("status", ["running", "suspended"])
def test_an_update_that_had_to_be_left_stopped_ends_up_again(machine: Machine, status: str) -> None:
    if status == "suspended":
        machine.looma().tenants.suspend("acme")
    for _ in ("forward", "back"):
        machine.engine.fail_on("start", PortTaken("port 8003 is already allocated", port=8003, address="127.0.0.1"), layer="app")
    machine.looma().tenants.update(UpdateRequest("acme", settings={"A": "1"}, hostname="new.example.com"))
    assert_well(machine, status)
    assert dict(tenant(machine).settings) == {"A": "1"}
    assert 8003 not in {row.host_port for row in tenant(machine).ports}
    assert machine.edge.answer(80, host="new.example.com").status == (200 if status == "running" else 503)  # type: ignore[union-attr]
    assert operations(machine, "update", "start") == [("tenant.update", "done"), ("tenant.update", "failed")]


def test_only_the_added_ports_of_a_larger_profile_move_when_one_of_those_is_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"LOOMA_IMAGES": "registry"})
    machine.looma().tenants.create(lite())
    before = {(row.component, row.host_port) for row in tenant(machine).ports}
    edition = machine.world().catalog.edition("basic")
    added = next(c for c in edition.of_profile("full") if c.name == "consul").ports[0].canonical
    machine.engine.fail_on("start", PortTaken(f"port {added} is already allocated", port=added, address="127.0.0.1"), layer="data")
    machine.looma().tenants.update(UpdateRequest("acme", profile="full"))
    assert_well(machine)
    after = {(row.component, row.host_port) for row in tenant(machine).ports}
    assert before < after
    assert added not in {port for _, port in after}


def test_a_stopped_tenant_gets_another_subnet_when_its_own_was_taken(machine: Machine) -> None:
    volumes = dict(machine.daemon.volumes)
    machine.looma().tenants.stop("acme")
    data, app = tenant(machine).subnets
    ports = tenant(machine).ports
    prune(machine, "data", "app")
    occupy(machine, data.cidr)
    machine.looma().tenants.start("acme")
    assert_well(machine)
    moved = {subnet.layer: subnet.cidr for subnet in tenant(machine).subnets}
    assert moved["data"] != data.cidr
    assert moved["app"] == app.cidr
    assert [row.host_port for row in tenant(machine).ports] == [row.host_port for row in ports]
    assert machine.daemon.volumes == volumes


def test_a_wide_foreign_network_takes_both_subnets_and_both_move(machine: Machine) -> None:
    machine.looma().tenants.stop("acme")
    before = {subnet.cidr for subnet in tenant(machine).subnets}
    prune(machine, "data", "app")
    occupy(machine, "10.192.0.0/16")
    machine.looma().tenants.start("acme")
    assert_well(machine)
    assert not before & {subnet.cidr for subnet in tenant(machine).subnets}
    assert operations(machine, "start") == [("tenant.start", "done"), ("tenant.start", "failed")]


def test_a_start_that_fails_after_its_subnet_moved_can_be_made_again(machine: Machine) -> None:
    machine.looma().tenants.stop("acme")
    prune(machine, "data", "app")
    occupy(machine, tenant(machine).subnets[0].cidr)
    machine.engine.unhealthy.add("user-service")
    with pytest.raises(OperationFailed, match="user-service"):
        machine.looma().tenants.start("acme")
    assert tenant(machine).status == "stopped"
    assert machine.looma().state.audit().ok
    machine.engine.unhealthy.clear()
    machine.looma().tenants.start("acme")
    assert_well(machine)


def test_a_stopped_canonical_tenant_does_not_move_but_lists_what_is_taken(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.looma().tenants.create(lite(ports="canonical"))
    machine.looma().tenants.stop("acme")
    before = tenant(machine).ports
    machine.daemon.foreign_ports.update({("0.0.0.0", 8003), ("127.0.0.1", port_of(machine, "redis"))})
    with pytest.raises(Conflict, match="2 documented ports of acme") as conflict:
        machine.looma().tenants.start("acme")
    assert conflict.value.exit_code == 4
    assert sorted(conflict.value.details["ports"]) == sorted([8003, port_of(machine, "redis")])
    assert "looma tenant start acme" in conflict.value.hint
    assert (tenant(machine).status, tenant(machine).ports) == ("stopped", before)
    machine.daemon.foreign_ports.clear()
    machine.looma().tenants.start("acme")
    assert_well(machine)
    assert all(row.canonical for row in tenant(machine).ports)


def test_the_stack_stays_where_it_is_when_only_the_edges_port_was_taken(machine: Machine) -> None:
    machine.looma().tenants.stop("acme")
    before = [row.host_port for row in tenant(machine).ports]
    machine.edge.stop()
    machine.daemon.foreign_ports.add(("0.0.0.0", 80))
    machine.looma().tenants.start("acme")
    assert_well(machine)
    assert [row.host_port for row in tenant(machine).ports] == before
    assert {row.host_port for row in machine.looma().ports.list() if row.layer == "edge" and row.tenant is None} != {80, 443}


def test_a_running_tenant_stays_where_it_is_when_the_lost_edges_port_was_taken(machine: Machine) -> None:
    before = [(row.host_port, row.state) for row in tenant(machine).ports]
    started = {c.name: c.started_at for c in machine.daemon.containers.values() if c.project}
    machine.edge.stop()
    machine.daemon.foreign_ports.add(("0.0.0.0", 80))
    machine.looma().tenants.start("acme")
    assert_well(machine)
    assert [(row.host_port, row.state) for row in tenant(machine).ports] == before
    assert {c.name: c.started_at for c in machine.daemon.containers.values() if c.project} == started


def test_a_public_port_that_was_taken_is_kept_and_named(machine: Machine) -> None:
    machine.looma().tenants.stop("acme")
    before = [row.host_port for row in tenant(machine).ports]
    machine.edge.fail_on("apply", PortTaken(f"port {PUBLIC} is taken", port=PUBLIC, address="0.0.0.0"))
    with pytest.raises(PortTaken):
        machine.looma().tenants.start("acme")
    assert tenant(machine).status == "stopped"
    assert [row.host_port for row in tenant(machine).ports] == before


def test_a_failed_update_removes_the_volumes_that_it_made_and_no_other(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"LOOMA_IMAGES": "registry"})
    machine.looma().tenants.create(lite())
    (network,) = [n for n in machine.daemon.networks if "data" in n]
    kept = f"{network}_neo4j-data"  # of a larger profile that the tenant had before
    machine.daemon.volumes[kept] = dict(next(labels for name, labels in machine.daemon.volumes.items() if name.startswith(network)))
    before = dict(machine.daemon.volumes)
    machine.engine.unhealthy.add("consul")
    with pytest.raises(OperationFailed, match="consul"):
        machine.looma().tenants.update(UpdateRequest("acme", profile="full"))
    assert machine.daemon.volumes == before
    assert tenant(machine).profile == "lite"
    assert_well(machine)
