"""The contract of Repository: in memory, and restic in a directory, over SFTP and on S3."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from looma_cli.errors import BackupFailed, NotFound, RepositoryDamaged, WrongPassphrase
from looma_cli.model.backup import Retention
from looma_cli.model.protocols import Repository
from tests.contract.repositories import FakePlace, Place, ResticPlace, S3Place

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MEBIBYTE = 1 << 20


NEAR = ("fake", "directory")
# What a server can make different: every call starts restic and logs in, so the rest of the contract is kept near.
everywhere = pytest.mark.parametrize("place", [*NEAR, "sftp", "s3"], indirect=True)


@pytest.fixture(params=NEAR)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "fake":
        return FakePlace()
    if request.param == "directory":
        return ResticPlace(tmp_path, lambda name: str(tmp_path / name), {})
    if request.param == "s3":
        return S3Place(tmp_path, request.getfixturevalue("s3_server"))
    server = request.getfixturevalue("ssh_server")
    path = f"{server.bin}:{os.environ['PATH']}"
    return ResticPlace(tmp_path, lambda name: server.location(tmp_path / name), {"PATH": path})


@pytest.fixture
def repository(place: Place) -> Repository:
    repository = place.open()
    repository.create()
    return repository


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def save(repository: Repository, data: bytes = b"x", *, name: str = "dump", at: datetime = AT, **tags: str) -> str:
    saved = repository.save(name, tags, [data], at).snapshot
    return next(found.id for found in repository.snapshots() if found.id.startswith(saved))


def read(repository: Repository, snapshot: str, name: str = "dump") -> bytes:
    with repository.open(snapshot, name) as chunks:
        return b"".join(chunks)


@everywhere
def test_a_repository_is_there_once_it_was_created_and_stays_what_it_is(place: Place) -> None:
    repository = place.open()
    assert not repository.exists()
    repository.create()
    snapshot = save(repository)
    place.open().create()
    assert place.open().exists()
    assert [found.id for found in place.open().snapshots()] == [snapshot]


def test_where_no_repository_is_nothing_can_be_done_with_it(place: Place) -> None:
    repository = place.open()
    for deed in (repository.snapshots, repository.check, repository.unlock, lambda: save(repository), lambda: read(repository, "abcd")):
        with pytest.raises(NotFound):
            deed()
    assert not repository.exists()


@everywhere
def test_another_passphrase_opens_nothing(place: Place, repository: Repository) -> None:
    snapshot = save(repository)
    other = place.open(passphrase="another")
    for deed in (other.exists, other.create, other.snapshots, other.check, lambda: save(other), lambda: read(other, snapshot)):
        with pytest.raises(WrongPassphrase):
            deed()
    assert [found.id for found in repository.snapshots()] == [snapshot]


@everywhere
def test_what_was_saved_is_read_back_byte_by_byte(repository: Repository) -> None:
    data = noise(5 * MEBIBYTE)
    pieces = [data[start : start + 77_777] for start in range(0, len(data), 77_777)]
    stream = repository.save("mysql/全部 100%.sql", {"set": "b1"}, [*pieces, b""], AT)
    assert (stream.name, stream.size_bytes) == ("mysql/全部 100%.sql", len(data))
    assert len(data) <= stream.stored_bytes < len(data) * 1.01
    assert read(repository, stream.snapshot, "mysql/全部 100%.sql") == data


@pytest.mark.parametrize("chunks", [[], [b"", b""]])
def test_a_stream_without_a_byte_is_no_backup(repository: Repository, chunks: list[bytes]) -> None:
    with pytest.raises(BackupFailed):
        repository.save("empty", {}, chunks, AT)
    assert repository.snapshots() == []


def test_the_same_bytes_again_are_not_stored_again(repository: Repository) -> None:
    data = noise(4 * MEBIBYTE)
    repository.save("dump", {}, [data], AT)
    assert repository.save("dump", {}, [data], AT + timedelta(hours=1)).stored_bytes < len(data) // 100


def test_snapshots_are_found_by_their_tags_oldest_first(repository: Repository) -> None:
    awkward = {"tenant": "a, b=c", "title": " 备份 100% ", "empty": ""}
    second = save(repository, name="second", at=AT + timedelta(hours=1), **awkward)
    first = save(repository, name="first", at=AT.astimezone(timezone(timedelta(hours=8))).replace(microsecond=5), **awkward)
    other = save(repository, at=AT + timedelta(hours=2), tenant="other")
    found = repository.snapshots({"tenant": "a, b=c", "empty": ""})
    assert [(snapshot.id, snapshot.name, snapshot.at) for snapshot in found] == [
        (first, "first", AT),
        (second, "second", AT + timedelta(hours=1)),
    ]
    assert found[0].tags == awkward
    assert repository.snapshots({"tenant": "a"}) == []
    assert [snapshot.id for snapshot in repository.snapshots()] == [first, second, other]


@everywhere
def test_what_is_forgotten_is_gone_and_the_rest_is_whole(repository: Repository) -> None:
    gone, stays = save(repository, noise(MEBIBYTE, 1)), save(repository, noise(MEBIBYTE, 2), at=AT + timedelta(hours=1))
    repository.forget([gone, "0" * 64], prune=True)
    repository.forget([], prune=True)
    repository.forget([])
    assert [snapshot.id for snapshot in repository.snapshots()] == [stays]
    assert read(repository, stays) == noise(MEBIBYTE, 2)
    with pytest.raises(NotFound):
        read(repository, gone)


def test_an_unknown_snapshot_or_name_is_not_found(repository: Repository) -> None:
    snapshot = save(repository)
    for unknown, name in (("0" * 64, "dump"), (snapshot, "other")):
        with pytest.raises(NotFound), repository.open(unknown, name):
            pass


@pytest.mark.exhaustive
def test_a_policy_keeps_what_restic_says_it_keeps(repository: Repository) -> None:
    hours = [0, 1, 5, 6, 30, 31, 24 * 9]
    ids = {hour: save(repository, at=AT + timedelta(hours=hour), tenant="a") for hour in hours}
    save(repository, at=AT + timedelta(days=400), tenant="b")

    def kept(**policy: int | str) -> list[int]:
        found = repository.kept(Retention(**policy), {"tenant": "a"})  # type: ignore[arg-type]
        return sorted(hour for hour, snapshot in ids.items() if snapshot in found)

    assert kept(last=2) == [31, 24 * 9]
    assert kept(hourly=3) == [30, 31, 24 * 9]
    assert kept(daily=2) == [31, 24 * 9]
    assert kept(weekly=3) == [6, 31, 24 * 9]
    assert kept(within="8d") == [30, 31, 24 * 9]
    assert kept(last=1, daily=3) == [6, 31, 24 * 9]
    assert kept() == hours
    assert len(repository.snapshots()) == len(hours) + 1
    assert repository.kept(Retention(last=1), {"tenant": "nobody"}) == []


@pytest.mark.parametrize(
    ("size", "error"),
    [(0, RuntimeError("it did not begin")), (100, KeyboardInterrupt()), (3 * MEBIBYTE, RuntimeError("it ended too early"))],
)
@everywhere
def test_when_the_bytes_end_in_an_error_no_snapshot_is_made(repository: Repository, size: int, error: BaseException) -> None:
    def breaking() -> Iterator[bytes]:
        yield noise(size)
        raise error

    with pytest.raises(type(error)):
        repository.save("dump", {}, breaking(), AT)
    assert repository.snapshots() == []
    snapshot = save(repository, b"whole")
    assert read(repository, snapshot) == b"whole"


def test_a_reader_may_leave_early(repository: Repository) -> None:
    snapshot = save(repository, noise(4 * MEBIBYTE))
    with repository.open(snapshot, "dump") as chunks:
        assert noise(4 * MEBIBYTE).startswith(next(chunks))
    assert len(read(repository, snapshot)) == 4 * MEBIBYTE
    repository.forget([], prune=True)  # needs the repository for itself: no lock is left


def test_one_flipped_byte_is_found(place: Place, repository: Repository) -> None:
    data = noise(3 * MEBIBYTE)
    snapshot = save(repository, data)
    repository.check(read_data=True)
    place.flip_byte()
    repository.check()  # the structure is sound
    with pytest.raises(RepositoryDamaged):
        repository.check(read_data=True)
    received: list[bytes] = []
    with pytest.raises(RepositoryDamaged), repository.open(snapshot, "dump") as chunks:
        received.extend(chunks)
    assert data.startswith(b"".join(received))
    assert len(b"".join(received)) < len(data)


@pytest.mark.exhaustive
def test_many_save_at_once_while_another_reads(place: Place, repository: Repository) -> None:
    first = save(repository, noise(2 * MEBIBYTE, 99))
    together = threading.Barrier(4)

    def work(number: int) -> bytes:
        together.wait()
        if not number:
            return read(place.open(), first)
        snapshot = save(repository, noise(2 * MEBIBYTE, number), name=f"dump{number}", at=AT + timedelta(hours=number))
        return read(repository, snapshot, f"dump{number}")

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    assert results == [noise(2 * MEBIBYTE, seed) for seed in (99, 1, 2, 3)]
    assert [snapshot.name for snapshot in repository.snapshots()] == ["dump", "dump1", "dump2", "dump3"]


@everywhere
def test_snapshots_are_copied_once_with_their_bytes_and_tags(place: Place, repository: Repository) -> None:
    data = noise(3 * MEBIBYTE)
    ids = [save(repository, data, tenant="a, b"), save(repository, b"2", at=AT + timedelta(hours=1), tenant="c")]
    save(repository, b"not this one", at=AT + timedelta(hours=2))
    other = place.open("other")
    repository.copy_to(other.location, [])
    assert other.snapshots() == []
    repository.copy_to(other.location, ids[:1])
    repository.copy_to(other.location, ids)
    copies = other.snapshots()
    assert [(copy.at, copy.tags) for copy in copies] == [(AT, {"tenant": "a, b"}), (AT + timedelta(hours=1), {"tenant": "c"})]
    assert read(other, copies[0].id) == data
    assert other.save("dump", {}, [data], AT + timedelta(hours=3)).stored_bytes < len(data) // 100  # cut in pieces alike
    with pytest.raises(NotFound):
        repository.copy_to(other.location, ["0" * 64])
