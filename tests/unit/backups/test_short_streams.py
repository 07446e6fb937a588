"""A store's short streams lie in the set's manifest; sets that were made before have a snapshot for each, and are read as ever."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from looma_cli.errors import BackupFailed, OperationFailed
from looma_cli.model.backup import BACKUP_FORMAT, Fingerprint, SavedStream, StoreInformation
from looma_cli.steps.saving import SHORT_BYTES, Saving
from tests.crash.backups import NOW, OLD, PLACE, data, machine_with_sets, oldest, restore
from tests.crash.mortal import Mortal
from tests.fakes.datastore import ACCOUNTS
from tests.fakes.repository import FakeRepository, Stored

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def machine(tmp_path: Path) -> Mortal:
    return machine_with_sets(tmp_path / "home")


def manifest_in(machine: Mortal) -> Stored:
    return next(one for one in machine.places[PLACE].stored.values() if one.snapshot.tags["part"] == "manifest")


def rewrite(machine: Mortal, document: dict[str, Any]) -> None:
    found = manifest_in(machine)
    machine.places[PLACE].stored[found.snapshot.id] = replace(found, data=json.dumps(document).encode())


def as_format_1(machine: Mortal) -> None:
    """The set as an older looma would have made it."""
    place, document = machine.places[PLACE], json.loads(manifest_in(machine).data)
    tags = {"set": document["backup"]["id"], "tenant": "acme"}
    short = document.pop("short")
    for store in document["backup"]["datastores"]:
        for stream in store["streams"]:
            if stream["name"] in short:
                own = {**tags, "part": store["name"]}
                stream["snapshot"] = place_stream(machine, stream["name"], own, b64decode(short[stream["name"]]))
    rewrite(machine, {**document, "format": 1})
    assert len(place.stored) == 5


def place_stream(machine: Mortal, name: str, tags: dict[str, str], content: bytes) -> str:
    return FakeRepository(PLACE, machine.places, machine.places[PLACE].passphrase or "").save(name, tags, [content], AT).snapshot


def test_short_streams_are_in_the_manifest_alone(machine: Mortal) -> None:
    names = sorted(one.snapshot.name for one in machine.places[PLACE].stored.values())
    assert names == ["manifest.json", "mysql-0", "postgresql-0"]
    document = json.loads(manifest_in(machine).data)
    assert document["format"] == BACKUP_FORMAT
    assert {name: b64decode(text) for name, text in document["short"].items()} == {"mysql-1": ACCOUNTS, "postgresql-1": ACCOUNTS}
    streams = machine.process().backups.show(oldest(machine)).datastores[0].streams
    assert [(one.stream, bool(one.snapshot), one.size_bytes >= SHORT_BYTES) for one in streams] == [
        ("data", True, True),
        ("accounts", False, False),
    ]


def test_a_set_of_format_1_is_restored_and_copied(machine: Mortal) -> None:
    as_format_1(machine)
    machine.process().backups.copy("acme", "/copies")
    assert len(machine.places["/copies/acme"].stored) == 5
    machine.process().restores.restore(restore(backup=oldest(machine), safety=False))
    assert data(machine)["acme"] == {"mysql": OLD, "postgresql": OLD}


def test_a_manifest_that_lost_a_short_stream_is_damaged(machine: Mortal) -> None:
    document = json.loads(manifest_in(machine).data)
    del document["short"]["mysql-1"]
    rewrite(machine, document)
    with pytest.raises(OperationFailed, match="has lost mysql-1"):
        machine.process().restores.restore(restore(backup=oldest(machine), safety=False))
    assert data(machine)["acme"] == {"mysql": NOW, "postgresql": NOW}


class Streams:
    """A moment of given streams, each in pieces."""

    def __init__(self, *contents: Sequence[bytes]) -> None:
        self.position: dict[str, str] = {}
        self._contents = {str(number): pieces for number, pieces in enumerate(contents)}
        self.streams = tuple(self._contents)

    def release(self) -> None: ...

    def fingerprint(self) -> Fingerprint:
        return Fingerprint()

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        yield iter(self._contents[stream])


class Store:
    name, driver, holds_writers, follows = "store", "mysql", False, False

    def __init__(self, moment: Streams) -> None:
        self._moment = moment

    @contextmanager
    def moment(self) -> Iterator[Streams]:
        yield self._moment

    def probe(self) -> StoreInformation:
        return StoreInformation("mysql", "1")

    def abandon(self) -> None: ...


def saving(*contents: Sequence[bytes]) -> tuple[Saving, tuple[SavedStream, ...], FakeRepository]:
    repository = FakeRepository()
    repository.create()
    run = Saving(repository, {"set": "bk-1"}, AT, allow_partial=False, progress=lambda text: None)
    (store,) = run.run({"store": Store(Streams(*contents))})  # type: ignore[dict-item]
    return run, store.streams, repository


def test_one_stores_streams_share_the_room() -> None:
    first, second, third = [b"a" * (SHORT_BYTES // 2)], [b"b", b"c" * (SHORT_BYTES // 2)], [b"d" * (SHORT_BYTES // 2)]
    run, streams, repository = saving(first, second, third)
    assert [bool(one.snapshot) for one in streams] == [False, True, False]
    assert {name: b64decode(text) for name, text in run.short.items()} == {"store-0": first[0], "store-2": third[0]}
    with repository.open(streams[1].snapshot, "store-1") as chunks:
        assert b"".join(chunks) == b"".join(second)
    assert [one.size_bytes for one in streams] == [SHORT_BYTES // 2, SHORT_BYTES // 2 + 1, SHORT_BYTES // 2]


@pytest.mark.parametrize("nothing", [[], [b"", b""]])
def test_a_stream_without_a_byte_is_no_backup(nothing: list[bytes]) -> None:
    with pytest.raises(BackupFailed, match="not a single byte"):
        saving([b"something"], nothing)
