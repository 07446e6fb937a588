"""Two generations on the engine when the state was lost: the one that serves is taken, the other is kept, none is ever removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.backups import NOW, OLD, data, machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed
from tests.unit.rebuild.traces import details, everything_on


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    return machine_with_sets(tmp_path / "home")


def rebuilt(machine: Mortal) -> str:
    """What the report says; nothing on the engine is touched."""
    there = everything_on(machine)
    machine.lose_state()
    report = machine.process().state.rebuild()
    assert everything_on(machine) == there
    return details(report)


def kept(machine: Mortal) -> list[str]:
    with machine.world().store.read() as state:
        return sorted(one.reference.project for one in state.kept_layers())


def generations(machine: Mortal) -> tuple[int, int]:
    tenant = machine.process().tenants.show("acme")
    return tenant.data_generation, tenant.app_generation


def test_after_a_restore_the_new_layers_are_taken_and_the_old_kept(machine: Mortal) -> None:
    machine.process().restores.restore(restore(backup=oldest(machine)))
    said = rebuilt(machine)
    assert "looma-acme-app-g1, looma-acme-data-g1 is there beside what serves, and is kept" in said
    assert generations(machine) == (2, 2)
    assert kept(machine) == ["looma-acme-app-g1", "looma-acme-data-g1"]
    assert data(machine)["acme"] == {"mysql": OLD, "postgresql": OLD}
    assert machine.process().state.audit().ok
    machine.clock.sleep(10**8)
    assert machine.process().restores.retire() == []
    machine.process().restores.restore(restore(location="/backups"))
    assert generations(machine) == (3, 3)
    machine.process().tenants.delete("acme", backup=False)
    assert machine.left_on_engine() == []


def test_a_stopped_tenants_layers_are_told_apart_by_its_route(machine: Mortal) -> None:
    machine.process().restores.restore(restore(backup=oldest(machine)))
    machine.process().tenants.stop("acme")
    rebuilt(machine)
    assert generations(machine) == (2, 2)
    machine.process().tenants.start("acme")
    assert data(machine)["acme"] == {"mysql": OLD, "postgresql": OLD}
    assert machine.process().state.audit().ok


@pytest.mark.parametrize("at", range(20, 44, 3))
def test_a_restore_that_was_cut_short_leaves_services_and_data_that_belong_together(machine: Mortal, at: int) -> None:
    """Wherever it died: the old data under the old services, or the new under the new."""
    with pytest.raises(Killed):
        machine.process(at).restores.restore(restore(backup=oldest(machine)))
    rebuilt(machine)
    data_generation, app_generation = generations(machine)
    assert data_generation == app_generation
    expected = NOW if data_generation == 1 else OLD
    assert data(machine)["acme"] == {"mysql": expected, "postgresql": expected}
    assert all(f"g{data_generation}" not in project for project in kept(machine))
    assert machine.process().state.audit().unknown == ()


def test_without_a_route_the_newest_that_runs_as_a_whole_is_taken(machine: Mortal) -> None:
    machine.process().restores.restore(restore(backup=oldest(machine)))
    machine.edge.remove("acme")
    rebuilt(machine)
    assert generations(machine) == (2, 2)


def test_where_nothing_tells_them_apart_nothing_is_taken(machine: Mortal) -> None:
    machine.process().restores.restore(restore(backup=oldest(machine)))
    machine.process().tenants.stop("acme")
    machine.edge.remove("acme")
    assert "generations 1, 2 of its app layer are there" in rebuilt(machine)
    assert machine.process().tenants.list() == []


def test_a_scratch_stack_is_no_tenant(machine: Mortal) -> None:
    with pytest.raises(Killed):
        machine.process(16).backups.verify(oldest(machine))
    assert [name for name in machine.daemon.volumes if "looma-scratch" in name]
    said = rebuilt(machine)
    assert "left by a proof that was cut short" in said
    assert [tenant.name for tenant in machine.process().tenants.list()] == ["acme"]
    with machine.world().store.read() as state:
        assert state.tenants(platform=True) == []
