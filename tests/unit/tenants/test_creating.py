"""Tenants are created through the real use cases, on fakes: what is there afterwards, and what is not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import (
    AlreadyExists,
    InvalidValue,
    NotFound,
)
from looma_cli.model.operation import Plan
from tests.unit.tenants.traces import containers, nothing_left
from tests.worlds import Machine, lite


def test_create_leaves_a_running_healthy_routed_tenant(machine: Machine) -> None:
    tenant: Any = machine.looma().tenants.create(lite(hostname="acme.example.com"))
    assert tenant.status == "running"
    assert tenant.url == "http://127.0.0.1:30000"
    assert {"basic-server", "user-service", "mysql", "redis", "postgresql", "prometheus"} <= containers(machine)
    assert "neo4j" not in containers(machine)
    assert machine.edge.answer(30000, "/info").service == "basic-server"  # type: ignore[union-attr]
    assert machine.edge.answer(80, "/user-service/info", host="acme.example.com").service == "user-service"  # type: ignore[union-attr]
    assert machine.looma().health.check(["acme"]).healthy
    assert {port.state for port in tenant.ports} == {"bound"}
    assert all(port.canonical and port.address == "127.0.0.1" for port in tenant.ports)
    assert [operation.status for operation in machine.looma().operations.list(all=True)] == ["done"]


def test_the_second_stack_of_an_edition_gets_a_block(machine: Machine) -> None:
    machine.looma().tenants.create(lite("first"))
    second: Any = machine.looma().tenants.create(lite("second"))
    numbers = [port.host_port for port in second.ports]
    assert numbers == list(range(20000, 20000 + len(numbers)))
    assert second.public_port == 30001
    first = machine.looma().tenants.show("first")
    assert not {p.host_port for p in first.ports} & set(numbers)
    assert not {s.cidr for s in first.subnets} & {s.cidr for s in second.subnets}


def test_create_again(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(start=False))
    assert looma.tenants.create(lite(start=False)).status == "created"  # type: ignore[union-attr]
    assert looma.tenants.create(lite()).status == "running"  # type: ignore[union-attr]
    count = len(looma.operations.list(all=True))
    assert looma.tenants.create(lite()).status == "running"  # type: ignore[union-attr]
    assert len(looma.operations.list(all=True)) == count
    with pytest.raises(AlreadyExists, match="edition"):
        looma.tenants.create(lite(edition="pro"))
    with pytest.raises(AlreadyExists, match="set"):
        looma.tenants.create(lite(settings={"A": "b"}))


def test_no_start_needs_no_engine(machine: Machine) -> None:
    machine.daemon.answers = False
    tenant: Any = machine.looma().tenants.create(lite(start=False))
    assert tenant.status == "created"
    assert machine.left_in_files() != []
    machine.looma().tenants.delete("acme", backup=False)
    assert not machine.left_in_state()


def test_dry_run_changes_nothing(machine: Machine) -> None:
    plan: Any = machine.looma().tenants.create(lite(), dry_run=True)
    assert isinstance(plan, Plan)
    assert plan.steps[0].name == "reserve-tenant"
    assert plan.pivot == len(plan.steps) - 1
    assert any("127.0.0.1:8000->8000" in line for line in plan.changes)
    assert nothing_left(machine)
    machine.looma().tenants.create(lite())
    before = (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files())
    for verb in ("stop", "restart", "suspend"):
        assert isinstance(getattr(machine.looma().tenants, verb)("acme", dry_run=True), Plan)
    assert isinstance(machine.looma().tenants.delete("acme", backup=False, dry_run=True), Plan)
    assert (machine.left_on_engine(), machine.left_in_state(), machine.left_in_files()) == before


def test_batch_goes_on_past_a_bad_line(machine: Machine) -> None:
    rows = [
        (1, lite("one", start=False)),
        (2, InvalidValue("bad")),
        (3, lite("three", "nonsense", start=False)),
        (4, lite("four", start=False)),
    ]
    results = list(machine.looma().tenants.create_many(rows))
    assert [(r.line, r.name, r.error is None) for r in results] == [
        (1, "one", True),
        (2, "", False),
        (3, "three", False),
        (4, "four", True),
    ]
    assert [t.name for t in machine.looma().tenants.list()] == ["four", "one"]


def test_secrets_are_never_in_files_or_on_the_engine_in_plain_text(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    world = machine.world()
    with world.store.read() as state:
        secrets = [world.vault.open(sealed) for sealed in state.secrets("acme").values()]
    assert len(secrets) >= 4
    texts = [Path(name).read_text() for name in machine.left_in_files()] + [
        str(c.labels) + str(c.command) for c in machine.daemon.containers.values()
    ]
    assert not [s for s in secrets for text in texts if s in text]
    raw = subprocess.run(["strings", "-n", "16", str(machine.home / "looma.db")], capture_output=True, text=True, check=False).stdout
    assert not [s for s in secrets if s in raw]


def test_audit_sees_what_is_only_on_one_side(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    assert looma.state.audit().ok
    name = next(n for n, c in machine.daemon.containers.items() if c.service == "user-service")
    gone = machine.daemon.containers.pop(name)
    report = looma.state.audit()
    assert [finding.name for finding in report.missing] == ["looma-acme-app-g1/user-service"]
    machine.daemon.containers[name] = gone
    machine.edge.remove("acme")
    assert [finding.kind for finding in looma.state.audit().missing] == ["route"]


def test_platform_stack_by_the_same_machinery(machine: Machine) -> None:
    looma = machine.looma()
    core: Any = looma.core.up()
    assert core.status == "running"
    assert core.platform
    assert looma.tenants.list() == []
    assert "nginx" not in containers(machine)
    assert looma.core.down().status == "stopped"  # type: ignore[union-attr]
    assert looma.core.up().status == "running"  # type: ignore[union-attr]
    looma.core.down(volumes=True)
    assert nothing_left(machine)
    with pytest.raises(NotFound):
        looma.core.status()
