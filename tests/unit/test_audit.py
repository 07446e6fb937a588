"""What an audit finds on either side, and that it finds nothing where state and world agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.model.tenant import Allocation, Subnet
from looma_cli.usecases.audit import Finding
from tests.fakes.daemon import FakeContainer
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A running, a stopped and a never started tenant."""
    machine = Machine(tmp_path / "home")
    tenants = machine.looma().tenants
    tenants.create(lite("acme"))
    tenants.create(lite("globex"))
    tenants.stop("globex")
    tenants.create(lite("initech", start=False))
    return machine


def audit(machine: Machine) -> tuple[list[Finding], list[Finding]]:
    report = machine.looma().state.audit()
    assert report.ok == (not report.missing and not report.unknown)
    return list(report.missing), list(report.unknown)


def test_a_sound_home_and_an_empty_one_agree(machine: Machine, tmp_path: Path) -> None:
    assert audit(machine) == ([], [])
    assert audit(Machine(tmp_path / "empty")) == ([], [])
    for name in ("acme", "globex", "initech"):
        machine.looma().tenants.delete(name, backup=False)
    assert audit(machine) == ([], [])


def lose_container(machine: Machine) -> Finding:
    del machine.daemon.containers["looma-acme-app-g1-user-service-1"]
    return Finding("local", "container", "looma-acme-app-g1/user-service", "acme")


def lose_route(machine: Machine) -> Finding:
    machine.edge.remove("acme")
    return Finding("local", "route", "http://127.0.0.1:30000", "acme", "looma tenant restart acme")


def publish_elsewhere(machine: Machine) -> Finding:
    container = machine.daemon.containers["looma-acme-data-g1-redis-1"]
    ((address, port, inside, protocol),) = container.ports
    container.ports = ((address, 45000, inside, protocol),)
    return Finding("local", "port", f"{address}:{port}/tcp", "acme", f"redis publishes 127.0.0.1:45000 for {inside}")


def publish_nothing(machine: Machine) -> Finding:
    container = machine.daemon.containers["looma-globex-data-g1-redis-1"]
    ((address, port, inside, _),) = container.ports
    container.ports = ()
    return Finding("local", "port", f"{address}:{port}/tcp", "globex", f"redis publishes nothing for {inside}")


def keep_old_generation(machine: Machine) -> Finding:
    with machine.world().store.write() as state:
        state.add_allocations([Allocation("local", "127.0.0.1", 45001, "tcp", "acme", "app", 2, "user-service", 8001, False)])
    return Finding("local", "port", "127.0.0.1:45001/tcp", "acme", "held for looma-acme-app-g2, which the tenant left")


def keep_old_subnet(machine: Machine) -> Finding:
    with machine.world().store.write() as state:
        state.add_subnets([Subnet("local", "10.250.0.0/26", "acme", "app", 2, "looma-acme-app-g2")])
    return Finding("local", "subnet", "10.250.0.0/26", "acme", "held for looma-acme-app-g2, which the tenant left")


@pytest.mark.parametrize("damage", [lose_container, lose_route, publish_elsewhere, publish_nothing, keep_old_generation, keep_old_subnet])
def test_what_is_only_in_the_state_is_missing(machine: Machine, damage: Callable[[Machine], Finding]) -> None:
    finding = damage(machine)
    assert audit(machine) == ([finding], [])


def add_old_generation(machine: Machine) -> Finding:
    theirs = machine.daemon.containers["looma-acme-app-g1-user-service-1"]
    labels = {**theirs.labels, "looma.generation": "2"}
    machine.daemon.containers["old"] = replace(theirs, id="old", name="old", labels=labels, ports=())
    return Finding("local", "container", "old", "acme")


def add_unlayered(machine: Machine) -> Finding:
    labels = {"looma.installation": machine.engine.installation, "looma.layer": "app", "looma.generation": "x"}
    machine.daemon.containers["odd"] = FakeContainer("odd", "odd", "any:1", labels)
    return Finding("local", "container", "odd", "")


def add_route(machine: Machine) -> Finding:
    route = machine.edge.volume.routes["acme"]
    machine.edge.volume.routes["gone"] = replace(route, tenant="gone", public_port=45002)
    return Finding("local", "route", "gone", "gone")


def add_files(machine: Machine) -> Finding:
    machine.world().files.write("gone", "data-g1/compose.yaml", "x")
    machine.world().files.write("gone", "override.yaml", "x")
    return Finding("", "files", str(machine.home / "stacks/gone/data-g1/compose.yaml"), "gone", "2 rendered files")


@pytest.mark.parametrize("damage", [add_old_generation, add_unlayered, add_route, add_files])
def test_what_the_state_does_not_know_is_unknown(machine: Machine, damage: Callable[[Machine], Finding]) -> None:
    finding = damage(machine)
    assert audit(machine) == ([], [finding])


def test_an_edge_that_nobody_needs_is_found_with_its_ports(machine: Machine) -> None:
    with machine.world().store.write() as state:
        for name in ("acme", "globex"):
            state.remove_tenant(name)
    missing, unknown = audit(machine)
    assert [(f.kind, f.name) for f in missing] == [("port", "0.0.0.0:80/tcp"), ("port", "0.0.0.0:443/tcp")]
    of_edge = [(f.kind, f.name) for f in unknown if f.detail == "the edge, which no tenant needs"]
    assert of_edge == [("container", machine.edge.name), ("volume", machine.edge.name)]
    assert {f.tenant for f in unknown if f.kind == "route"} == {"acme", "globex"}
    assert {f.tenant for f in unknown if f.kind == "files"} == {"acme", "globex"}
