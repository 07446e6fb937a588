"""`backup run --due`: who is due, what follows a backup, what a failure of one means for the others, and two at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from looma_cli.adapters.workers import ForkedWorkers
from looma_cli.errors import Cancelled
from looma_cli.model.operation import Plan
from looma_cli.model.reporting import SilentReporter
from looma_cli.usecases.due import DueBackups, DueResult
from looma_cli.usecases.restoring import RestoreRequest
from looma_cli.wiring import Looma, open_looma
from tests.fakes.failing import Killed
from tests.worlds import Machine, lite

DAY = 24 * 3600.0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "home")
    for name in ("acme", "beta"):
        machine.looma().tenants.create(lite(name))
    return machine


def run(machine: Machine, **more: object) -> dict[str, DueResult]:
    return {result.tenant: result for result in machine.looma().due_backups.run(**more)}  # type: ignore[arg-type]


def statuses(machine: Machine) -> dict[str, str]:
    return {name: result.status for name, result in run(machine).items()}


def looma_with(machine: Machine, **adapters: object) -> Looma:
    """A command on the machine with some adapters of its own."""
    return open_looma({}, SilentReporter(), environment=machine.environment, world=replace(machine.world(), **adapters))  # type: ignore[arg-type]


def sets(machine: Machine, tenant: str) -> list[str]:
    return [backup.kind for backup in machine.looma().backups.list(tenant)]


def test_each_slot_has_one_set_of_its_kind(machine: Machine) -> None:
    """The clock begins at 03:04: the newest slot is the full one of that day."""
    assert {name: (result.status, result.kind) for name, result in run(machine).items()} == {
        "acme": ("done", "full"),
        "beta": ("done", "full"),
    }
    assert statuses(machine) == {"acme": "not_due", "beta": "not_due"}
    machine.clock.sleep(6 * 3600)
    assert statuses(machine) == {"acme": "done", "beta": "done"}
    assert sets(machine, "acme") == ["incremental", "full"]


def test_only_tenants_that_should_run_and_whose_set_is_missing(machine: Machine) -> None:
    machine.looma().tenants.stop("beta")
    machine.looma().backups.create("acme")
    machine.looma().tenants.create(lite("gamma"))
    machine.looma().tenants.suspend("gamma")
    assert statuses(machine) == {"acme": "not_due", "gamma": "done"}


def test_a_partial_set_does_not_stand_for_the_one_that_is_due(machine: Machine) -> None:
    machine.stores.failing = {"redis"}
    machine.looma().backups.create("acme", allow_partial=True)
    machine.stores.failing = set()
    assert run(machine)["acme"].status == "done"


def test_the_installed_schedule_counts(machine: Machine) -> None:
    machine.looma().schedules.install("02:00", 24)
    assert run(machine)["acme"].kind == "full"
    machine.clock.sleep(20 * 3600)
    assert statuses(machine) == {"acme": "not_due", "beta": "not_due"}
    machine.clock.sleep(4 * 3600)
    assert statuses(machine) == {"acme": "done", "beta": "done"}


def test_the_failure_of_one_does_not_stop_the_others(machine: Machine) -> None:
    machine.places[str(machine.home / "backups/acme")].reachable = False
    results = run(machine)
    assert {name: result.status for name, result in results.items()} == {"acme": "failed", "beta": "done"}
    assert "cannot be reached" in results["acme"].errors[0].message
    assert machine.looma().operations.list() == [], "nothing holds the tenant until somebody comes"
    machine.places[str(machine.home / "backups/acme")].reachable = True
    assert statuses(machine) == {"acme": "done", "beta": "not_due"}


@pytest.mark.parametrize(("pruned", "left"), [("true", 1), ("false", 2)])
def test_after_a_backup_it_is_copied_and_what_is_too_old_forgotten(machine: Machine, pruned: str, left: int) -> None:
    """In the second place too, unless that lets nothing be removed."""
    machine.environment |= {"LOOMA_BACKUP_COPY": "s3:https://elsewhere.example/looma", "LOOMA_BACKUP_COPY_PRUNE": pruned}
    first = run(machine)["acme"]
    assert (first.copied, first.forgotten) == (1, ())
    machine.clock.sleep(31 * DAY)
    later = run(machine)["acme"]
    assert (later.copied, later.forgotten) == (2, (first.backup.id,))  # type: ignore[union-attr]
    assert sets(machine, "acme") == ["full"]
    copies = machine.places["s3:https://elsewhere.example/looma/acme"].stored.values()
    assert len({stored.snapshot.tags["set"] for stored in copies}) == left


def test_a_copy_that_fails_is_told_and_the_backup_stays(machine: Machine) -> None:
    machine.environment["LOOMA_BACKUP_COPY"] = "/elsewhere"
    machine.places["/elsewhere/acme"].reachable = False
    results = run(machine)
    assert (results["acme"].status, results["acme"].copied, results["beta"].copied) == ("failed", None, 1)
    assert results["acme"].backup is not None
    assert sets(machine, "acme") == ["full"]


def test_layers_whose_time_is_over_are_retired(machine: Machine) -> None:
    run(machine)
    machine.looma().restores.restore(RestoreRequest("acme", keep_seconds=60))
    machine.clock.sleep(30)
    run(machine)
    assert any("acme-data-g1" in name for name in machine.left_on_engine())
    machine.clock.sleep(31)
    run(machine)
    assert not any("acme-data-g1" in name for name in machine.left_on_engine())


def test_a_tenant_that_somebody_holds_is_told_and_left_alone(machine: Machine) -> None:
    other = machine.world()
    with other.leases.hold("tenant:acme", "op-other", "tenant.update"):
        results = run(machine)
    assert {name: result.status for name, result in results.items()} == {"acme": "held", "beta": "done"}
    assert "tenant.update" in results["acme"].errors[0].message
    assert sets(machine, "acme") == []


class FasterOther:
    """Leases that let another process take the backup between the first look and the decision."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._leases = machine.world().leases
        self._done = False

    @contextmanager
    def hold(self, resource: str, *given: object, **more: object) -> Iterator[object]:
        if resource == "tenant:acme" and not self._done:
            self._done = True
            assert run(self._machine)["acme"].status == "done"
        with self._leases.hold(resource, *given, **more) as held:  # type: ignore[arg-type]
            yield held

    def __getattr__(self, name: str) -> object:
        return getattr(self._leases, name)


def test_two_at_once_do_nothing_twice(machine: Machine) -> None:
    results = list(looma_with(machine, leases=FasterOther(machine)).due_backups.run())
    assert {result.tenant: result.status for result in results} == {"acme": "not_due", "beta": "not_due"}
    assert (sets(machine, "acme"), sets(machine, "beta")) == (["full"], ["full"])


def test_what_a_killed_run_left_is_finished_first(machine: Machine) -> None:
    """Nobody else would, and no backup could be taken ever after."""
    def dies(location: str) -> object:
        raise Killed

    with pytest.raises(Killed):
        list(looma_with(machine, repository=dies).due_backups.run())
    assert [operation.status for operation in machine.looma().operations.list("acme")] == ["interrupted"]
    assert statuses(machine) == {"acme": "done", "beta": "done"}
    assert machine.looma().operations.list() == []


def test_somebody_elses_interrupted_operation_is_a_failure(machine: Machine) -> None:
    """It holds the tenant until a person decides, so that it must not look well."""
    def dies(host: str) -> object:
        raise Killed

    with pytest.raises(Killed):
        looma_with(machine, edge=dies).tenants.suspend("acme")
    results = run(machine)
    assert results["acme"].status == "failed"
    assert "was interrupted" in results["acme"].errors[0].message


def test_dry_run_plans_and_changes_nothing(machine: Machine) -> None:
    results = run(machine, dry_run=True)
    assert {name: result.status for name, result in results.items()} == {"acme": "planned", "beta": "planned"}
    assert isinstance(results["acme"].plan, Plan)
    assert sets(machine, "acme") == []


def test_ctrl_c_ends_it_between_two_tenants(machine: Machine) -> None:
    asked = []
    results = machine.looma(stop_requested=lambda: bool(asked)).due_backups.run()
    assert next(results).status == "done"
    asked.append(True)
    with pytest.raises(Cancelled, match="1 of 2 tenants are left"):
        next(results)
    assert (len(sets(machine, "acme")), len(sets(machine, "beta"))) == (1, 0)


def test_a_dump_that_breaks_off_leaves_nothing_to_be_finished(machine: Machine) -> None:
    machine.stores.failing = {"mysql"}
    results = run(machine)
    assert {name: "mysql" in result.errors[0].message for name, result in results.items()} == {"acme": True, "beta": True}
    assert machine.looma().operations.list() == []


def test_slots_before_the_tenant_are_nobodys_duty_but_a_first_set_is_made(machine: Machine) -> None:
    machine.clock.sleep(timedelta(hours=1).total_seconds())
    machine.looma().tenants.create(lite("young"))
    assert run(machine)["young"].status == "done"


def shared_among(machine: Machine, **more: object) -> DueBackups:
    """By real processes; what a fake keeps in memory stays in each, the state is one."""
    looma = looma_with(machine, **more)
    store = looma._world.store
    return DueBackups(replace(looma._context, workers=ForkedWorkers(store.close, 9)))


def test_several_at_once_and_no_more_than_asked_for(machine: Machine, tmp_path: Path) -> None:
    for name in ("gamma", "delta"):
        machine.looma().tenants.create(lite(name))
    events = tmp_path / "events"

    def noting(location: str) -> object:
        with events.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return machine.world().repository(location)

    results = {result.tenant: result for result in shared_among(machine, repository=noting).run(parallel=2)}
    assert {name: result.status for name, result in results.items()} == dict.fromkeys(("acme", "beta", "gamma", "delta"), "done")
    assert all(result.backup and result.backup.tenant == name for name, result in results.items())
    pids = set(events.read_text().split())
    assert (len(pids), str(os.getpid()) in pids) == (2, False)
    assert statuses(machine) == dict.fromkeys(("acme", "beta", "gamma", "delta"), "not_due")
    assert [row for row in machine.left_in_state() if row.startswith("Lease(")] == []


def test_a_worker_that_is_killed_is_told_and_the_others_go_on(machine: Machine) -> None:
    machine.looma().tenants.create(lite("gamma"))
    usual = machine.world().repository

    def deadly(location: str) -> object:
        if location.endswith("/acme"):
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(location)

    results = {result.tenant: result for result in shared_among(machine, repository=deadly).run(parallel=2)}
    assert {name: result.status for name, result in results.items()} == {"acme": "failed", "beta": "done", "gamma": "done"}
    assert "was killed" in results["acme"].errors[0].message
    assert run(machine)["acme"].status == "done"
    assert machine.looma().operations.list() == []


def test_errors_come_back_from_the_workers(machine: Machine) -> None:
    machine.places[str(machine.home / "backups/acme")].reachable = False
    results = {result.tenant: result for result in shared_among(machine).run(parallel=2)}
    assert {name: result.status for name, result in results.items()} == {"acme": "failed", "beta": "done"}
    assert (results["acme"].errors[0].code, results["acme"].errors[0].hint != "") == ("paused", True)
