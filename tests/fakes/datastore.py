"""Datastores in memory: what a store holds lies in its container's volume, and goes with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from looma_cli.errors import BackupFailed, Unhealthy
from looma_cli.model.backup import Fingerprint, FingerprintPart, StoreInformation
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from tests.fakes.daemon import FakeDaemon

Tables = dict[str, dict[str, str]]  # table -> key -> value
PIECE = 16


class FakeStores:
    """The data of every volume of a daemon. ``failing``: components whose dumps break off in the middle; ``unreadable``: those whose
    fingerprint cannot be taken; ``damaged``: those whose restore loses a row. ``told`` is what befell writers: (what, component)."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon
        self._volumes: dict[str, Tables] = {}
        self.failing: set[str] = set()
        self.unreadable: set[str] = set()
        self.told: list[tuple[str, str]] = []
        self.damaged: set[str] = set()
        self.held: list[str] = []  # volumes whose writers wait

    def on(self, daemon: FakeDaemon) -> FakeStores:
        """The same data on a copy of the daemon."""
        other = FakeStores(daemon)
        other._volumes = json.loads(json.dumps(self._volumes))
        other.failing, other.damaged, other.held = set(self.failing), set(self.damaged), list(self.held)
        return other

    def open(self, host: str, workload: Workload, component: Component) -> FakeDatastore:
        container = next(c for c in self._daemon.containers.values() if c.id == workload.id)
        volume = next((name for name in container.volumes if name.endswith("-data")), container.name)
        return FakeDatastore(self, component, volume, container.state == "running")

    def tables(self, volume: str) -> Tables:
        """What a volume holds; that of a removed volume is gone."""
        if volume not in self._daemon.volumes:
            self._volumes.pop(volume, None)
        return self._volumes.setdefault(volume, {})

    def replace(self, volume: str, tables: Tables) -> None:
        self._volumes[volume] = tables


class FakeDatastore:
    """Implements ``Datastore``."""

    def __init__(self, stores: FakeStores, component: Component, volume: str, running: bool) -> None:
        self.name = component.name
        self.driver = component.backup["driver"]
        self.holds_writers = self.driver != "postgresql"
        self.follows = False
        self._stores = stores
        self._volume = volume
        self._running = running

    def probe(self) -> StoreInformation:
        if not self._running:
            raise Unhealthy(f"{self.name} does not answer", "looma health says more")
        return StoreInformation(self.driver, "1.0")

    def ready(self) -> bool:
        return self._running

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        return fingerprint_of(self._stores.tables(self._volume))

    @contextmanager
    def moment(self, *, hold: bool = False) -> Iterator[FakeMoment]:
        self.probe()
        if self.holds_writers:
            self._stores.told.append(("held", self.name))
            self._stores.held.append(self._volume)
        moment = FakeMoment(self._stores, self.name, self._volume)
        self._stores.told.append(("moment", self.name))
        try:
            yield moment
        finally:
            moment.release()

    def restore(self, streams: Mapping[str, Callable], progress: Callable[[str], None]) -> None:
        self._stores.replace(self._volume, {"half restored": {"1": "x"}})
        with streams["data"]() as chunks:
            text = b"".join(chunks)
        try:
            tables = json.loads(text)
        except ValueError as error:
            raise BackupFailed(f"{self.name}: the dump is not whole", "take an older backup") from error
        if self.name in self._stores.damaged:
            next(iter(tables.values())).popitem()
        self._stores.replace(self._volume, tables)
        progress("restored")

    def abandon(self) -> None:
        if self._volume in self._stores.held:
            self._stores.held.remove(self._volume)


class FakeMoment:
    """Implements ``Moment``: a copy."""

    streams = ("data",)

    def __init__(self, stores: FakeStores, name: str, volume: str) -> None:
        self._stores = stores
        self._name = name
        self._volume = volume
        self._tables = json.loads(json.dumps(stores.tables(volume)))
        self.position = {"offset": "1"}

    def release(self) -> None:
        if self._volume in self._stores.held:
            self._stores.told.append(("released", self._name))
            self._stores.held.remove(self._volume)

    def fingerprint(self) -> Fingerprint:
        if self._name in self._stores.unreadable:
            raise BackupFailed(f"{self._name}: the fingerprint cannot be taken", "looma tenant logs says more")
        return fingerprint_of(self._tables)

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        yield self._pieces(json.dumps(self._tables).encode())

    def _pieces(self, text: bytes) -> Iterator[bytes]:
        for start in range(0, len(text), PIECE):
            if start + PIECE >= len(text) and self._name in self._stores.failing:
                raise BackupFailed(f"{self._name}: the dump broke off", "looma tenant logs says more")
            yield text[start : start + PIECE]


def fingerprint_of(tables: Tables) -> Fingerprint:
    """One part per table."""
    parts = (
        FingerprintPart(f"table {name}", len(rows), hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16])
        for name, rows in sorted(tables.items())
    )
    return Fingerprint(tuple(parts))
