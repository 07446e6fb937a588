"""Datastores in memory: what a store holds lies in its container's volume, and goes with it. So does whom it follows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from looma_cli.errors import BackupFailed, NotAllowed, Unhealthy
from looma_cli.model.backup import Fingerprint, FingerprintPart, StoreInformation
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Datastore
from looma_cli.steps.saving import SHORT_BYTES
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.replication import FakeReplication

Tables = dict[str, dict[str, str]]  # table -> key -> value
PIECE = 16
PADDING = b" " * SHORT_BYTES  # the dump of rows is too long for a set's manifest; that of the accounts is not
ACCOUNTS = b'["root"]'
WRITE_SECONDS = 5
FOLLOWING = ("mysql", "postgresql", "redis")


class FakeStores:
    """The data of every volume of a daemon. ``failing``: components whose dumps break off in the middle; ``unreadable``: those whose
    fingerprint cannot be taken; ``damaged``: those whose restore loses a row. ``told`` is what befell writers and what followers were
    told: (what, component). ``replication`` says who follows whom, and has knobs of its own. ``daemons`` are those of all hosts, by name;
    ``lines`` the followers on another host than their leader that a relay leads to it just now."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.daemons = {"local": daemon}
        self.lines: set[str] = set()
        self._volumes: dict[str, Tables] = {}
        self.failing: set[str] = set()
        self.unreadable: set[str] = set()
        self.told: list[tuple[str, str]] = []
        self.damaged: set[str] = set()
        self.held: list[str] = []  # volumes whose writers wait
        self.replication = FakeReplication()

    def on(self, daemon: FakeDaemon) -> FakeStores:
        """The same data on a copy of the daemon."""
        other = FakeStores(daemon)
        other.lines = set(self.lines)
        other._volumes = copied(self._volumes)
        other.failing, other.damaged, other.held = set(self.failing), set(self.damaged), list(self.held)
        other.replication = self.replication.copied()
        return other

    def open(self, host: str, workload: Workload, component: Component) -> FakeDatastore:
        container = next(c for c in self.daemons[host].containers.values() if c.id == workload.id)
        volume = next((name for name in container.volumes if name.endswith("-data")), container.name)
        return FakeDatastore(self, component, volume, container)

    def tables(self, volume: str) -> Tables:
        """What a volume holds, a follower's being what came over; that of a removed volume is gone."""
        place = self._place(volume)
        if place is None:
            self._volumes.pop(volume, None)
            self.replication.forget(volume)
        leader = self.replication.source(volume)
        if leader and (there := self._place(leader)) and (there == place or volume in self.lines):
            self._volumes[volume] = copied(self.tables(leader))
            self.replication.came_over(volume, self.end(leader))
        return self._volumes.setdefault(volume, {})

    def _place(self, volume: str) -> str | None:
        """Name of the host that has it."""
        return next((host for host, daemon in self.daemons.items() if volume in daemon.volumes), None)

    def relayed(self, follower: FakeContainer, address: str) -> bool:
        """Whether something that goes by that name leads from its network to another host."""
        others = (c for daemon in self.daemons.values() if follower in daemon.containers.values() for c in daemon.containers.values())
        return any(address in c.aliases and c.networks & follower.networks and c.state == "running" for c in others)

    def replace(self, volume: str, tables: Tables) -> None:
        self._volumes[volume] = tables

    def end(self, volume: str) -> int:
        """Of a leader's log."""
        return self.replication.end(volume, fingerprint_of(self.tables(volume)).digest)

    def write(self, volume: str, table: str, key: str) -> None:
        """As a client: it waits while writers are held back, and is refused by a follower."""
        deadline = time.monotonic() + WRITE_SECONDS
        while volume in self.held:
            if time.monotonic() > deadline:
                raise Unhealthy(f"{volume}: the write waited for too long", "release the moment")
            time.sleep(0.001)
        if self.replication.read_only(volume):
            raise NotAllowed(f"{volume} follows another and is read-only", "promote it first")
        self.tables(volume).setdefault(table, {})[key] = "x"


class FakeDatastore:
    """Implements ``Datastore``."""

    def __init__(self, stores: FakeStores, component: Component, volume: str, container: FakeContainer) -> None:
        self.name = component.name
        self.driver = component.backup["driver"]
        self.holds_writers = self.driver != "postgresql"
        self.follows = self.driver in FOLLOWING
        self._stores = stores
        self._volume = volume
        self._container = container

    def probe(self) -> StoreInformation:
        if not self.ready():
            raise Unhealthy(f"{self.name} does not answer", "looma health says more")
        return StoreInformation(self.driver, "1.0")

    def ready(self) -> bool:
        return self._container.state == "running"

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        return fingerprint_of(self._stores.tables(self._volume))

    @contextmanager
    def moment(self, *, hold: bool = False) -> Iterator[FakeMoment]:
        self.probe()
        if hold or self.holds_writers:
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
        read = {}
        for name, opened in streams.items():
            with opened() as chunks:
                read[name] = b"".join(chunks)
        try:
            tables = json.loads(read["data"])
            assert read["accounts"] == ACCOUNTS
        except ValueError as error:
            raise BackupFailed(f"{self.name}: the dump is not whole", "take an older backup") from error
        if self.name in self._stores.damaged:
            next(iter(tables.values())).popitem()
        self._stores.replace(self._volume, tables)
        progress("restored")

    def abandon(self) -> None:
        if self._volume in self._stores.held:
            self._stores.held.remove(self._volume)

    def obstacle(self, leader: Datastore) -> str:
        return self._stores.replication.obstacles.get(self.name, "")

    def follow(self, leader: Datastore, address: str, progress: Callable[[str], None]) -> None:
        """Half of it is there when the first word is said, and the leader has been prepared for it."""
        assert isinstance(leader, FakeDatastore)
        self.probe()
        self._stores.told.append(("follow", self.name))
        replication = self._stores.replication
        relayed = self._stores.relayed(self._container, address) and self._volume in self._stores.lines
        replication.start(self.name, self._container, leader._container, address, relayed)
        replication.half(self._volume, leader._volume)
        self._stores.replace(self._volume, {"half seeded": {"1": "x"}})
        progress("copying")
        replication.begin(self._volume, leader._volume, self.name, self._stores.end(leader._volume))
        self._stores.replace(self._volume, copied(self._stores.tables(leader._volume)))
        progress("following")

    def position(self) -> Mapping[str, str]:
        self.probe()
        self._stores.told.append(("position", self.name))
        return {"offset": str(self._stores.end(self._volume))}

    def reached(self, position: Mapping[str, str]) -> bool:
        self.probe()
        replication = self._stores.replication
        if replication.waited(self.name):
            return False
        self._stores.tables(self._volume)
        there = replication.reached(self.name, self._volume, int(position["offset"]))
        self._stores.told += [("reached", self.name)] * there
        return there

    def promote(self) -> None:
        """What had not come over by now never does."""
        self.probe()
        self._stores.told.append(("promote", self.name))
        self._stores.replication.promote(self._volume)

    def written(self) -> int:
        self.probe()
        return sum(len(rows) for rows in self._stores.tables(self._volume).values())

    def dismiss(self) -> None:
        self.probe()
        self._stores.told.append(("dismiss", self.name))
        self._stores.replication.prepared.discard(self._volume)


class FakeMoment:
    """Implements ``Moment``: a copy."""

    streams = ("data", "accounts")

    def __init__(self, stores: FakeStores, name: str, volume: str) -> None:
        self._stores = stores
        self._name = name
        self._volume = volume
        self._tables = copied(stores.tables(volume))
        self.position = {"offset": str(stores.end(volume))}

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
        yield self._pieces(json.dumps(self._tables).encode()) if stream == "data" else iter([ACCOUNTS])

    def _pieces(self, text: bytes) -> Iterator[bytes]:
        yield PADDING
        for start in range(0, len(text), PIECE):
            if start + PIECE >= len(text) and self._name in self._stores.failing:
                raise BackupFailed(f"{self._name}: the dump broke off", "looma tenant logs says more")
            yield text[start : start + PIECE]


def copied(tables: Tables) -> Tables:
    return json.loads(json.dumps(tables))


def fingerprint_of(tables: Tables) -> Fingerprint:
    """One part per table."""
    parts = (
        FingerprintPart(f"table {name}", len(rows), hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16])
        for name, rows in sorted(tables.items())
    )
    return Fingerprint(tuple(parts))
