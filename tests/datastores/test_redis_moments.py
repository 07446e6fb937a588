"""One moment of a Redis under load, and what happens when something dies in the middle of it."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from looma_cli.adapters.datastores.redis.session import Refused, Session
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed
from looma_cli.model.layer import Workload
from tests.datastores.redis_data import ask, differences, driver, restored, saved, session
from tests.datastores.servers import engine, running

pytestmark = pytest.mark.engine

MIB = 1 << 20


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "redis") as workload:
        driver(workload)
        yield workload


@pytest.fixture
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "redis") as workload:
        driver(workload)
        yield workload


@contextmanager
def written_all_the_time(workload: Workload) -> Iterator[list[float]]:
    """Numbered keys, a counter and a list, each change alone; gives the seconds that each took."""
    took: list[float] = []
    stopped = threading.Event()

    def write() -> None:
        with session(workload) as one:
            while not stopped.is_set():
                started = time.monotonic()
                number = one.call("INCR", "counter")
                one.call("SET", f"key {number}", number)
                one.call("RPUSH", "list", number)
                took.append(time.monotonic() - started)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield took
    finally:
        stopped.set()
        thread.join()


def test_dump_and_fingerprint_are_one_moment_under_writers(source: Workload, target: Workload) -> None:
    ask(source, "FLUSHALL")
    store, other = driver(source), driver(target)
    with written_all_the_time(source) as took:
        _wait_until(lambda: len(took) > 200)
        backups = [saved(store) for _ in range(3)]
        before = len(took)
        _wait_until(lambda: len(took) > before + 100)
    for fingerprint, data in backups:
        assert differences(fingerprint, restored(other, data)) == []
        with session(target) as there:
            count = int(there.call("GET", "counter"))
            numbers = [int(number) for number in there.call("LRANGE", "list", 0, -1)]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) <= count <= len(numbers) + 1
            assert there.call("EXISTS", *(f"key {number}" for number in numbers)) == len(numbers)
    assert max(took) < 5


def test_writers_wait_until_the_release_and_readers_do_not(source: Workload) -> None:
    ask(source, "SET", "one", "before")
    done = threading.Event()

    def write() -> None:
        ask(source, "SET", "one", "after")
        done.set()

    with driver(source).moment() as moment:
        writer = threading.Thread(target=write)
        writer.start()
        assert not done.wait(1)
        assert ask(source, "GET", "one") == b"before"
        moment.release()
        moment.release()
        assert done.wait(5)
    writer.join()
    assert ask(source, "GET", "one") == b"after"


@pytest.mark.exhaustive
def test_a_moment_leaves_the_settings_as_they_were(source: Workload) -> None:
    ask(source, "CONFIG", "SET", "repl-diskless-sync", "no", "repl-diskless-sync-delay", "7")
    saved(driver(source))
    assert ask(source, "CONFIG", "GET", "repl-diskless-sync-delay")[1] == b"7"
    assert ask(source, "CONFIG", "GET", "repl-diskless-sync")[1] == b"no"


@pytest.mark.exhaustive
def test_a_moment_comes_while_the_server_saves_for_itself(source: Workload, target: Workload) -> None:
    _fill(source, 4)
    for _ in range(3):
        ask(source, "BGREWRITEAOF")
        fingerprint, data = saved(driver(source))
    assert differences(fingerprint, restored(driver(target), data)) == []


@pytest.mark.exhaustive
def test_keys_that_expire_meanwhile_are_not_missed(source: Workload, target: Workload) -> None:
    ask(source, "FLUSHALL")
    with session(source) as one:
        for i in range(300):
            one.call("SET", f"soon {i}", i, "PX", 100 + 10 * i)
            one.call("SET", f"later {i}", i, "EX", 3600 + i)
        one.call("SET", "stays", "here")
    fingerprint, data = saved(driver(source))
    store = restored(driver(target), data)
    time.sleep(3.2)
    found = store.fingerprint(fingerprint)
    assert fingerprint.differences(found, datetime.now(UTC)) == []
    assert found.rows == 301
    _, *expiring = fingerprint.parts
    assert fingerprint.differences(found, datetime.now(UTC) - timedelta(hours=1)), "the parts that have expired differ"
    assert all(part.expires_at is not None for part in expiring)


def test_a_killed_looma_lets_the_writers_go(source: Workload) -> None:
    ask(source, "CONFIG", "SET", "repl-diskless-sync-delay", "5")
    command = [sys.executable, "-m", "tests.datastores.redis_paused", source.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looma:
        assert looma.stdout is not None
        assert looma.stdout.readline() == "held\n"
        looma.kill()
        killed = time.monotonic()
        ask(source, "SET", "after", "it")
        assert time.monotonic() - killed < 8
    driver(source).abandon()
    driver(source).abandon()
    assert ask(source, "CONFIG", "GET", "repl-diskless-sync-delay")[1] == b"5"
    assert ask(source, "ROLE")[2] == []


def test_a_dump_whose_process_is_killed_fails(source: Workload) -> None:
    _fill(source, 30)
    with pytest.raises(BackupFailed, match="ended early"):
        _dump_until(source, lambda: _kill(source, "redis-rdb-to-slaves"))
    with driver(source).moment() as moment, moment.dump("redis.rdb") as chunks:
        assert sum(map(len, chunks)) > 25 * MIB


def test_a_full_store_fits_into_its_memory_limit(source: Workload, target: Workload) -> None:
    """As much as the component file lets it hold: 40 MiB of the lite profile's 64."""
    with pytest.raises(Refused, match="maxmemory"):
        _fill(source, 60)
    fingerprint, data = saved(driver(source))
    assert len(data) > 33 * MIB
    assert differences(fingerprint, restored(driver(target), data)) == []
    assert differences(fingerprint, restored(driver(target), data)) == []


@pytest.mark.exhaustive
def test_a_server_out_of_memory_while_dumping_fails(engine_required: EngineApi) -> None:
    with running(engine_required, "redis") as workload:
        driver(workload)
        _fill(workload, 30)
        with pytest.raises(BackupFailed):
            _dump_until(workload, lambda: _exhaust_memory(engine_required, workload))


@pytest.mark.exhaustive
def test_a_server_that_ends_while_dumping_fails(engine_required: EngineApi) -> None:
    with running(engine_required, "redis") as workload:
        driver(workload)
        _fill(workload, 30)
        with pytest.raises(BackupFailed):
            _dump_until(workload, lambda: engine_required.post(f"/containers/{workload.id}/kill"))


def test_a_server_that_ends_while_restoring_fails(engine_required: EngineApi, source: Workload) -> None:
    _fill(source, 30)
    _, data = saved(driver(source))
    with running(engine_required, "redis") as workload:
        store = driver(workload)
        with pytest.raises(BackupFailed):
            store.restore({"redis.rdb": lambda: _then(data, lambda: engine_required.post(f"/containers/{workload.id}/kill"))}, _quiet)


@contextmanager
def _then(data: bytes, action: Callable[[], object]) -> Iterator[Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield data[:MIB]
        action()
        yield data[MIB:]

    yield pieces()


def _quiet(text: str) -> None:
    return None


def _fill(workload: Workload, mebibytes: int) -> None:
    """Bytes that do not compress, so that the dump is as large; half of it in one hash."""
    with session(workload) as one:
        one.call("FLUSHALL")
        one.call("FUNCTION", "FLUSH")
        for i in range(mebibytes):
            _fill_one(one, i)


def _fill_one(one: Session, i: int) -> None:
    text = _noise(i)
    if i % 2:
        one.call("HSET", "hash", *(word for j in range(128) for word in (f"{i} {j}", text[j * 7000 : j * 7000 + 7000])))
    else:
        one.call("SET", f"text {i}", text[: 890 * 1024])


def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(MIB)


def _dump_until(workload: Workload, action: Callable[[], object]) -> None:
    with driver(workload).moment() as moment:
        moment.release()
        with moment.dump("redis.rdb") as chunks:
            next(chunks)
            action()
            for _ in chunks:
                pass


def _kill(workload: Workload, title: str) -> None:
    script = 'for p in /proc/[0-9]*; do if grep -q "^$1" "$p/cmdline" 2>/dev/null; then kill -9 "${p#/proc/}" && echo killed; fi; done'
    _, output = engine().execute(workload, ["bash", "-c", script, "bash", title])
    assert output.strip() == "killed"


def _exhaust_memory(api: EngineApi, workload: Workload) -> None:
    """A program takes all that the limit leaves; the kernel ends the largest ones first, which are the server and its fork. The engine
    notices only once the dump was read further, so the process itself is looked at."""
    hog = api.post(f"/containers/{workload.id}/exec", body={"Cmd": ["perl", "-e", '$x .= "x" x 1000000 while 1']})["Id"]
    api.post(f"/exec/{hog}/start", body={"Detach": True})
    pid = api.get(f"/exec/{hog}/json")["Pid"]
    _wait_until(lambda: not Path(f"/proc/{pid}/exe").exists())


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
