"""What a prune never takes, whatever the policy says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.errors import OperationFailed
from looma_cli.model.backup import Retention
from tests.crash.backups import PLACE, machine_with_sets, oldest, restore, sets_at
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed

LAST = Retention(last=1)


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    return machine_with_sets(tmp_path / "home")


def create(machine: Mortal, *, partial: bool = False) -> str:
    machine.clock.sleep(3600)
    machine.stores.failing = {"postgresql"} if partial else set()
    id = machine.process().backups.create("acme", allow_partial=partial).id  # type: ignore[union-attr]
    machine.stores.failing.clear()
    return id


def note(machine: Mortal, id: str, problem: str) -> None:
    with machine.world().store.write() as state:
        state.save_backup(replace(state.backup(id), problem=problem))


def pruned(machine: Mortal) -> set[str]:
    """What is left, in the state and in the repository alike; parts of a partial set are fewer."""
    machine.process().backups.prune("acme", LAST)
    left = {backup.id for backup in machine.process().backups.list("acme")}
    tags = [one.snapshot.tags for one in machine.places[PLACE].stored.values()]
    assert {tag["set"] for tag in tags} == {tag["set"] for tag in tags if tag["part"] == "manifest"} == left
    return left


def test_the_policy_decides_where_nothing_else_does(machine: Mortal) -> None:
    create(machine)
    last = create(machine)
    assert pruned(machine) == {last} == sets_at(machine, PLACE)
    assert machine.process().backups.prune("acme", LAST) == (None, [])


def test_a_dry_run_says_what_would_go_and_takes_nothing(machine: Mortal) -> None:
    first = oldest(machine)
    create(machine)
    plan, chosen = machine.process().backups.prune("acme", LAST, dry_run=True)
    assert [backup.id for backup in chosen] == [first]
    assert plan is not None
    assert len(sets_at(machine, PLACE)) == 2


def test_partial_sets_do_not_displace_the_last_complete_one(machine: Mortal) -> None:
    whole = oldest(machine)
    create(machine, partial=True)
    last = create(machine, partial=True)
    assert pruned(machine) == {whole, last}


def test_sets_that_a_proof_found_bad_do_not_displace_the_last_sound_one(machine: Mortal) -> None:
    sound = oldest(machine)
    create(machine)
    bad = create(machine)
    with machine.world().store.read() as state:
        between = state.backups("acme")[1].id
    for id in (between, bad):
        note(machine, id, "mysql is not what it was")
    assert pruned(machine) == {sound, bad}


def test_the_last_proven_set_stays_and_one_whose_last_proof_failed_is_none(machine: Mortal) -> None:
    proven = oldest(machine)
    machine.process().backups.verify(proven)
    once = create(machine)
    machine.process().backups.verify(once)
    note(machine, once, "rotten since")
    last = create(machine)
    assert pruned(machine) == {proven, last}


def test_a_set_that_an_unfinished_operation_uses_stays(machine: Mortal) -> None:
    used = oldest(machine)
    with pytest.raises(Killed):
        machine.process(14).restores.restore(restore(backup=used, new_name="globex"))
    create(machine)
    last = create(machine)
    assert pruned(machine) == {used, last}
    (operation,) = machine.process().operations.list()
    assert machine.process().operations.resume(operation.id).status == "done"


def test_a_set_that_is_being_proven_stays(machine: Mortal) -> None:
    used = oldest(machine)
    with pytest.raises(Killed):
        machine.process(8).backups.verify(used)
    last = create(machine)
    assert pruned(machine) == {used, last}


def test_the_safety_backup_stays_while_the_old_layers_are_kept(machine: Mortal) -> None:
    machine.process().restores.restore(restore(backup=oldest(machine), keep_seconds=10 * 3600))
    with machine.world().store.read() as state:
        safety = state.backups("acme")[0].id
    create(machine)
    last = create(machine)
    assert pruned(machine) == {safety, last}
    machine.process().restores.retire("acme", everything=True)
    assert pruned(machine) == {last}


def test_a_set_that_is_gone_when_its_proof_begins_leaves_no_scratch(machine: Mortal) -> None:
    id = oldest(machine)
    looma = machine.process()
    show = looma.backups.show

    def pruned_meanwhile(wanted: str) -> object:
        found = show(wanted)
        create(machine)
        machine.process().backups.prune("acme", LAST)
        looma.backups.show = show  # type: ignore[method-assign]
        return found

    looma.backups.show = pruned_meanwhile  # type: ignore[method-assign]
    with pytest.raises(Exception, match=f"no backup {id}") as caught:
        looma.backups.verify(id)
    assert not isinstance(caught.value, OperationFailed)
    assert not [name for name in machine.left_on_engine() if "scratch" in name]
    assert machine.process().state.audit().ok
