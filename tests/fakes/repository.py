"""FakeRepository: implements ``Repository`` in memory; places are shared by all that name the same location."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from looma_cli.errors import (
    BackupFailed,
    LoomaError,
    NotFound,
    RepositoryDamaged,
    RepositoryLocked,
    RepositoryUnreachable,
    WrongPassphrase,
)
from looma_cli.model.backup import RepositorySnapshot, Retention, SavedStream

PIECE = 1 << 16
_WITHIN = re.compile(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?")


@dataclass
class Stored:
    """A snapshot with its bytes; ``original`` is the one it is a copy of."""

    snapshot: RepositorySnapshot
    data: bytes
    original: str


@dataclass
class FakePlace:
    """One repository. Tests set what is wrong with it; ``capacity`` is in bytes."""

    passphrase: str | None = None  # None: there is no repository yet
    stored: dict[str, Stored] = field(default_factory=dict)
    pieces: set[bytes] = field(default_factory=set)
    reachable: bool = True
    locked: bool = False  # exclusively, by a process that lives
    stale: bool = False  # by one that is dead
    damaged: bool = False
    capacity: int | None = None
    changing: threading.Lock = field(default_factory=threading.Lock)

    def used(self) -> int:
        return sum(len(stored.data) for stored in self.stored.values())


class FakePlaces:
    """All repositories there are, by location. One that was copied to a place below ``disk`` is in a file there too, so that it can be
    carried away, and is read from there where nothing is known of it. All others are in memory alone, whatever they are called."""

    def __init__(self, disk: Path | None = None) -> None:
        self._disk = disk
        self._places: dict[str, FakePlace] = {}

    def __getitem__(self, location: str) -> FakePlace:
        if location not in self._places:
            file = Path(location) / "config"
            kept = self._on_disk(location) and file.is_file()
            self._places[location] = FakePlace(**pickle.loads(file.read_bytes())) if kept else FakePlace()
        return self._places[location]

    def _on_disk(self, location: str) -> bool:
        return self._disk is not None and Path(location).is_relative_to(self._disk)

    def keep_in_folder(self, location: str) -> None:
        if self._on_disk(location):
            place = self[location]
            Path(location).mkdir(exist_ok=True)
            (Path(location) / "config").write_bytes(
                pickle.dumps({"passphrase": place.passphrase, "stored": place.stored, "pieces": place.pieces})
            )

    def copy(self, disk: Path) -> FakePlaces:
        """The same repositories once more, for the same machine once more."""
        other = FakePlaces(disk)
        for location, place in self._places.items():
            stored, pieces = dict(place.stored), set(place.pieces)
            other._places[location] = replace(place, stored=stored, pieces=pieces, changing=threading.Lock())
        return other


class FakeRepository:
    _numbers = itertools.count()

    def __init__(self, location: str = "/backups", places: FakePlaces | None = None, passphrase: str = "fake") -> None:
        self.location = location
        self.places = places if places is not None else FakePlaces()
        self._passphrase = passphrase

    @property
    def place(self) -> FakePlace:
        return self.places[self.location]

    def _enter(self, *, locking: bool = False) -> FakePlace:
        place = self.place
        if not place.reachable:
            raise RepositoryUnreachable(f"the repository {self.location} cannot be reached", "look whether its server runs")
        if place.passphrase is None:
            raise NotFound(f"there is no repository at {self.location}", "look at its address")
        if place.passphrase != self._passphrase:
            raise WrongPassphrase(f"the passphrase does not open the repository {self.location}", "name the right one")
        if locking and (place.locked or place.stale):
            raise RepositoryLocked(f"the repository {self.location} is already locked by PID 1", "wait until that one has ended")
        return place

    def exists(self) -> bool:
        try:
            self._enter()
        except NotFound:
            return False
        return True

    def create(self) -> None:
        if not self.exists():
            self.place.passphrase = self._passphrase

    def save(self, name: str, tags: Mapping[str, str], chunks: Iterable[bytes], at: datetime) -> SavedStream:
        self._enter(locking=True)
        data = b"".join(chunks)
        if not data:
            raise BackupFailed("not a single byte came to be saved", "look at its source")
        place = self._enter()
        with place.changing:
            if place.capacity is not None and place.used() + len(data) > place.capacity:
                raise BackupFailed(f"the repository {self.location}: no space left on device", "it is full: free some space there")
            return SavedStream(name, self._add(place, name, dict(tags), data, at, ""), len(data), _added(place, data))

    def _add(self, place: FakePlace, name: str, tags: dict[str, str], data: bytes, at: datetime, original: str) -> str:
        text = f"{self.location} {name} {next(self._numbers)}"
        snapshot = RepositorySnapshot(hashlib.sha256(text.encode()).hexdigest(), name, at.astimezone(UTC).replace(microsecond=0), tags)
        place.stored[snapshot.id] = Stored(snapshot, data, original)
        return snapshot.id

    @contextmanager
    def open(self, snapshot: str, name: str) -> Iterator[Iterator[bytes]]:
        place = self._enter(locking=True)
        stored = place.stored.get(snapshot)
        if stored is None or stored.snapshot.name != name:
            raise NotFound(f"the repository {self.location} has no {name} in a snapshot {snapshot}", "look at the backups it holds")
        yield self._pieces(place, stored.data)

    def _pieces(self, place: FakePlace, data: bytes) -> Iterator[bytes]:
        end = len(data) // 2 if place.damaged else len(data)
        for start in range(0, end, PIECE):
            yield data[start : min(start + PIECE, end)]
        if place.damaged:
            raise self._damaged()

    def snapshots(self, tags: Mapping[str, str] | None = None) -> list[RepositorySnapshot]:
        all_snapshots = [stored.snapshot for stored in self._enter().stored.values()]
        found = [snapshot for snapshot in all_snapshots if (tags or {}).items() <= snapshot.tags.items()]
        return sorted(found, key=lambda snapshot: (snapshot.at, snapshot.id))

    def forget(self, ids: Sequence[str], *, prune: bool = False) -> None:
        place = self._enter(locking=True)
        for snapshot in ids:
            place.stored.pop(snapshot, None)

    def kept(self, retention: Retention, tags: Mapping[str, str]) -> list[str]:
        """restic's rules (manual, "Removing snapshots according to a policy"): newest first, one for each hour, day or week that has
        any, as many as asked for; ``within`` counts back from the newest. (Since 0.16 the oldest stays too while there are fewer.)"""
        newest_first = self.snapshots(tags)[::-1]
        if retention == Retention() or not newest_first:
            return [snapshot.id for snapshot in newest_first]
        kept = {snapshot.id for snapshot in newest_first[: retention.last]}
        kept |= _one_each(newest_first, retention.hourly, lambda at: (at.date(), at.hour))
        kept |= _one_each(newest_first, retention.daily, lambda at: at.date())
        kept |= _one_each(newest_first, retention.weekly, lambda at: at.isocalendar()[:2])
        if retention.within:
            kept |= {snapshot.id for snapshot in newest_first if snapshot.at > newest_first[0].at - _duration(retention.within)}
        return [snapshot.id for snapshot in newest_first if snapshot.id in kept]

    def unlock(self) -> None:
        self._enter().stale = False

    def check(self, *, read_data: bool = False) -> None:
        if self._enter(locking=True).damaged and read_data:
            raise self._damaged()

    def copy_to(self, location: str, ids: Sequence[str]) -> None:
        source = self._enter()
        target = FakeRepository(location, self.places, self._passphrase)
        target.create()
        place = target._enter(locking=True)
        there = set(place.stored) | {stored.original for stored in place.stored.values()}
        for name in ids:
            if name in there:
                continue
            stored = source.stored.get(name)
            if stored is None:
                raise NotFound(f"the repository {self.location} has no snapshot {name} to copy", "look at the backups it holds")
            snapshot = stored.snapshot
            _added(place, stored.data)
            target._add(place, snapshot.name, dict(snapshot.tags), stored.data, snapshot.at, name)
        self.places.keep_in_folder(location)

    def _damaged(self) -> LoomaError:
        return RepositoryDamaged(f"the repository {self.location}: ciphertext verification failed", "restore from a copy")


def _added(place: FakePlace, data: bytes) -> int:
    """Bytes in pieces that the place had not."""
    pieces = {data[start : start + PIECE] for start in range(0, len(data), PIECE)}
    added = sum(map(len, pieces - place.pieces))
    place.pieces |= pieces
    return added


def _one_each(newest_first: Sequence[RepositorySnapshot], count: int, bucket: Callable[[datetime], object]) -> set[str]:
    newest: dict[object, str] = {}
    for snapshot in newest_first:
        newest.setdefault(bucket(snapshot.at), snapshot.id)
    return set(list(newest.values())[:count])


def _duration(text: str) -> timedelta:
    match = _WITHIN.fullmatch(text)
    if match is None:
        raise BackupFailed(f"{text} is no duration", "write it like 1y5m7d2h")
    years, months, days, hours = (int(number or 0) for number in match.groups())
    return timedelta(days=365 * years + 30 * months + days, hours=hours)
