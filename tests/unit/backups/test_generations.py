"""A tenant's life after a restore: what is kept, for how long, and what it still holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import Held, LoomaError, OperationFailed
from looma_cli.model.requests import UpdateRequest
from looma_cli.model.tenant import Tenant
from tests.crash.backups import NOW, OLD, fill, machine_with_sets, oldest, restore, volumes
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed
from tests.worlds import lite


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    """Generation 2 serves OLD, 1 is kept with NOW."""
    machine = machine_with_sets(tmp_path / "home")
    machine.process().restores.restore(restore(backup=oldest(machine)))
    return machine


def tenant(machine: Mortal) -> Tenant:
    return machine.process().tenants.show("acme")


def ports(machine: Mortal) -> set[tuple[int, str]]:
    return {(row.generation, row.state) for row in tenant(machine).ports}


def kept(machine: Mortal) -> list[str]:
    with machine.world().store.read() as state:
        return sorted(one.reference.project for one in state.kept_layers())


def assert_serves(machine: Mortal, tables: dict[str, dict[str, str]]) -> None:
    assert [machine.stores.tables(volume) for volume in volumes(machine).values()] == [tables, tables]
    assert machine.edge.answer(30000, method="POST").status == 200
    assert machine.process().state.audit().ok
    assert machine.process().health.check(["acme"]).healthy


def test_the_old_layers_are_kept_stopped_with_their_data_and_ports(machine: Mortal) -> None:
    assert_serves(machine, OLD)
    assert (tenant(machine).data_generation, tenant(machine).app_generation) == (2, 2)
    assert kept(machine) == ["looma-acme-app-g1", "looma-acme-data-g1"]
    assert ports(machine) == {(1, "draining"), (2, "bound")}
    assert [machine.stores.tables(volume) for volume in volumes(machine, generation=1).values()] == [NOW, NOW]
    old = [c for c in machine.daemon.containers.values() if c.project.endswith("-g1")]
    assert {c.state for c in old} == {"exited"}


@pytest.mark.parametrize("verbs", [["stop", "start"], ["restart"], ["suspend", "resume"]])
def test_every_verb_works_beside_kept_layers(machine: Mortal, verbs: list[str]) -> None:
    for verb in verbs:
        getattr(machine.process().tenants, verb)("acme")
        assert machine.process().state.audit().ok
        assert (1, "draining") in ports(machine)
    assert ports(machine) == {(1, "draining"), (2, "bound")}
    assert_serves(machine, OLD)


def test_an_update_works_beside_kept_layers(machine: Mortal) -> None:
    machine.process().tenants.update(UpdateRequest("acme", settings={"A": "2"}))
    assert ports(machine) == {(1, "draining"), (2, "bound")}
    assert_serves(machine, OLD)


def test_a_stack_that_has_to_move_leaves_the_kept_ports_alone(machine: Mortal) -> None:
    """Somebody takes a port of the stopped tenant: its block moves, what the kept layers hold does not."""
    machine.process().tenants.stop("acme")
    taken = next(row for row in tenant(machine).ports if row.generation == 2)
    before = {(row.host_port, row.state) for row in tenant(machine).ports if row.generation == 1}
    machine.daemon.foreign_ports.add(("0.0.0.0", taken.host_port))
    machine.process().tenants.start("acme")
    assert {(row.host_port, row.state) for row in tenant(machine).ports if row.generation == 1} == before
    assert taken.host_port not in {row.host_port for row in tenant(machine).ports}
    assert_serves(machine, OLD)


def test_restored_twice_both_old_generations_are_kept_and_go_when_their_time_is_over(machine: Mortal) -> None:
    fill(machine, {"orders": {"1": "since"}})
    machine.clock.sleep(1800)
    machine.process().restores.restore(restore(backup=oldest(machine)))
    assert kept(machine) == [f"looma-acme-{layer}-g{generation}" for layer in ("app", "data") for generation in (1, 2)]
    assert ports(machine) == {(1, "draining"), (2, "draining"), (3, "bound")}
    assert machine.process().restores.retire() == []
    machine.clock.sleep(1801)
    assert [plan.tenant for plan in machine.process().restores.retire()] == ["acme"]
    assert kept(machine) == ["looma-acme-app-g2", "looma-acme-data-g2"]
    assert ports(machine) == {(2, "draining"), (3, "bound")}
    assert not [name for name in machine.left_on_engine() if "g1" in name]
    assert_serves(machine, OLD)
    machine.process().restores.retire("acme", everything=True)
    assert kept(machine) == []
    assert not [name for name in (*machine.left_on_engine(), *machine.left_in_files()) if "-g2" in name]
    assert {subnet.generation for subnet in tenant(machine).subnets} == {3}
    assert_serves(machine, OLD)


def test_a_delete_takes_kept_layers_with_it(machine: Mortal) -> None:
    machine.process().tenants.delete("acme", backup=True)
    assert machine.left_on_engine() == machine.left_in_files() == []
    with machine.world().store.read() as state:
        assert (state.kept_layers(), state.allocations(), state.subnets()) == ([], [], [])


def test_one_held_tenant_keeps_no_other_from_being_retired(machine: Mortal) -> None:
    machine.process().tenants.create(lite("beta"))
    fill(machine, OLD, "beta")
    set_ = machine.process().backups.create("beta")
    machine.process().restores.restore(restore(backup=set_.id).__class__("beta", set_.id))  # type: ignore[union-attr]
    machine.clock.sleep(7200)
    with pytest.raises(Killed):
        machine.process(3).tenants.restart("acme")
    with pytest.raises(Held):
        machine.process().restores.retire()
    assert kept(machine) == ["looma-acme-app-g1", "looma-acme-data-g1"]


def test_leftovers_on_the_engine_are_never_taken_for_new_layers(machine: Mortal) -> None:
    """Volumes of a generation that the state does not know hold data: a restore goes around them."""
    foreign = {name: labels for name, labels in machine.daemon.volumes.items() if "acme-data-g2" in name}
    for name, labels in foreign.items():
        machine.daemon.volumes[name.replace("-g2", "-g3")] = {**labels, "looma.generation": "3"}
    machine.process().restores.restore(restore(backup=oldest(machine)))
    assert tenant(machine).data_generation == 4
    assert [name for name in machine.daemon.volumes if "acme-data-g3" in name]


# what a restore does before it may fail
def test_whatever_was_written_between_two_tries_is_in_the_safety_backup(machine: Mortal) -> None:
    """The engine refuses a port, the restore is put back and the tenant serves for a moment, then it is planned once more."""
    start = machine.engine.start

    def refused_once(layer):  # type: ignore[no-untyped-def]
        if layer.reference.project == "looma-acme-data-g3":
            machine.engine.start = start  # type: ignore[method-assign]
            port = next(row.host_port for row in tenant(machine).ports if row.generation == 3)
            machine.daemon.foreign_ports.add(("127.0.0.1", port))
            fill(machine, {"orders": {"1": "acknowledged"}})
        return start(layer)

    machine.engine.start = refused_once  # type: ignore[method-assign]
    machine.process().restores.restore(restore(backup=oldest(machine), only=("mysql",)))
    tables = {store: machine.stores.tables(volume) for store, volume in volumes(machine).items()}
    assert tables == {"mysql": OLD, "postgresql": {"orders": {"1": "acknowledged"}}}


def test_a_write_in_flight_when_writes_are_refused_is_in_the_safety_backup(machine: Mortal) -> None:
    """What was let through before the freeze may be acknowledged after it: the backup waits for its end."""
    modes: list[str] = []
    machine.edge.on_settle = lambda: (modes.append(machine.edge.mode("acme")), fill(machine, {"orders": {"9": "late"}}))
    machine.looma().restores.restore(restore(backup=oldest(machine), only=("mysql",)))
    assert modes == ["frozen"]
    assert machine.stores.tables(volumes(machine)["postgresql"]) == {"orders": {"9": "late"}}


def test_a_write_that_does_not_end_undoes_the_restore(machine: Mortal) -> None:
    machine.edge.settles = False
    with pytest.raises(LoomaError, match="did not end"):
        machine.looma().restores.restore(restore(backup=oldest(machine)))
    assert machine.edge.mode("acme") == "serving"
    assert_serves(machine, OLD)


def test_a_lost_edge_comes_back_on_other_ports(machine: Mortal) -> None:
    del machine.daemon.containers[machine.edge.name]
    machine.daemon.foreign_ports.add(("0.0.0.0", 80))
    machine.process().restores.restore(restore(backup=oldest(machine)))
    assert_serves(machine, OLD)


def test_a_set_of_an_earlier_tenant_of_the_name_is_refused_for_its_accounts(machine: Mortal) -> None:
    """Its accounts have the passwords of then, which the services of now do not know."""
    id = oldest(machine)
    machine.process().tenants.delete("acme", backup=False)
    machine.process().tenants.create(lite())
    fill(machine, NOW)
    with pytest.raises(LoomaError, match="other secrets") as caught:
        machine.process().restores.restore(restore(backup=id))
    assert "--as" in caught.value.hint
    assert_serves(machine, NOW)
    assert machine.process().restores.restore(restore(backup=id, new_name="acme2")).status == "done"


def test_a_restore_that_fails_leaves_the_tenant_serving_and_its_safety_backup_known(machine: Mortal) -> None:
    machine.stores.damaged.add("postgresql")
    with pytest.raises(OperationFailed, match="postgresql"):
        machine.process().restores.restore(restore(backup=oldest(machine)))
    assert_serves(machine, OLD)
    assert len(machine.process().backups.list("acme")) == 3
    assert machine.process().operations.list() == []


def test_the_next_backup_lets_go_of_layers_whose_time_is_over(machine: Mortal) -> None:
    machine.clock.sleep(7 * 24 * 3600)
    machine.process().backups.create("acme")
    assert kept(machine) == []
    assert not [volume for volume in machine.daemon.volumes if volume.startswith("looma-acme-data-g1")]
