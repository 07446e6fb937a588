"""Plans of backups, as lists of steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import NotAllowed
from looma_cli.model.operation import Plan
from tests.crash.backups import machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal

SAVE = ["ensure-repository", "backup-stores", "record-backup"]
FILL = ["restore-store", "restore-store", "compare-store", "compare-store"]
UP = ["render-stack", "pull-images", "start-layer", "create-layer", "await-stores", *FILL, "await-healthy", "start-layer", "await-healthy"]
AWAY = ["drain-edge", "stop-layer", "stop-layer", "settle-files"]


def planned(tmp_path: Path, status: str = "running") -> Mortal:
    machine = machine_with_sets(tmp_path / "home", status=status)
    machine.process()
    return machine


def names(plan: object) -> list[str]:
    assert isinstance(plan, Plan)
    return [step.name for step in plan.steps]


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [("running", [], []), ("suspended", ["await-writes"], []), ("stopped", ["start-layer", "await-stores"], ["stop-layer"])],
)
def test_create(tmp_path: Path, status: str, before: list[str], after: list[str]) -> None:
    plan = planned(tmp_path, status).looma().backups.create("acme", dry_run=True)
    assert names(plan) == [*before, *SAVE, *after]
    assert plan.pivot == len(plan.steps)  # type: ignore[union-attr]


def test_verify(tmp_path: Path) -> None:
    machine = planned(tmp_path)
    plan = machine.looma().backups.verify(oldest(machine), dry_run=True)
    prepare = ["reserve-tenant", "adopt-secrets", "check-repository", "render-stack", "pull-images", "start-layer", "await-stores"]
    assert names(plan) == [*prepare, *FILL, "record-proof", "remove-layer", "settle-files", "forget-tenant"]
    assert plan.steps[plan.pivot].name == "record-proof"  # type: ignore[union-attr]
    assert plan.tenant.startswith("looma-scratch-")  # type: ignore[union-attr]


def test_restore_of_a_running_tenant(tmp_path: Path) -> None:
    machine = planned(tmp_path)
    plan = machine.looma().restores.restore(restore(backup=oldest(machine)), dry_run=True)
    freeze = ["set-route-mode", "await-writes"]
    route = ["put-back-route", "apply-route", "change-generation", "set-route-mode", "keep-layers", "check-route"]
    assert names(plan) == ["reserve-generation", "ensure-edge", *freeze, *SAVE, *UP, *route, *AWAY]
    assert plan.steps[plan.pivot].name == "change-generation"  # type: ignore[union-attr]


def test_restore_of_a_suspended_tenant_serves_nobody(tmp_path: Path) -> None:
    machine = planned(tmp_path, "suspended")
    plan = machine.looma().restores.restore(restore(backup=oldest(machine)), dry_run=True)
    route = ["put-back-route", "apply-route", "change-generation", "keep-layers"]
    assert names(plan) == ["reserve-generation", "ensure-edge", *SAVE, *UP, *route, *AWAY]
    assert [step.params["mode"] for step in plan.steps if step.name == "apply-route"] == ["suspended"]  # type: ignore[union-attr]


def test_restore_of_some_takes_the_rest_from_the_safety_backup(tmp_path: Path) -> None:
    machine = planned(tmp_path)
    plan = machine.looma().restores.restore(restore(backup=oldest(machine), only=("postgresql",)), dry_run=True)
    (safety,) = [step.params["backup"] for step in plan.steps if step.name == "backup-stores"]  # type: ignore[union-attr]
    sources = {step.params["store"]: step.params["backup"] for step in plan.steps if step.name == "restore-store"}  # type: ignore[union-attr]
    assert sources == {"mysql": safety, "postgresql": oldest(machine)}


def test_restore_of_a_stopped_tenant_needs_to_be_told_that_there_is_no_safety(tmp_path: Path) -> None:
    machine = planned(tmp_path, "stopped")
    with pytest.raises(NotAllowed, match="no safety backup"):
        machine.looma().restores.restore(restore(backup=oldest(machine)), dry_run=True)
    with pytest.raises(NotAllowed, match="nothing to take postgresql from"):
        machine.looma().restores.restore(restore(backup=oldest(machine), only=("mysql",), safety=False), dry_run=True)
    plan = machine.looma().restores.restore(restore(backup=oldest(machine), safety=False), dry_run=True)
    assert not set(SAVE) & set(names(plan))
    assert plan.warnings == ("no safety backup of the present is taken",)  # type: ignore[union-attr]


def test_delete_backs_up_after_the_last_request(tmp_path: Path) -> None:
    plan = planned(tmp_path).looma().tenants.delete("acme", backup=True, dry_run=True)
    away = ["remove-layer", "remove-layer", "release-edge", "settle-files", "forget-tenant"]
    assert names(plan) == ["set-status", "remove-route", "drain-edge", *SAVE, *away]
    assert plan.steps[plan.pivot].name == "remove-layer"  # type: ignore[union-attr]


def test_a_dry_run_of_anything_changes_nothing(tmp_path: Path) -> None:
    machine = planned(tmp_path)
    engine, files, stored = machine.left_on_engine(), machine.left_in_files(), dict(machine.places["/backups/acme"].stored)
    looma, id = machine.looma(), oldest(machine)
    looma.backups.create("acme", dry_run=True)
    looma.backups.verify(id, dry_run=True)
    looma.backups.copy("acme", "/copies", dry_run=True)
    looma.restores.restore(restore(backup=id), dry_run=True)
    looma.restores.restore(restore(backup=id, new_name="globex"), dry_run=True)
    looma.tenants.delete("acme", backup=True, dry_run=True)
    assert (engine, files, stored) == (machine.left_on_engine(), machine.left_in_files(), machine.places["/backups/acme"].stored)
    assert machine.places["/copies/acme"].stored == {}
    assert len(looma.operations.list(all=True)) == 2
