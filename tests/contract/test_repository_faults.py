"""What befalls a real restic repository: nobody there, no room, locks of the living and the dead, and ends in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from looma_cli.adapters.repository import ResticRepository
from looma_cli.errors import InvalidValue, LoomaError, NotFound, RepositoryDamaged, RepositoryLocked, RepositoryUnreachable, WrongPassphrase
from tests.contract.repositories import PASSPHRASE, ResticPlace, without
from tests.contract.servers import S3, Sshd, free_port, wait_until
from tests.contract.unwell import read_only, run_on, small

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
MEBIBYTE = 1 << 20


@pytest.fixture
def place(tmp_path: Path) -> ResticPlace:
    return ResticPlace(tmp_path, lambda name: str(tmp_path / name), {})


@pytest.fixture
def repository(place: ResticPlace) -> ResticRepository:
    repository = place.open()
    repository.create()
    return repository


@contextmanager
def paused_check(place: ResticPlace) -> Iterator[int]:
    """A restic that has locked the repository for itself, and hangs; its pid."""
    environment = {**place.environment, "RESTIC_PASSWORD_FILE": str(place.folder / f"{PASSPHRASE}.passphrase")}
    process = subprocess.Popen(["restic", "-r", place.location("here"), "check"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: [lock for lock in (place.folder / "here" / "locks").iterdir() if "-tmp-" not in lock.name], what="the lock")
        process.send_signal(signal.SIGSTOP)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def left_lock(place: ResticPlace) -> None:
    with paused_check(place):
        pass
    assert list((place.folder / "here" / "locks").iterdir())


def fails_within(seconds: float, error: type[LoomaError], deed: Callable[[], object]) -> LoomaError:
    started = time.monotonic()
    with pytest.raises(error) as raised:
        deed()
    assert time.monotonic() - started < seconds
    return raised.value


# nobody there


def test_without_restic_the_hint_says_how_to_install_it(place: ResticPlace, tmp_path: Path) -> None:
    place.environment["PATH"] = without("restic", tmp_path / "bin")
    error = fails_within(5, RepositoryUnreachable, place.open().exists)
    assert error.hint == "install restic: apt-get install restic"


def test_a_closed_port_is_said_at_once(place: ResticPlace, ssh_server: Sshd) -> None:
    nobody = replace(ssh_server, port=free_port())
    place.environment["PATH"] = f"{ssh_server.bin}:{place.environment['PATH']}"
    place.location = lambda name: nobody.location(place.folder / name)
    for deed in (place.open().exists, place.open().create, place.open().snapshots):
        fails_within(20, RepositoryUnreachable, deed)
    place.location = lambda name: f"s3:http://127.0.0.1:{nobody.port}/bucket/{name}"
    for deed in (place.open().exists, place.open().create, place.open().snapshots):
        fails_within(20, RepositoryUnreachable, deed)


@pytest.mark.exhaustive
def test_a_server_that_lets_nobody_in_is_no_empty_repository(place: ResticPlace, ssh_server: Sshd, s3_server: S3) -> None:
    place.environment["PATH"] = f"{ssh_server.bin}:{place.environment['PATH']}"
    place.location = lambda name: f"sftp://nobody-of-this-name@127.0.0.1:{ssh_server.port}/{place.folder}/{name}"
    fails_within(20, RepositoryUnreachable, place.open().exists)
    place.location = s3_server.location
    for key, secret in (("nobody", "x"), (s3_server.environment["AWS_ACCESS_KEY_ID"], "x")):
        place.environment |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        fails_within(45, RepositoryUnreachable, place.open().exists)


def test_a_directory_that_cannot_be_made_or_read_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "pass").write_text("x")
    lines = run_on(read_only(tmp_path / "here"), _ON_MOUNT.format(location=tmp_path / "here" / "new", folder=tmp_path, deed="create()"))
    assert lines == ["RepositoryUnreachable"]


def test_a_repository_that_is_full_says_so_and_has_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "pass").write_text("x")
    deed = "create(); repository.save('dump', {}, (os.urandom(1 << 20) for _ in range(60)), datetime.now(UTC))"
    after = "print(len(repository.snapshots()), raised.hint)"
    code = _ON_MOUNT.format(location=tmp_path / "here", folder=tmp_path, deed=deed) + after
    assert run_on(small(tmp_path / "here", 24 << 10), code) == ["BackupFailed", "0 it is full: free some space there, or prune it"]


_ON_MOUNT = """
import os
from datetime import UTC, datetime
from pathlib import Path
from looma_cli.adapters.repository import ResticRepository
from looma_cli.errors import LoomaError
environment = {{**os.environ, "RESTIC_CACHE_DIR": "{folder}/cache"}}
repository = ResticRepository("{location}", Path("{folder}/pass"), environment, None)
try:
    repository.{deed}
except LoomaError as error:
    raised = error
    print(type(error).__name__)
"""


@pytest.mark.parametrize("content", [None, ""])
def test_a_passphrase_file_without_one_is_wrong(place: ResticPlace, repository: ResticRepository, content: str | None) -> None:
    file = place.folder / "none"
    if content is not None:
        file.write_text(content)
    broken = ResticRepository(repository.location, file, place.environment, None)
    assert "LOOMA_BACKUP_PASSPHRASE_FILE" in fails_within(5, WrongPassphrase, broken.snapshots).hint


@pytest.mark.parametrize(
    "location",
    ["", " ", "rest:http://x/", "rclone:a:b", "sftp:-oProxyCommand=x:/y", "sftp:host", "sftp://host:port/x", "s3:https://host", "a\0b"],
)
def test_a_location_that_is_none_is_refused(place: ResticPlace, location: str) -> None:
    with pytest.raises(InvalidValue):
        ResticRepository(location, place.folder / "none", place.environment, None)


@pytest.mark.exhaustive
def test_neither_another_restic_s_settings_nor_its_cache_count(place: ResticPlace, tmp_path: Path) -> None:
    place.environment |= {"HOME": str(tmp_path / "home"), "RESTIC_REPOSITORY": "/nowhere", "RESTIC_PASSWORD": "x", "TZ": "Asia/Shanghai"}
    repository = place.open()
    repository.create()
    repository.save("dump", {}, [b"x"], AT)
    assert [snapshot.at for snapshot in repository.snapshots()] == [AT]
    del place.environment["RESTIC_CACHE_DIR"]
    assert len(place.open().snapshots()) == 1
    assert not (tmp_path / "home").exists()


def test_no_repository_in_an_empty_directory_is_not_found(place: ResticPlace) -> None:
    (place.folder / "here").mkdir()
    with pytest.raises(NotFound):
        place.open().snapshots()


# lost files


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", ["data", "index", "snapshots"])
def test_a_lost_file_is_damage(place: ResticPlace, repository: ResticRepository, part: str) -> None:
    stream = repository.save("dump", {}, [os.urandom(MEBIBYTE)], AT)
    lost = max((file for file in (place.folder / "here" / part).rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    lost.unlink()
    fresh = ResticPlace(place.folder, place.location, {"RESTIC_CACHE_DIR": str(place.folder / "another cache")}).open()
    if part != "snapshots":
        with pytest.raises(RepositoryDamaged):
            fresh.check()
    if part != "data":  # restic 0.14 looks for a lost pack for 45 seconds; a snapshot that is lost looks like one that never was
        with pytest.raises(NotFound if part == "snapshots" else RepositoryDamaged), fresh.open(stream.snapshot, "dump") as chunks:
            list(chunks)


# making it


@pytest.mark.exhaustive
def test_many_make_one_repository(place: ResticPlace) -> None:
    for number in range(2):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _, name=f"repository{number}": place.open(name).create(), range(3)))
        assert len(list((place.folder / f"repository{number}" / "keys").iterdir())) == 1
        assert place.open(f"repository{number}").exists()


@pytest.mark.exhaustive
def test_a_creation_that_was_cut_short_is_made_anew(place: ResticPlace, repository: ResticRepository) -> None:
    (place.folder / "here" / "config").unlink()
    repository.create()
    assert len(list((place.folder / "here" / "keys").iterdir())) == 1
    repository.save("dump", {}, [b"x"], AT)
    (place.folder / "here" / "config").unlink()
    with pytest.raises(LoomaError) as raised:
        repository.create()
    assert raised.value.code == "repository_damaged"


# locks


@pytest.mark.exhaustive
def test_a_living_lock_is_waited_for_and_no_byte_is_lost(place: ResticPlace, repository: ResticRepository) -> None:
    data = os.urandom(3 * MEBIBYTE)
    pieces = (data[start : start + 10_000] for start in range(0, len(data), 10_000))
    with paused_check(place) as pid:
        threading.Timer(4, os.kill, (pid, signal.SIGCONT)).start()
        stream = repository.save("dump", {}, pieces, AT)
    with repository.open(stream.snapshot, "dump") as chunks:
        assert b"".join(chunks) == data


def test_a_lock_that_stays_is_said_with_its_holder(place: ResticPlace, repository: ResticRepository) -> None:
    stream = repository.save("dump", {}, [b"x"], AT)
    hasty = place.open(lock_seconds=2)
    with paused_check(place) as pid:
        for deed in (
            lambda: hasty.save("dump", {}, [b"x"], AT),
            lambda: hasty.open(stream.snapshot, "dump").__enter__(),
            lambda: hasty.forget([stream.snapshot]),
            hasty.check,
        ):
            assert f"PID {pid}" in fails_within(15, RepositoryLocked, deed).message
        hasty.unlock()
        assert len(list((place.folder / "here" / "locks").iterdir())) == 1, "a living one's lock stays"
        assert len(hasty.snapshots()) == 1, "looking needs no lock"


def test_a_dead_one_s_lock_is_not_waited_for_and_can_be_removed(place: ResticPlace, repository: ResticRepository) -> None:
    left_lock(place)
    error = fails_within(10, RepositoryLocked, lambda: repository.save("dump", {}, [b"x"], AT))
    assert error.details == {"dead": True}
    repository.unlock()
    repository.save("dump", {}, [b"x"], AT)
    repository.check()


@pytest.mark.exhaustive
def test_to_remove_a_lock_ends_no_stranger_that_has_its_pid_by_now(place: ResticPlace, repository: ResticRepository) -> None:
    """restic asks by SIGHUP whether a lock's process lives."""
    with subprocess.Popen(["sleep", "300"]) as stranger:
        try:
            _leave_lock_with_pid(place, stranger.pid)
            repository.unlock()
            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert list((place.folder / "here" / "locks").iterdir()) == []
    repository.check()


def _leave_lock_with_pid(place: ResticPlace, pid: int) -> None:
    """A restic that had that pid, in a pid namespace of its own."""
    script = f"mkfifo silence; exec 3<>silence; echo {pid - 1} > /proc/sys/kernel/ns_last_pid; restic backup --stdin <&3 & last=$!; "
    script += f"until ls here/locks | grep -q .; do sleep 0.1; done; kill -9 $last; test $last = {pid}"
    environment = {"RESTIC_REPOSITORY": place.location("here"), "RESTIC_PASSWORD_FILE": str(place.folder / f"{PASSPHRASE}.passphrase")}
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", script]
    subprocess.run(command, env={**place.environment, **environment}, cwd=place.folder, check=True, timeout=60)
    assert len(list((place.folder / "here" / "locks").iterdir())) == 1
