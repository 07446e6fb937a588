"""What a Redis server holds, computed there by a script in short slices: no data leaves it, and others are served in between."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from looma_cli.adapters.datastores.redis.buckets import begin_of_bounds, bounds_after, bounds_like, part_name, time_of
from looma_cli.adapters.datastores.redis.session import Session, information
from looma_cli.model.backup import Fingerprint, FingerprintPart

LANE = 1 << 48
SLICE_SECONDS = 0.02
PASSES = 5
_SCRIPT = Path(__file__).with_name("fingerprint.lua")
FIELDS_EXPIRE_SINCE = (7, 4)


@dataclass(slots=True)
class Total:
    """The keys of one bucket: an order-independent sum of their hashes, and the earliest expiry among them (ms; -1 for none)."""

    keys: int = 0
    lanes: list[int] = field(default_factory=lambda: [0, 0, 0])
    earliest: int = -1

    def add(self, keys: int, lanes: Sequence[int], earliest: int) -> None:
        self.keys += keys
        self.lanes = [(mine + theirs) % LANE for mine, theirs in zip(self.lanes, lanes, strict=True)]
        self.earliest = earlier(self.earliest, earliest)


Totals = dict[int, Total]


def earlier(one: int, other: int) -> int:
    """Of two expiries in ms, of which -1 is none."""
    return max(one, other) if one < 0 or other < 0 else min(one, other)


class Reader:
    """``between`` is called before each slice: there the pause of writers is renewed."""

    def __init__(self, session: Session, between: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._between = between
        self._script = _SCRIPT.read_text(encoding="utf-8")
        version = information(session, "server")["redis_version"].split(".")
        self._fields_expire = int(tuple(map(int, version[:2])) >= FIELDS_EXPIRE_SINCE)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """Divided as ``like``, or with new bounds between the expiring keys."""
        now = self._now()
        return self._divided(lambda database: bounds_after(now) if like is None else bounds_like(like, database))

    def fingerprint_of_moment(self) -> Fingerprint:
        """Divided as that of the leader's moment, where this server is a follower."""
        state = information(self._session, "replication")
        begin = begin_of_bounds(state["master_replid"], self._now(), state["role"] == "master")
        return self._divided(lambda database: bounds_after(begin))

    def _now(self) -> int:
        seconds, microseconds = self._session.call("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _divided(self, bounds_of: Callable[[int], Sequence[int]]) -> Fingerprint:
        parts = self._functions()
        for database in self._databases():
            parts += self._parts(database, bounds_of(database))
        return Fingerprint(tuple(sorted(parts, key=lambda part: part.name)))

    def _databases(self) -> list[int]:
        """Those with keys, and always the first: what is empty must be seen to be."""
        found = information(self._session, "keyspace")
        return sorted({0, *(int(name.removeprefix("db")) for name in found if name.startswith("db"))})

    def _functions(self) -> list[FingerprintPart]:
        libraries = self._session.call("FUNCTION", "LIST", "WITHCODE")
        codes = sorted(bytes(library[library.index(b"library_code") + 1]) for library in libraries)
        digest = hashlib.sha256(b"\0".join(codes)).hexdigest()
        return [FingerprintPart("functions", len(codes), digest, definition=True)] if codes else []

    def _parts(self, database: int, bounds: Sequence[int]) -> list[FingerprintPart]:
        self._session.call("SELECT", database)
        totals = self._agreed(database, bounds)
        totals.setdefault(0, Total())
        return [
            FingerprintPart(part_name(database, bucket, bounds), total.keys, _checksum(total), time_of(total.earliest))
            for bucket, total in totals.items()
            if total.keys or (database == 0 and bucket == 0)
        ]

    def _agreed(self, database: int, bounds: Sequence[int]) -> Totals:
        """A scan may meet a key twice while the server makes its table smaller, which the number of keys shows. That number counts
        expired keys too, which no scan finds; then two passes that agree are enough. The lookups of one pass end such a change."""
        before: Totals = {}
        for _ in range(PASSES):
            totals = self._pass(database, bounds)
            if totals == before or self._complete(database, totals):
                break
            before = totals
        return totals

    def _complete(self, database: int, totals: Totals) -> bool:
        return sum(total.keys for total in totals.values()) == self._counts(database)[0]

    def _counts(self, database: int) -> tuple[int, int]:
        """Keys, and those of them that expire."""
        text = information(self._session, "keyspace").get(f"db{database}", "keys=0,expires=0")
        counts = dict(pair.split("=") for pair in text.split(","))
        return int(counts["keys"]), int(counts["expires"])

    def _pass(self, database: int, bounds: Sequence[int]) -> Totals:
        totals: Totals = {}
        cursor, count, expiring = b"0", 100, int(self._counts(database)[1] > 0)
        while True:
            started = time.monotonic()
            cursor, found, deferred = self._run("keys", cursor, count, expiring, *bounds)
            for bucket, keys, *lanes, earliest in found:
                totals.setdefault(bucket, Total()).add(keys, lanes, int(earliest))
            count = _fitting(count, time.monotonic() - started)
            for kind, key, expiry, length in deferred:
                self._add_large(totals, bounds, kind, key, int(expiry), length)
            if cursor == b"0":
                return totals

    def _add_large(self, totals: Totals, bounds: Sequence[int], kind: bytes, key: bytes, expiry: int, length: int) -> None:
        for _ in range(PASSES):
            content = self._content(kind, key)
            if kind not in (b"set", b"hash") or content.keys == length:
                break
        lanes = _key_lanes(kind, key, expiry, content)
        earliest = earlier(expiry, content.earliest)
        totals.setdefault(_bucket(earliest, bounds), Total()).add(1, lanes, earliest)

    def _content(self, kind: bytes, key: bytes) -> Total:
        """Its ``keys`` are elements."""
        content, cursor, count = Total(), b"0", 16
        while cursor:
            cursor, elements, size, *lanes, earliest = self._run("content", cursor, count, kind, key)
            content.add(elements, lanes, int(earliest))
            count = max(1, count // 4) if size > 1 << 18 else min(5000, count * 2)
        return content

    def _run(self, what: str, cursor: bytes, count: int, *rest: bytes | int) -> list:
        self._between()
        return self._session.call("EVAL_RO", self._script, 0, what, cursor, count, self._fields_expire, *rest)


def _fitting(count: int, seconds: float) -> int:
    return max(10, count // 2) if seconds > SLICE_SECONDS else min(5000, count * 2)


def _bucket(expiry: int, bounds: Sequence[int]) -> int:
    """As the script counts them."""
    return 0 if expiry < 0 else next((i for i, bound in enumerate(bounds, 1) if expiry < bound), len(bounds) + 1)


def _key_lanes(kind: bytes, key: bytes, expiry: int, content: Total) -> list[int]:
    """As the script hashes a key that it reads whole."""
    frames = b"".join(b"%d:%b" % (len(text), text) for text in (kind, key, str(expiry).encode()))
    end = f"{content.keys}:{','.join(map(str, content.lanes))}".encode()
    digest = hashlib.sha1(frames + end, usedforsecurity=False).hexdigest()
    return [int(digest[start : start + 12], 16) for start in (0, 12, 24)]


def _checksum(total: Total) -> str:
    return "".join(f"{lane:012x}" for lane in total.lanes)
