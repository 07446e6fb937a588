"""Awkward data for Redis, and what the tests do with a server beside the driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from looma_cli.adapters.datastores.redis import RedisDatastore
from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.session import Session
from looma_cli.model.backup import Fingerprint
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks
from tests.datastores.servers import engine

SETTINGS = {"driver": "redis", "password_file": "/run/secrets/redis_password"}
ANY_BYTES = bytes(range(256))
EMOJI = "键🔑 клавиша".encode()


def driver(workload: Workload) -> RedisDatastore:
    """Of a server that answers."""
    store = RedisDatastore(engine(), workload, SETTINGS)
    deadline = time.monotonic() + 30
    while not store.ready():
        assert time.monotonic() < deadline, "the server does not answer"
        time.sleep(0.05)
    return store


def session(workload: Workload) -> AbstractContextManager[Session]:
    return Access(engine(), workload, SETTINGS).session()


def ask(workload: Workload, *words: str | bytes | int) -> Any:
    with session(workload) as one:
        return one.call(*words)


def saved(store: RedisDatastore) -> tuple[Fingerprint, bytes]:
    """A whole backup, in memory."""
    with store.moment() as moment:
        moment.release()
        fingerprint = moment.fingerprint()
        with moment.dump("redis.rdb") as chunks:
            return fingerprint, b"".join(chunks)


def stream_of(data: bytes) -> dict[str, Callable[[], Chunks]]:
    @contextmanager
    def chunks() -> Iterator[Iterator[bytes]]:
        yield (data[start : start + 100_000] for start in range(0, len(data), 100_000))

    return {"redis.rdb": chunks}


def restored(store: RedisDatastore, data: bytes) -> RedisDatastore:
    store.restore(stream_of(data), lambda text: None)
    return store


def differences(wanted: Fingerprint, store: RedisDatastore) -> list[str]:
    return wanted.differences(store.fingerprint(wanted), datetime.now(UTC))


def fill(one: Session) -> None:
    """Every type, short and long, in several databases; two keys that expire."""
    one.call("FLUSHALL")
    one.call("SET", "text", "plain")
    one.call("SET", ANY_BYTES, ANY_BYTES)
    one.call("SET", EMOJI, EMOJI)
    one.call("SET", "", "")
    one.call("SET", "number", 12345678901)
    one.call("SET", "long", ANY_BYTES * 4096)
    one.call("SETBIT", "bits", 65536 * 8 - 1, 1)
    one.call("PFADD", "visitors", *range(500))
    one.call("GEOADD", "places", "13.361389", "38.115556", "Palermo")
    one.call("SET", "session", "soon gone", "PX", 3_600_000)
    one.call("HSET", "expiring hash", "a", "1")
    one.call("PEXPIREAT", "expiring hash", 4_102_444_800_123)
    _fill_collections(one)
    _fill_stream(one)
    one.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=mine\nredis.register_function('one', function() return 1 end)")
    for database in (1, 15):
        one.call("SELECT", database)
        one.call("SET", "where", database)
    one.call("SELECT", 0)


def _fill_collections(one: Session) -> None:
    for count, size in ((3, "small"), (3000, "big")):
        names = [f"{EMOJI.decode()} {i}" for i in range(count)]
        one.call("RPUSH", f"{size} list", *names, ANY_BYTES, *names)
        one.call("SADD", f"{size} set", *names, ANY_BYTES)
        one.call("HSET", f"{size} hash", ANY_BYTES, ANY_BYTES, *(word for name in names for word in (name, name)))
        scores = ["-inf", "inf", "0.1", "1e300", "100000000000000000", "-0.30000000000000004", *range(count)]
        one.call("ZADD", f"{size} ranking", *(word for i, score in enumerate(scores) for word in (score, f"m{i}")))
    one.call("SADD", "numbers", *range(200))


def _fill_stream(one: Session) -> None:
    for i in range(1, 2501):
        one.send("XADD", "events", f"{i}-0", "field", i, ANY_BYTES, EMOJI)
    for _ in range(2500):
        one.reply()
    one.call("XDEL", "events", "7-0", "2500-0")
    one.call("XGROUP", "CREATE", "events", "readers", "0")
    one.call("XGROUP", "CREATE", "events", "idle", "$")
    one.call("XREADGROUP", "GROUP", "readers", "ann", "COUNT", 1200, "STREAMS", "events", ">")
    one.call("XREADGROUP", "GROUP", "readers", "bob", "COUNT", 5, "STREAMS", "events", ">")
    one.call("XACK", "events", "readers", "1-0", "2-0")
    one.call("XGROUP", "CREATECONSUMER", "events", "readers", "nobody yet")
