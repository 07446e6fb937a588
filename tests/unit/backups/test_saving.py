"""One moment of several datastores: writers wait until it is taken of all, a failure leaves nothing, an interruption holds nothing back."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import BackupFailed, Cancelled, Held, OperationFailed
from looma_cli.model.backup import Backup
from tests.crash.backups import NOW, OLD, PLACE, data, fill, machine_with_sets, oldest, restore, sets_at, volumes
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    machine = machine_with_sets(tmp_path / "home")
    machine.stores.told.clear()
    return machine


def create(machine: Mortal, **options: bool) -> Backup:
    return machine.process().backups.create("acme", **options)  # type: ignore[return-value]


def parts_at(machine: Mortal) -> list[tuple[str, str]]:
    return sorted((one.snapshot.tags["set"], one.snapshot.tags["part"]) for one in machine.places[PLACE].stored.values())


def test_writers_wait_until_every_moment_is_taken(machine: Mortal) -> None:
    create(machine)
    assert machine.stores.told == [("held", "mysql"), ("moment", "mysql"), ("moment", "postgresql"), ("released", "mysql")]


def test_what_is_written_during_the_dumps_is_in_none_of_them(machine: Mortal) -> None:
    """As soon as writers are let go, one writes everywhere."""
    release = machine.stores.held.remove

    class Releasing(list):  # type: ignore[type-arg]
        def remove(self, volume: str) -> None:
            release(volume)
            super().remove(volume)
            fill(machine, {"orders": {"1": "too late"}})

    machine.stores.held = Releasing(machine.stores.held)
    release = lambda volume: None  # noqa: E731
    id = create(machine).id
    machine.stores.held = []
    machine.process().restores.restore(restore(backup=id, safety=False))
    assert data(machine)["acme"] == {"mysql": NOW, "postgresql": NOW}


@pytest.mark.parametrize("fault", ["failing", "unreadable"])
@pytest.mark.parametrize("store", ["mysql", "postgresql"])
def test_a_store_that_fails_fails_the_set(machine: Mortal, store: str, fault: str) -> None:
    before = parts_at(machine)
    getattr(machine.stores, fault).add(store)
    with pytest.raises(OperationFailed, match=store):
        create(machine)
    assert parts_at(machine) == before
    assert machine.stores.held == []
    assert len(machine.process().backups.list("acme")) == 1
    assert machine.process().operations.list() == []


@pytest.mark.parametrize("fault", ["failing", "unreadable"])
def test_a_partial_set_says_what_it_lacks_and_has_nothing_of_it(machine: Mortal, fault: str) -> None:
    getattr(machine.stores, fault).add("postgresql")
    backup = create(machine, allow_partial=True)
    assert (backup.partial, backup.missing, [store.name for store in backup.datastores]) == (True, ("postgresql",), ["mysql"])
    assert [part for id, part in parts_at(machine) if id == backup.id] == ["manifest", "mysql"]
    assert backup.stored_bytes <= backup.size_bytes


def test_a_partial_set_of_nothing_is_none(machine: Mortal) -> None:
    machine.stores.failing |= {"mysql", "postgresql"}
    with pytest.raises(OperationFailed):
        create(machine, allow_partial=True)
    assert len(sets_at(machine, PLACE)) == 1


def test_the_newest_set_is_the_newest_complete_one(machine: Mortal) -> None:
    machine.stores.failing.add("postgresql")
    create(machine, allow_partial=True)
    assert machine.process().backups.newest("acme").id == oldest(machine)


@pytest.mark.parametrize("asked", range(1, 9))
def test_ctrl_c_pauses_and_holds_nothing_back(machine: Mortal, asked: int) -> None:
    """At whichever question the answer is to stop."""
    questions = iter(range(1, 1000))
    machine.process()
    looma = machine.looma(stop_requested=lambda: next(questions) >= asked)
    try:
        looma.backups.create("acme")
    except Cancelled as error:
        assert machine.stores.held == []
        operation = error.details["operation"]
        assert machine.process().operations.resume(operation).status == "done"
        assert len(sets_at(machine, PLACE)) == 2
        return
    assert asked > 5  # it was done before


def test_ctrl_c_and_then_a_rollback_leaves_no_half_set(machine: Mortal) -> None:
    seen: list[str] = []
    machine.process()
    looma = machine.looma(stop_requested=lambda: bool(machine.stores.told and not seen.append("asked")))
    with pytest.raises(Cancelled) as caught:
        looma.backups.create("acme")
    assert machine.stores.held == []
    assert machine.process().operations.rollback(caught.value.details["operation"]).status == "rolled_back"
    assert sets_at(machine, PLACE) == {oldest(machine)}


def test_a_second_backup_at_once_is_refused_naming_the_holder(machine: Mortal) -> None:
    first = machine.process()
    with machine.world().leases.hold("tenant:acme", "op-1", "backup.create"), pytest.raises(Held, match=r"backup\.create") as caught:
        first.backups.create("acme")
    assert caught.value.exit_code == 4


def test_a_killed_backup_is_named_to_the_next(machine: Mortal) -> None:
    with pytest.raises(Killed):
        machine.process(6).backups.create("acme")
    with pytest.raises(Held, match="interrupted") as caught:
        create(machine)
    assert "looma operation resume" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_store_without_its_container_is_never_left_out_in_silence(machine: Mortal) -> None:
    name = next(name for name, c in machine.daemon.containers.items() if c.service == "postgresql")
    del machine.daemon.containers[name]
    with pytest.raises(OperationFailed, match="postgresql has no container"):
        create(machine)
    backup = create(machine, allow_partial=True)
    assert backup.missing == ("postgresql",)


@pytest.mark.parametrize("status", ["stopped", "suspended"])
def test_a_backup_leaves_the_tenant_as_it_was(tmp_path: Path, status: str) -> None:
    machine = machine_with_sets(tmp_path / "other", status=status)
    states = {c.name: c.state for c in machine.daemon.containers.values()}
    create(machine)
    assert {c.name: c.state for c in machine.daemon.containers.values()} == states
    assert machine.process().tenants.show("acme").status == status
    assert [machine.stores.tables(volume) for volume in volumes(machine).values()] == [NOW, NOW]


def test_a_failed_tenants_running_datastores_stay_running(machine: Mortal) -> None:
    """A rebuild calls a tenant failed of which one service is down: a backup must not end the rest of it."""
    next(c for c in machine.daemon.containers.values() if c.service == "job-service").state = "exited"
    with machine.world().store.write() as state:
        state.save_tenant(state.tenant("acme").__class__(**{**_fields(state.tenant("acme")), "status": "failed"}))
    states = {c.name: c.state for c in machine.daemon.containers.values()}
    create(machine)
    assert {c.name: c.state for c in machine.daemon.containers.values()} == states
    machine.stores.failing.add("mysql")
    with pytest.raises(OperationFailed):
        create(machine)
    assert {c.name: c.state for c in machine.daemon.containers.values()} == states


def _fields(tenant: object) -> dict[str, object]:
    return {name: getattr(tenant, name) for name in tenant.__slots__}  # type: ignore[attr-defined]


def test_a_full_repository_fails_the_set_and_the_sets_before_stay(machine: Mortal) -> None:
    machine.places[PLACE].capacity = machine.places[PLACE].used() + 40
    with pytest.raises(OperationFailed, match="space"):
        create(machine)
    assert sets_at(machine, PLACE) == {oldest(machine)}
    machine.places[PLACE].capacity = None
    machine.process().restores.restore(restore(backup=oldest(machine)))
    assert data(machine)["acme"] == {"mysql": OLD, "postgresql": OLD}


def test_an_unreachable_repository_pauses_and_can_be_put_back(machine: Mortal) -> None:
    machine.places[PLACE].reachable = False
    with pytest.raises(Exception, match="cannot be reached") as caught:
        create(machine)
    assert not isinstance(caught.value, BackupFailed)
    machine.places[PLACE].reachable = True
    for operation in machine.process().operations.list():
        machine.process().operations.rollback(operation.id)
    assert sets_at(machine, PLACE) == {oldest(machine)}
    assert machine.stores.held == []
