"""What a failed proof says about a set, and what it does not."""

from __future__ import annotations

import pytest

from looma_cli.errors import LoomaError, NotAllowed, Unreachable
from looma_cli.model.backup import Backup
from looma_cli.steps.base import read_step
from tests.worlds import Machine


def test_a_set_that_could_not_be_looked_at_has_no_problem(machine: Machine) -> None:
    backup = machine.looma().backups.create("acme")
    assert isinstance(backup, Backup)
    machine.daemon.answers = False
    with pytest.raises(Unreachable):
        machine.looma().backups.verify(backup.id)
    machine.daemon.answers = True
    machine.places[backup.location].reachable = False
    with pytest.raises(Unreachable):
        machine.looma().backups.verify(backup.id)
    assert machine.looma().backups.show(backup.id).problem == ""


def test_a_set_that_does_not_come_back_has(machine: Machine) -> None:
    backup = machine.looma().backups.create("acme")
    assert isinstance(backup, Backup)
    machine.stores.damaged.add("mysql")
    with pytest.raises(LoomaError, match="records"):
        machine.looma().backups.verify(backup.id)
    assert "records" in machine.looma().backups.show(backup.id).problem
    machine.stores.damaged.clear()
    machine.looma().backups.verify(backup.id)
    assert machine.looma().backups.show(backup.id).problem == ""


def test_a_dry_drill_proves_nothing_and_says_what_it_would(machine: Machine) -> None:
    backup = machine.looma().backups.create("acme")
    assert isinstance(backup, Backup)
    (outcome,) = machine.looma().backups.drill(60, dry_run=True)
    assert outcome.plan is not None
    assert backup.id in outcome.plan.changes[0]
    assert machine.looma().backups.show(backup.id).verified_at is None


def test_a_repository_is_not_copied_onto_itself(machine: Machine) -> None:
    machine.looma().backups.create("acme")
    with pytest.raises(NotAllowed, match="already"):
        machine.looma().backups.copy("acme", f"{machine.home}/backups/")


def test_titles_count_as_people_do(machine: Machine) -> None:
    backup = machine.looma().backups.create("acme")
    assert isinstance(backup, Backup)
    titles = [read_step(step.name, step.params).title() for step in machine.looma().backups.verify(backup.id, dry_run=True).steps]  # type: ignore[union-attr]
    assert titles[0] == "Reserve 0 ports and 1 subnet"
