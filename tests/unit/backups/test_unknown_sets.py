"""A policy holds for what is in a repository, whether or not this state knows it: another home's sets, those of a lost state, copies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.errors import NotFound
from looma_cli.model.backup import BACKUP_FORMAT, Retention
from looma_cli.model.reporting import SilentReporter
from tests.crash.backups import COPY, PLACE, machine_with_sets, oldest, restore, sets_at
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed

LAST = Retention(last=1)


class Warned(SilentReporter):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    machine = machine_with_sets(tmp_path / "home")
    for _ in range(2):
        create(machine)
    return machine


def create(machine: Mortal, *, partial: bool = False) -> str:
    machine.clock.sleep(3600)
    machine.stores.failing = {"postgresql"} if partial else set()
    id = machine.process().backups.create("acme", allow_partial=partial).id  # type: ignore[union-attr]
    machine.stores.failing.clear()
    return id


def known(machine: Mortal) -> list[str]:
    """Ids that the state knows, newest first."""
    return [backup.id for backup in machine.process().backups.list("acme")]


def forget(machine: Mortal, *ids: str) -> None:
    """The state has lost what it knew of them."""
    with machine.world().store.write() as state:
        for id in ids:
            state.remove_backup(id)


def at(machine: Mortal, place: str) -> set[str]:
    """Ids of all sets of which anything is there: what is left must be whole."""
    tags = [stored.snapshot.tags for stored in machine.places[place].stored.values()]
    complete = {tag["set"] for tag in tags if tag["part"] == "manifest"}
    assert {tag["set"] for tag in tags} == complete
    return complete


def pruned(machine: Mortal, place: str = PLACE) -> set[str]:
    machine.process().backups.prune("acme", LAST, location=place)
    return at(machine, place)


def rewrite(machine: Mortal, id: str, text: bytes) -> None:
    """Another manifest in place of a set's, without the tags of ours."""
    place = machine.places[PLACE]
    (key,) = [key for key, one in place.stored.items() if one.snapshot.tags["set"] == id and one.snapshot.tags["part"] == "manifest"]
    snapshot = place.stored[key].snapshot
    tags = {name: value for name, value in snapshot.tags.items() if name in ("set", "tenant", "part")}
    place.stored[key] = replace(place.stored[key], data=text, snapshot=replace(snapshot, tags=tags))


def test_sets_that_the_state_does_not_know_are_pruned_too(machine: Mortal) -> None:
    newest, *others = known(machine)
    forget(machine, *others)
    assert pruned(machine) == {newest}
    assert known(machine) == [newest]


def test_of_a_lost_state_the_newest_good_one_stays(machine: Mortal) -> None:
    newest, *_ = everything = known(machine)
    forget(machine, *everything)
    _, chosen = machine.process().backups.prune("acme", LAST, dry_run=True)
    assert [backup.id for backup in chosen] == everything[1:]
    assert pruned(machine) == {newest}


def test_an_unknown_partial_set_does_not_displace_the_last_complete_one(machine: Mortal) -> None:
    whole = known(machine)[0]
    partial = create(machine, partial=True)
    forget(machine, *known(machine))
    machine.process().backups.prune("acme", LAST)
    assert at(machine, PLACE) == {partial, whole}


@pytest.mark.parametrize("manifest", [json.dumps({"format": BACKUP_FORMAT + 1, "written_by": "looma 9.0"}).encode(), b"{ rotten"])
def test_one_that_cannot_be_read_stays_and_is_told(machine: Mortal, manifest: bytes) -> None:
    newest, _, odd = known(machine)
    rewrite(machine, odd, manifest)
    forget(machine, odd)
    reporter = Warned()
    looma = machine.looma(reporter)
    looma.backups.prune("acme", LAST)
    assert at(machine, PLACE) == {newest, odd}
    assert [odd in warning for warning in reporter.warnings] == [True]


def test_another_tenants_sets_in_the_same_repository_stay(machine: Mortal) -> None:
    newest, _, odd = known(machine)
    place = machine.places[PLACE]
    for key, one in place.stored.items():
        if one.snapshot.tags["set"] == odd:
            place.stored[key] = replace(one, snapshot=replace(one.snapshot, tags={**one.snapshot.tags, "tenant": "beta"}))
    forget(machine, odd)
    assert pruned(machine) == {newest, odd}


def test_copies_are_pruned_and_the_state_keeps_what_it_knows_of_the_first_place(machine: Mortal) -> None:
    machine.process().backups.copy("acme", "/copies")
    everything = known(machine)
    assert sets_at(machine, COPY) == set(everything)
    assert pruned(machine, COPY) == {everything[0]}
    assert known(machine) == everything
    assert sets_at(machine, PLACE) == set(everything)
    assert machine.process().restores.restore(restore(backup=everything[0], location="/copies")).status == "done"


def test_a_copy_of_what_the_first_place_has_forgotten_goes_by_the_policy_too(machine: Mortal) -> None:
    machine.process().backups.copy("acme", "/copies")
    newest = known(machine)[0]
    assert pruned(machine) == {newest}
    assert len(sets_at(machine, COPY)) == 3
    assert pruned(machine, COPY) == {newest}


def test_a_copy_that_an_unfinished_operation_reads_stays(machine: Mortal) -> None:
    machine.process().backups.copy("acme", "/copies")
    used, newest = oldest(machine), known(machine)[0]
    with pytest.raises(Killed):
        machine.process(14).restores.restore(restore(backup=used, new_name="globex", location="/copies"))
    assert pruned(machine, COPY) == {used, newest}
    (operation,) = machine.process().operations.list()
    assert machine.process().operations.resume(operation.id).status == "done"


def test_where_nothing_is_there_is_nothing_to_look_through(machine: Mortal) -> None:
    machine.environment["LOOMA_BACKUP_COPY"] = "/copies"
    assert machine.process().backups.prunable() == [("acme", PLACE)]
    machine.process().backups.copy("acme", "/copies")
    assert machine.process().backups.prunable("acme") == [("acme", PLACE), ("acme", COPY)]
    machine.environment["LOOMA_BACKUP_COPY_PRUNE"] = "false"
    assert machine.process().backups.prunable("acme") == [("acme", PLACE)]
    with pytest.raises(NotFound):
        machine.process().backups.prune("acme", LAST, location="/nowhere")
