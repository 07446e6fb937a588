"""restic, looma or the server killed while bytes flow; and what that costs in memory when nobody is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from looma_cli.adapters import processes
from looma_cli.adapters.repository import ResticRepository
from looma_cli.errors import BackupFailed, RepositoryUnreachable
from tests.contract.repositories import PASSPHRASE, ResticPlace, without
from tests.contract.servers import Sshd, wait_until

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


def test_a_restic_that_is_killed_leaves_no_more_than_its_lock(place: ResticPlace, repository: ResticRepository) -> None:
    def chunks() -> Iterator[bytes]:
        yield os.urandom(40 * MEBIBYTE)
        pid = place.children[-1]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        yield from (os.urandom(MEBIBYTE) for _ in range(100))

    with pytest.raises(BackupFailed):
        repository.save("dump", {}, chunks(), AT)
    assert place.children[-1] is None
    assert repository.snapshots() == []
    repository.unlock()
    repository.forget([], prune=True)
    repository.check(read_data=True)
    assert not [file for file in (place.folder / "here" / "data").rglob("*") if file.is_file()]


def test_a_restic_that_is_killed_while_it_reads_is_no_end_of_the_stream(place: ResticPlace, repository: ResticRepository) -> None:
    stream = repository.save("dump", {}, [os.urandom(20 * MEBIBYTE)], AT)
    with repository.open(stream.snapshot, "dump") as chunks:
        next(chunks)
        pid = place.children[-1]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(BackupFailed):
            list(chunks)


@pytest.mark.parametrize("missing", ["", "setpriv"])
def test_a_killed_looma_s_restic_saves_no_part_of_a_stream(place: ResticPlace, repository: ResticRepository, missing: str) -> None:
    """Where setpriv is missing restic lives on, but its input never ends: whoever takes over the lease ends it."""
    path = without(missing, place.folder / "bin")
    code = _SAVE_FOR_EVER.format(location=repository.location, folder=place.folder, passphrase=f"{PASSPHRASE}.passphrase")
    looma = subprocess.Popen([sys.executable, "-c", code], env={**place.environment, "PATH": path}, stdout=subprocess.PIPE, text=True)
    assert looma.stdout is not None
    pid = int(looma.stdout.readline())
    assert looma.stdout.readline() == "sent\n"
    looma.kill()
    looma.wait()
    if missing:
        time.sleep(2)
        child = processes.look_up(pid)
        assert child is not None
        assert child.running
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: (child := processes.look_up(pid)) is None or not child.running, 5, what="the end of restic")
    assert repository.snapshots() == []
    repository.unlock()
    repository.check()


_SAVE_FOR_EVER = """
import os, time
from datetime import UTC, datetime
from pathlib import Path
from looma_cli.adapters.repository import ResticRepository
def chunks():
    yield os.urandom(100000)
    time.sleep(1)
    print("sent", flush=True)
    time.sleep(60)
tell = lambda pid: print(pid, flush=True)
ResticRepository("{location}", Path("{folder}/{passphrase}"), dict(os.environ), tell).save("dump", {{}}, chunks(), datetime.now(UTC))
"""


@pytest.mark.exhaustive
def test_the_memory_of_looma_stays_flat(place: ResticPlace, repository: ResticRepository) -> None:
    code = _MEASURED.format(location=repository.location, folder=place.folder, passphrase=f"{PASSPHRASE}.passphrase")
    done = subprocess.run([sys.executable, "-c", code], env=place.environment, capture_output=True, text=True, check=True)
    before, saved, read, size = map(int, done.stdout.split())
    assert size == 300 * MEBIBYTE
    assert saved - before < 16 << 10, "KiB"
    assert read - before < 16 << 10, "KiB"


_MEASURED = """
import os, re
from datetime import UTC, datetime
from pathlib import Path
from looma_cli.adapters.repository import ResticRepository
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
repository = ResticRepository("{location}", Path("{folder}/{passphrase}"), dict(os.environ), None)
repository.snapshots()
block = os.urandom(1 << 20)
before = peak()
stream = repository.save("dump", {{}}, (block for _ in range(300)), datetime.now(UTC))
saved = peak()
with repository.open(stream.snapshot, "dump") as chunks:
    size = sum(map(len, chunks))
print(before, saved, peak(), size)
"""


@pytest.mark.exhaustive
def test_an_sftp_server_that_ends_in_the_middle_is_noticed(place: ResticPlace, ssh_server: Sshd) -> None:
    place.environment["PATH"] = f"{ssh_server.bin}:{place.environment['PATH']}"
    place.location = lambda name: ssh_server.location(place.folder / name)
    repository = place.open()
    repository.create()

    def chunks() -> Iterator[bytes]:
        yield os.urandom(MEBIBYTE)
        ssh = [child for child in processes_of(place.children[-1]) if child != place.children[-1]]
        os.kill(ssh[0], signal.SIGKILL)
        while True:
            yield os.urandom(MEBIBYTE)

    with pytest.raises((RepositoryUnreachable, BackupFailed)):
        repository.save("dump", {}, chunks(), AT)
    assert repository.snapshots() == []


def processes_of(session: int | None) -> list[int]:
    """Pids of a session, by /proc/PID/stat."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found.append(int(entry))
    return found
