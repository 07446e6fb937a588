"""Redis, restored into a second server: what was there, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from looma_cli.adapters.datastores.redis import RedisDatastore
from looma_cli.adapters.datastores.redis.fingerprint import Reader
from looma_cli.adapters.datastores.redis.session import Session
from looma_cli.adapters.engine import EngineApi
from looma_cli.errors import BackupFailed, Unhealthy
from looma_cli.model.layer import Workload
from tests.datastores.redis_data import ANY_BYTES, EMOJI, SETTINGS, ask, differences, driver, fill, restored, saved, session, stream_of
from tests.datastores.servers import engine, running

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def source(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "redis") as workload:
        driver(workload)
        yield workload


@pytest.fixture(scope="module")
def target(engine_required: EngineApi) -> Iterator[Workload]:
    with running(engine_required, "redis") as workload:
        driver(workload)
        yield workload


@pytest.fixture
def filled(source: Workload) -> Iterator[Session]:
    with session(source) as one:
        fill(one)
        yield one


READS = (
    ("GET", ANY_BYTES),
    ("GET", EMOJI),
    ("GET", ""),
    ("GET", "long"),
    ("GET", "bits"),
    ("GET", "visitors"),
    ("PEXPIRETIME", "session"),
    ("PEXPIRETIME", "expiring hash"),
    ("LRANGE", "big list", 0, -1),
    ("LRANGE", "small list", 0, -1),
    ("SORT", "big set", "ALPHA"),
    ("HGET", "big hash", ANY_BYTES),
    ("HLEN", "big hash"),
    ("ZRANGE", "big ranking", 0, -1, "WITHSCORES"),
    ("XRANGE", "events", "-", "+"),
    ("XPENDING", "events", "readers"),
    ("XINFO", "STREAM", "events"),
    ("XINFO", "GROUPS", "events"),
    ("FUNCTION", "LIST", "WITHCODE"),
    ("DBSIZE",),
)


def _without_shape(reply: object) -> object:
    """A stream's radix tree may be shaped otherwise."""
    if isinstance(reply, list) and b"radix-tree-nodes" in reply:
        return [value for i, value in enumerate(reply) if reply[i - i % 2] not in (b"radix-tree-keys", b"radix-tree-nodes")]
    return reply


def test_all_types_come_back(source: Workload, target: Workload, filled: Session) -> None:
    fingerprint, data = saved(driver(source))
    store = restored(driver(target), data)
    with session(target) as there:
        for words in READS:
            assert _without_shape(there.call(*words)) == _without_shape(filled.call(*words)), words
        there.call("SELECT", 15)
        assert there.call("GET", "where") == b"15"
    assert differences(fingerprint, store) == []
    assert {"database 0", "database 1", "database 15", "functions"} <= {part.name for part in fingerprint.parts}


CHANGES = (
    ("SET", EMOJI, "other"),
    ("SETRANGE", "long", 1_000_000, "x"),
    ("DEL", ""),
    ("RENAME", "text", "texts"),
    ("SET", "new", "key"),
    ("MOVE", "texts", 2),
    ("LSET", "small list", 1, "other"),
    ("LSET", "big list", 2000, "other"),
    ("LMOVE", "big list", "big list", "LEFT", "RIGHT"),
    ("SREM", "numbers", 7),
    ("SADD", "big set", "one more"),
    ("HSET", "big hash", ANY_BYTES, "other"),
    ("HSET", "small hash", "one more", ""),
    ("ZADD", "small ranking", "0.10000000000000002", "m2"),
    ("ZADD", "big ranking", "4000", "m2000"),
    ("XADD", "events", "*", "one", "more"),
    ("XACK", "events", "readers", "3-0"),
    ("XCLAIM", "events", "readers", "bob", 0, "4-0"),
    ("XGROUP", "SETID", "events", "idle", "0"),
    ("XGROUP", "DELCONSUMER", "events", "readers", "nobody yet"),
    ("PEXPIREAT", "expiring hash", 4_102_444_800_124),
    ("PERSIST", "session"),
    ("EXPIRE", "visitors", 7200),
    ("FUNCTION", "FLUSH"),
)


def test_a_fingerprint_shows_every_change(source: Workload, filled: Session) -> None:
    with session(source) as one:
        reader = Reader(one)
        before = reader.fingerprint()
        for change in CHANGES:
            assert before.differences(reader.fingerprint(before), datetime.now(UTC)) == []
            filled.call(*change)
            after = reader.fingerprint(before)
            assert before.differences(after, datetime.now(UTC)), change
            before = after


def test_a_fingerprint_does_not_depend_on_order_or_history(source: Workload, target: Workload) -> None:
    with session(source) as here, session(target) as there:
        for one, numbers in ((here, range(3000)), (there, [*reversed(range(3000)), *range(3000, 50_000)])):
            one.call("FLUSHALL")
            one.call("FUNCTION", "FLUSH")
            one.call("SADD", "set", *numbers)
            one.call("HSET", "hash", *(word for i in numbers for word in (i, i)))
            one.call("MSET", *(word for i in numbers for word in (f"key {i}", i)))
        extra = range(3000, 50_000)
        there.call("SREM", "set", *extra)
        there.call("HDEL", "hash", *extra)
        there.call("DEL", *(f"key {i}" for i in extra))  # the tables shrink while they are read
    assert differences(driver(source).fingerprint(), driver(target)) == []


def test_an_empty_server_empties_the_other(source: Workload, target: Workload) -> None:
    ask(source, "FLUSHALL")
    ask(source, "FUNCTION", "FLUSH")
    ask(target, "SET", "left", "over")
    fingerprint, data = saved(driver(source))
    store = restored(driver(target), data)
    assert [(part.name, part.rows) for part in fingerprint.parts] == [("database 0", 0)]
    assert differences(fingerprint, store) == []
    assert ask(target, "DBSIZE") == 0


def test_what_was_restored_outlives_a_restart(engine_required: EngineApi, source: Workload, target: Workload, filled: Session) -> None:
    fingerprint, data = saved(driver(source))
    restored(driver(target), data)
    ask(target, "SET", "after", "it")
    engine_required.post(f"/containers/{target.id}/kill")
    engine_required.post(f"/containers/{target.id}/start")
    store = driver(target)
    assert ask(target, "GETDEL", "after") == b"it"
    assert differences(fingerprint, store) == []


def test_a_restore_cut_short_changes_nothing_and_can_be_run_again(source: Workload, target: Workload, filled: Session) -> None:
    fingerprint, data = saved(driver(source))
    ask(target, "FLUSHALL")
    ask(target, "SET", "present", "here")
    with pytest.raises(ZeroDivisionError):
        driver(target).restore({"redis.rdb": lambda: _breaking(data[:1000])}, lambda text: None)
    assert ask(target, "GET", "present") == b"here"
    assert ask(target, "ROLE")[0] == b"master"
    assert differences(fingerprint, restored(driver(target), data)) == []


@contextmanager
def _breaking(first: bytes) -> Iterator[Iterator[bytes]]:
    """A stream that fails after its first piece."""
    yield (piece if piece else bytes(1 // 0) for piece in (first, b""))


def test_a_wrong_password_is_said(source: Workload) -> None:
    store = RedisDatastore(engine(), source, {**SETTINGS, "password_file": "/etc/hostname"})
    assert not store.ready()
    with pytest.raises(Unhealthy, match="WRONGPASS"):
        store.probe()
    with pytest.raises(BackupFailed, match="WRONGPASS"), store.moment():
        raise AssertionError("there is no moment without a password")


def test_probe_says_the_version(source: Workload) -> None:
    information = driver(source).probe()
    assert information.engine == "redis"
    assert information.version.startswith("7.")


def test_a_dump_is_read_once_and_has_one_stream(source: Workload) -> None:
    store = driver(source)
    with store.moment() as moment:
        assert moment.streams == tuple(stream_of(b""))
        with pytest.raises(BackupFailed, match="no stream"):
            moment.dump("other")
        with moment.dump("redis.rdb") as chunks:
            assert b"".join(chunks).startswith(b"REDIS")
        with pytest.raises(BackupFailed, match="only once"), moment.dump("redis.rdb"):
            raise AssertionError("it was read before")
