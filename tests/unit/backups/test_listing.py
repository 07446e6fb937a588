"""A repository's listing: one look for all sets of ours, and a line for each that cannot be read."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import BackupTooNew
from looma_cli.model.backup import BACKUP_FORMAT, Backup
from looma_cli.steps.listing import listed
from tests.crash.backups import NOW, PLACE, data, machine_with_sets, restore
from tests.crash.mortal import Mortal
from tests.fakes.repository import FakeRepository


class Counting(FakeRepository):
    """Knows which streams were read from it."""

    def __init__(self, machine: Mortal) -> None:
        super().__init__(PLACE, machine.places)
        self.opened: list[str] = []

    def open(self, snapshot: str, name: str) -> AbstractContextManager[Any]:
        self.opened.append(name)
        return super().open(snapshot, name)


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    """Two sets, the newer one without postgresql."""
    machine = machine_with_sets(tmp_path / "home")
    machine.clock.sleep(3600.25)
    machine.stores.failing = {"postgresql"}
    machine.process().backups.create("acme", allow_partial=True)
    machine.stores.failing = set()
    return machine


def change(machine: Mortal, id: str, *, data: bytes | None = None, **tags: str | None) -> None:
    """A set's manifest with other bytes or other tags (None: without that tag)."""
    place = machine.places[PLACE]
    (key,) = [key for key, one in place.stored.items() if one.snapshot.tags["set"] == id and one.snapshot.tags["part"] == "manifest"]
    one = place.stored[key]
    changed = {name: value for name, value in {**one.snapshot.tags, **tags}.items() if value is not None}
    place.stored[key] = replace(one, data=one.data if data is None else data, snapshot=replace(one.snapshot, tags=changed))


def known(machine: Mortal) -> list[Backup]:
    return machine.process().backups.list("acme")


def in_short(backup: Backup) -> tuple[Any, ...]:
    stores = [(store.name, store.fingerprint.rows, store.fingerprint.digest) for store in backup.datastores]
    facts = (backup.id, backup.tenant, backup.kind, backup.created_at, backup.edition, backup.release, backup.missing)
    return (*facts, backup.size_bytes, backup.stored_bytes, backup.location, stores)


def test_all_of_it_is_known_without_reading_a_manifest(machine: Mortal) -> None:
    repository = Counting(machine)
    found = listed(repository, "acme")
    assert [in_short(backup) for backup in found] == [in_short(backup) for backup in known(machine)]
    assert found[0].missing == ("postgresql",)
    assert repository.opened == []
    assert listed(repository, "beta") == []


@pytest.mark.parametrize("tag", ["format", "size", "stores"])
def test_sets_that_were_not_tagged_so_are_read(machine: Mortal, tag: str) -> None:
    for backup in known(machine):
        change(machine, backup.id, **{tag: None})
    repository = Counting(machine)
    assert [in_short(backup) for backup in listed(repository)] == [in_short(backup) for backup in known(machine)]
    assert len(repository.opened) == 2


@pytest.mark.parametrize("tagged", [True, False])
def test_a_newer_releases_set_is_a_line_that_says_so(machine: Mortal, tagged: bool) -> None:
    newest, older = known(machine)
    text = json.dumps({"format": BACKUP_FORMAT + 1, "written_by": "looma 9.0"}).encode()
    change(machine, newest.id, data=text, by="looma 9.0", format=str(BACKUP_FORMAT + 1) if tagged else None)
    odd, whole = listed(Counting(machine))
    assert (odd.id, odd.tenant, odd.datastores) == (newest.id, "acme", ())
    assert "newer looma (looma 9.0)" in odd.problem
    assert in_short(whole) == in_short(older)


def test_a_damaged_sets_line_says_so(machine: Mortal) -> None:
    newest, older = known(machine)
    change(machine, newest.id, data=b"{ rotten", format=None)
    odd, whole = listed(Counting(machine))
    assert (odd.id, odd.datastores) == (newest.id, ())
    assert "not readable" in odd.problem
    assert whole.id == older.id


def test_a_lost_tenant_comes_back_beside_a_newer_releases_set(machine: Mortal) -> None:
    """By its id: which set is the newest one is not silently something else."""
    newest, older = known(machine)
    change(machine, newest.id, data=json.dumps({"format": BACKUP_FORMAT + 1}).encode(), format=str(BACKUP_FORMAT + 1))
    machine.process().tenants.delete("acme", backup=False)
    with machine.world().store.write() as state:
        for backup in (newest, older):
            state.remove_backup(backup.id)
    with pytest.raises(BackupTooNew):
        machine.process().restores.restore(restore(location="/backups"))
    assert machine.process().restores.restore(restore(backup=older.id, location="/backups")).status == "done"
    assert [backup.id for backup in known(machine)] == [older.id]
    assert set(data(machine)) == {"acme"}
    assert data(machine)["acme"]["mysql"] != NOW
