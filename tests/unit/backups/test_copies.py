"""Copies in a second repository: as good as the sets they are of, and never half a set."""

from __future__ import annotations

from pathlib import Path

import pytest

from looma_cli.errors import OperationFailed
from tests.crash.backups import COPY, NOW, OLD, fill, machine_with_sets, oldest, restore, sets_at, volumes
from tests.crash.mortal import Mortal
from tests.fakes.failing import Killed


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    machine = machine_with_sets(tmp_path / "home")
    machine.process().backups.copy("acme", "/copies")
    return machine


def data(machine: Mortal) -> list[dict[str, dict[str, str]]]:
    return [machine.stores.tables(volume) for volume in volumes(machine).values()]


def test_a_copy_alone_brings_the_data_back(machine: Mortal) -> None:
    """restic gives a copied snapshot an id of its own."""
    id = oldest(machine)
    machine.places["/backups/acme"].damaged = True
    assert machine.process().restores.restore(restore(backup=id, location="/copies", safety=False)).status == "done"
    assert data(machine) == [OLD, OLD]


def test_a_copy_brings_a_lost_tenant_back(machine: Mortal) -> None:
    machine.process().tenants.delete("acme", backup=False)
    machine.process().restores.restore(restore(location="/copies"))
    assert data(machine) == [OLD, OLD]


def test_copying_again_sends_nothing_twice(machine: Mortal) -> None:
    before = set(machine.places[COPY].stored)
    machine.process().backups.copy("acme", "/copies")
    assert set(machine.places[COPY].stored) == before
    assert sets_at(machine, COPY) == {oldest(machine)}


def test_a_set_is_in_the_copy_only_when_all_of_it_is(machine: Mortal) -> None:
    """At whatever snapshot a copy ends, what has a manifest there is whole."""
    for _ in range(2):
        machine.clock.sleep(60)
        machine.process().backups.create("acme")
    for at in range(1, 20):
        one = machine.copy(machine.home.with_name(f"at-{at}"))
        looma = one.process(at)
        with pytest.raises(Killed):
            looma.backups.copy("acme", "/copies")
        tags = [stored.snapshot.tags for stored in one.places[COPY].stored.values()]
        for id in {tag["set"] for tag in tags if tag["part"] == "manifest"}:
            assert sorted(tag["part"] for tag in tags if tag["set"] == id) == ["manifest", "mysql", "postgresql"]
        if len(tags) == 9:
            return
    raise AssertionError("nothing was copied")


def test_a_copy_that_fails_leaves_no_half_set(machine: Mortal) -> None:
    fill(machine, NOW)
    machine.process().backups.create("acme")
    machine.places[COPY].locked = True
    with pytest.raises(Exception, match="locked"):
        machine.process().backups.copy("acme", "/copies")
    machine.places[COPY].locked = False
    assert machine.process().operations.list() == []
    assert len(sets_at(machine, COPY)) == 1


def test_a_damaged_set_is_not_copied_as_if_it_were_whole(machine: Mortal) -> None:
    machine.process().backups.create("acme")
    with machine.world().store.read() as state:
        newest = state.backups("acme")[0].id
    place = machine.places["/backups/acme"]
    (lost,) = [id for id, one in place.stored.items() if (one.snapshot.tags["set"], one.snapshot.tags["part"]) == (newest, "mysql")]
    del place.stored[lost]
    with pytest.raises(OperationFailed, match="mysql"):
        machine.process().backups.copy("acme", "/copies")
    assert newest not in sets_at(machine, COPY)
