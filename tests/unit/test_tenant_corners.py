"""Corners of a tenant's life where data, routes or names could be lost: each one was, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import AlreadyExists, EngineUnavailable, Held, InvalidValue, NotAllowed, NotFound, OperationFailed, Paused
from looma_cli.model.requests import UpdateRequest
from tests.worlds import Machine, lite


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def mode(machine: Machine, port: int = 30000) -> int | None:
    answer = machine.edge.answer(port)
    return answer.status if answer else None


def test_a_create_never_takes_over_a_stack_that_the_state_does_not_know(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    with machine.world().store.write() as state:
        state.remove_tenant("acme")  # an older copy of the state, put back
    before = (machine.left_on_engine(), dict(machine.daemon.volumes))
    with pytest.raises(AlreadyExists) as caught:
        machine.looma().tenants.create(lite())
    assert "looma state rebuild" in caught.value.hint
    assert (machine.left_on_engine(), dict(machine.daemon.volumes)) == before


def test_a_delete_decides_on_what_the_tenant_is_by_then(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(start=False))
    stale = looma.tenants.show
    late = machine.looma()
    late.tenants.show = lambda name: stale(name)  # type: ignore[method-assign]
    seen = late.tenants.show("acme")
    late.tenants.show = lambda name: seen  # type: ignore[method-assign]
    looma.tenants.start("acme")
    late.tenants.delete("acme", backup=False)
    assert machine.left_on_engine() == []
    assert machine.left_in_state() == []


def test_the_platforms_names_are_its_own(machine: Machine) -> None:
    for name in ("looma-core", "looma-core-berlin"):
        with pytest.raises(AlreadyExists):
            machine.looma().tenants.create(lite(name))
    with pytest.raises(NotFound):
        machine.looma().core.down(volumes=True)


def test_undoing_a_delete_brings_back_the_route_as_it_was(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    looma.tenants.suspend("acme")
    machine.edge.fail_on("drain", EngineUnavailable("gone for a moment"))
    with pytest.raises(Paused) as paused:
        looma.tenants.delete("acme", backup=False)
    machine.looma().operations.rollback(paused.value.details["operation"])
    assert looma.tenants.show("acme").status == "suspended"
    assert mode(machine) == 503


def test_a_suspended_tenant_is_resumed_before_anything_else(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    looma.tenants.suspend("acme")
    for verb in (looma.tenants.stop, looma.tenants.restart, looma.tenants.start):
        with pytest.raises(NotAllowed):
            verb("acme")
    assert mode(machine) == 503
    with pytest.raises(AlreadyExists) as again:
        looma.tenants.create(lite())
    assert "looma tenant resume acme" in again.value.hint


def test_a_route_left_behind_while_the_edge_was_down_goes_when_it_is_back(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite("first"))
    looma.tenants.create(lite("second"))
    machine.edge.stop()
    looma.tenants.delete("first", backup=False)
    looma.tenants.restart("second")
    assert machine.edge.routes() == ["second"]
    assert mode(machine, 30000) is None
    assert mode(machine, 30001) == 200


def test_with_the_edge_down_a_tenant_can_be_stopped_started_and_suspended(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    machine.edge.stop()
    looma.tenants.stop("acme")
    looma.tenants.start("acme")
    assert mode(machine) == 200
    machine.edge.stop()
    looma.tenants.suspend("acme")
    assert mode(machine) == 503
    looma.tenants.resume("acme")
    machine.edge.stop()
    assert looma.tenants.start("acme").status == "running"  # type: ignore[union-attr]
    assert mode(machine) == 200


def test_a_stopped_tenants_hostname_is_free_once_it_gave_it_up(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite("first", hostname="a.example.com"))
    looma.tenants.create(lite("second"))
    looma.tenants.stop("first")
    looma.tenants.update(UpdateRequest("first", hostname=None))
    looma.tenants.update(UpdateRequest("second", hostname="a.example.com"))
    assert machine.edge.answer(80, host="a.example.com").service == "basic-server"  # type: ignore[union-attr]


def test_half_a_certificate_is_refused(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite(start=False))
    with pytest.raises(InvalidValue):
        looma.tenants.update(UpdateRequest("acme", tls_key="only the key"))


def test_an_interrupted_create_is_named_even_without_an_engine(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    machine.daemon.answers = False
    with pytest.raises(Held) as held:
        machine.looma().tenants.create(lite())
    assert paused.value.details["operation"] in held.value.hint


def test_health_of_all_says_who_waits_for_an_operator_in_the_middle_of_an_operation(machine: Machine) -> None:
    machine.looma().tenants.create(lite("well"))
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused):
        machine.looma().tenants.create(lite("begun"))
    report = machine.looma().health.check([])
    assert [(tenant.name, tenant.healthy) for tenant in report.tenants] == [("begun", False), ("well", True)]
    assert [(line.component, line.state) for line in report.tenants[0].components] == [("operation", "paused")]
    assert not report.healthy


def test_a_stopped_tenant_is_neither_healthy_nor_unhealthy(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    looma.health.check(["acme"])
    assert looma.tenants.show("acme").health == "healthy"
    assert looma.tenants.stop("acme").health == "unknown"  # type: ignore[union-attr]


def test_a_defect_in_an_undo_pauses_with_the_way_on(machine: Machine) -> None:
    machine.engine.fail_on("start", OperationFailed("no"), layer="app")
    machine.engine.fail_on("remove", ZeroDivisionError("a defect"))
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    operation = paused.value.details["operation"]
    assert f"looma operation rollback {operation}" in paused.value.hint
    assert machine.looma().operations.rollback(operation).status == "rolled_back"
    assert machine.left_on_engine() == []


def test_who_lost_its_lease_touches_nothing_more(machine: Machine) -> None:
    looma: Any = machine.looma()
    looma.tenants.create(lite())
    children = looma._context.children

    class Lost:
        lost = True
        lease = None

        def set_child(self, pid: int | None) -> None:
            raise AssertionError("a lost lease is written to")

    runner = looma._context.runner()
    children.lease = Lost()
    operation = looma.operations.list(all=True)[0]
    from dataclasses import replace

    with pytest.raises(Held, match="taken over"):
        runner._go(replace(operation, steps=tuple(replace(step, status="todo") for step in operation.steps)))
    children.lease = None
    assert looma.health.check(["acme"]).healthy


def test_ports_added_to_a_running_tenant_are_bound(machine: Machine) -> None:
    machine.environment["LOOMA_IMAGES"] = "registry"
    looma = machine.looma()
    looma.tenants.create(lite())
    updated: Any = looma.tenants.update(UpdateRequest("acme", profile="full"))
    assert {port.state for port in updated.ports} == {"bound"}


def test_a_create_again_with_other_images_is_another_one(machine: Machine) -> None:
    machine.looma().tenants.create(lite())
    with pytest.raises(AlreadyExists, match="another images") as again:
        machine.looma(images="registry").tenants.create(lite())
    assert again.value.exit_code == 4
    assert machine.looma().tenants.show("acme").images == "local"
    assert machine.looma(images="local").tenants.create(lite()).status == "running"  # type: ignore[union-attr]
