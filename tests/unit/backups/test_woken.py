"""Backups of a tenant that does not run: its datastores are woken, also where somebody has taken its ports or subnet meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import Conflict, OperationFailed
from looma_cli.model.backup import Backup
from looma_cli.model.tenant import Tenant
from tests.fakes.daemon import FakeNetwork
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "home")
    machine.looma().tenants.create(lite())
    machine.looma().tenants.stop("acme")
    return machine


def tenant(machine: Machine) -> Tenant:
    return machine.looma().tenants.show("acme")


def create(machine: Machine) -> Backup:
    return machine.looma().backups.create("acme")  # type: ignore[return-value]


def take_port(machine: Machine, component: str) -> int:
    port = next(row.host_port for row in tenant(machine).ports if row.component == component)
    machine.daemon.foreign_ports.add(("127.0.0.1", port))
    return port


def assert_at_rest(machine: Machine) -> None:
    """As it was before, and able to start."""
    assert tenant(machine).status == "stopped"
    assert not [c for c in machine.daemon.containers.values() if c.state == "running" and c.project]
    assert {row.state for row in tenant(machine).ports} == {"reserved"}
    assert machine.looma().operations.list() == []
    assert not [name for name in machine.world().files.names("acme") if name.endswith(".previous")]
    machine.looma().tenants.start("acme")
    assert machine.looma().health.check(["acme"]).healthy
    assert machine.looma().state.audit().ok


def test_a_stopped_tenants_datastores_run_for_as_long_as_it_takes(machine: Machine) -> None:
    ports = tenant(machine).ports
    assert not create(machine).partial
    assert tenant(machine).ports == ports
    assert_at_rest(machine)


def test_a_port_that_was_taken_meanwhile_is_planned_around(machine: Machine) -> None:
    taken = take_port(machine, "redis")
    backup = create(machine)
    assert [store.name for store in backup.datastores] == ["mysql", "redis", "postgresql"]
    assert taken not in {row.host_port for row in tenant(machine).ports}
    assert_at_rest(machine)


def test_a_subnet_that_was_taken_meanwhile_is_planned_around(machine: Machine) -> None:
    (subnet,) = [one for one in tenant(machine).subnets if one.layer == "data"]
    del machine.daemon.networks[subnet.name]
    machine.daemon.networks["foreign"] = FakeNetwork("foreign", (subnet.cidr,))
    create(machine)
    assert subnet.cidr not in {one.cidr for one in tenant(machine).subnets}
    assert_at_rest(machine)


def test_a_backup_that_fails_on_other_ports_gives_the_old_ones_back(machine: Machine) -> None:
    taken = take_port(machine, "redis")
    ports = tenant(machine).ports
    machine.stores.failing = {"mysql"}
    with pytest.raises(OperationFailed, match="mysql"):
        create(machine)
    assert tenant(machine).ports == ports
    machine.daemon.foreign_ports.discard(("127.0.0.1", taken))
    assert_at_rest(machine)


def test_one_that_wants_the_documented_ports_only_says_which_are_taken(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    machine.looma().tenants.create(lite(ports="canonical"))
    machine.looma().tenants.stop("acme")
    taken = take_port(machine, "mysql")
    with pytest.raises(Conflict, match=str(taken)):
        create(machine)
    machine.daemon.foreign_ports.clear()
    assert_at_rest(machine)


def test_a_last_backup_whose_ports_were_taken_is_planned_around_too(machine: Machine) -> None:
    take_port(machine, "redis")
    machine.looma().tenants.delete("acme", backup=True)
    (last,) = machine.looma().backups.list("acme")
    assert [store.name for store in last.datastores] == ["mysql", "redis", "postgresql"]
    assert machine.looma().tenants.list() == []
    assert machine.left_on_engine() == []
    assert machine.looma().operations.list() == []
