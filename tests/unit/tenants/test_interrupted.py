"""What was interrupted is named, and can be resumed or rolled back."""

from __future__ import annotations

import pytest

from looma_cli.errors import (
    EngineUnavailable,
    Held,
    Paused,
)
from looma_cli.model.layer import RenderedLayer
from tests.unit.tenants.traces import nothing_left
from tests.worlds import Machine, lite


def test_an_interrupted_create_is_named_with_the_way_on(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    operation = paused.value.details["operation"]
    for again in (lambda: machine.looma().tenants.create(lite()), lambda: machine.looma().tenants.delete("acme", backup=False)):
        with pytest.raises(Held) as held:
            again()
        assert f"looma operation resume {operation}" in held.value.hint
    assert machine.looma().operations.resume(operation).status == "done"
    assert machine.looma().health.check(["acme"]).healthy


def test_an_interrupted_create_can_be_rolled_back(machine: Machine) -> None:
    machine.engine.fail_on("start", EngineUnavailable("the engine went away"), layer="app")
    with pytest.raises(Paused) as paused:
        machine.looma().tenants.create(lite())
    assert machine.looma().operations.rollback(paused.value.details["operation"]).status == "rolled_back"
    assert nothing_left(machine)


def test_a_living_holder_is_named(machine: Machine) -> None:
    looma = machine.looma()
    looma.tenants.create(lite())
    with machine.world().leases.hold("tenant:acme", "op-other", "tenant.restart"), pytest.raises(Held) as held:
        looma.tenants.stop("acme")
    assert held.value.exit_code == 4
    assert looma.tenants.show("acme").status == "running"


def test_whoever_creates_the_same_tenant_at_the_same_time_is_named(machine: Machine) -> None:
    """Not taken for a stack of a lost state, though its containers are there already."""
    start, heard = machine.engine.start, []

    def start_and_let_another_try(layer: RenderedLayer) -> None:
        start(layer)
        with pytest.raises(Held, match="tenant acme is held by") as held:
            machine.looma().tenants.create(lite())
        heard.append(held.value.exit_code)

    machine.engine.start = start_and_let_another_try  # type: ignore[method-assign]
    machine.looma().tenants.create(lite())
    assert set(heard) == {4}
    assert machine.looma().health.check(["acme"]).healthy
