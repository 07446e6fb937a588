"""A process that can be killed between any two of its deeds: commits of its state, deeds of the engine, calls of the edge, backups.

``Mortal`` counts those deeds on a Machine and raises ``Killed`` after the chosen one. From then on the "process" can do nothing more: not
even release its lease, just as after a real SIGKILL. ``reborn`` is the same machine with a new process.
"""

from __future__ import annotations

import copy
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from looma_cli.adapters.leases import LinuxLeases
from looma_cli.model.operation import Holder, Lease
from looma_cli.model.world import World
from looma_cli.wiring import Looma
from tests.factories import make_edition
from tests.fakes.clock import FakeClock
from tests.fakes.failing import Killed
from tests.worlds import Machine

NO_PROCESS = 5_000_000  # above any pid that Linux gives (PID_MAX_LIMIT is 4,194,304)


class SmallCatalog:
    """Editions of four components (one of them, unless told otherwise), so that every boundary can be walked in seconds."""

    def __init__(self, *editions: Any) -> None:
        self._editions = {one.name: one for one in editions or (make_edition(),)}

    def names(self) -> list[str]:
        return list(self._editions)

    def editions(self) -> list[Any]:
        return list(self._editions.values())

    def edition(self, name: str) -> Any:
        return self._editions[name]

    def support_image(self, component: str, images: str) -> str:
        return f"looma/{component}:test"


class Death:
    """Counts deeds; the ``at``-th is the last one. ``between`` is what others do after each of them."""

    def __init__(self, at: int | None, between: Callable[[], object] = lambda: None) -> None:
        self.at = at
        self._between = between
        self.deeds = 0
        self.left: list[Any] = []  # what a dead process can neither close nor free
        self._counting = threading.Lock()

    @property
    def dead(self) -> bool:
        return self.at is not None and self.deeds >= self.at

    def before(self) -> None:
        if self.dead:
            raise Killed

    def after(self) -> None:
        with self._counting:
            self.deeds += 1
            self._between()
        self.before()


class MortalStore:
    def __init__(self, store: Any, death: Death) -> None:
        self._store = store
        self._death = death
        self.url = store.url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def read(self) -> Iterator[Any]:
        self._death.before()
        with self._store.read() as state:
            yield state

    @contextmanager
    def write(self) -> Iterator[Any]:
        self._death.before()
        with self._store.write() as state:
            yield state
        self._death.after()


class MortalAdapter:
    """Passes every call on; a changing one is a deed."""

    LOOKING = ("information", "workloads", "volumes", "networks", "published_ports", "missing_images", "logs", "running", "routes")

    def __init__(self, adapter: Any, death: Death) -> None:
        self._adapter = adapter
        self._death = death

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._adapter, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **options: Any) -> Any:
            self._death.before()
            answer = method(*arguments, **options)
            if name not in self.LOOKING:
                self._death.after()
            return answer

        return call


class MortalRepository(MortalAdapter):
    """Snapshots come to be, are copied and forgotten one by one."""

    LOOKING = ("exists", "snapshots", "kept", "check", "open", "unlock")

    def copy_to(self, location: str, ids: list[str]) -> None:
        self._one_by_one(ids, lambda one: self._adapter.copy_to(location, [one]))

    def forget(self, ids: list[str], *, prune: bool = False) -> None:
        self._one_by_one(ids, lambda one: self._adapter.forget([one], prune=prune))

    def _one_by_one(self, ids: list[str], deed: Callable[[str], None]) -> None:
        for one in ids:
            self._death.before()
            deed(one)
            self._death.after()


class MortalDatastore(MortalAdapter):
    """Whose process dies holds its writers back until somebody abandons that."""

    LOOKING = ("probe", "ready", "fingerprint")

    @contextmanager
    def moment(self, *, hold: bool = False) -> Iterator[Any]:
        self._death.before()
        held = self._adapter.moment(hold=hold)
        moment = held.__enter__()
        self._death.left.append(held)
        self._death.after()
        try:
            yield MortalMoment(moment, self._death)
        finally:
            if not self._death.dead:
                held.__exit__(None, None, None)

    def restore(self, streams: Mapping[str, Callable[[], Any]], progress: Callable[[str], None]) -> None:
        self._death.before()
        self._adapter.restore({name: self._counted(reader) for name, reader in streams.items()}, progress)
        self._death.after()

    def obstacle(self, leader: Any) -> str:
        self._death.before()
        return self._adapter.obstacle(leader._adapter)

    def follow(self, leader: Any, address: str, progress: Callable[[str], None]) -> None:
        """Every word of it is a moment to die at: the first comes when half of the copy is there."""

        def said(text: str) -> None:
            self._death.after()
            progress(text)

        self._death.before()
        self._adapter.follow(leader._adapter, address, said)
        self._death.after()

    def _counted(self, reader: Callable[[], Any]) -> Callable[[], Any]:
        def opened() -> Any:
            self._death.after()  # what was there is gone, and nothing has come yet
            return reader()

        return opened


class MortalMoment(MortalAdapter):
    LOOKING = ("fingerprint",)

    @contextmanager
    def dump(self, stream: str) -> Iterator[Iterator[bytes]]:
        with self._adapter.dump(stream) as chunks:
            yield self._counted(chunks)

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._death.before()
            yield chunk
            self._death.after()


class OpenVault:
    """Implements ``BackupVault`` without stretching a passphrase in each of hundreds of processes."""

    def ensure(self) -> bool:
        return False

    def seal(self, plain: str) -> str:
        return f"sealed {plain}"

    def open(self, sealed: str) -> str:
        return sealed.removeprefix("sealed ")


class ProcessLeases(LinuxLeases):
    """Leases of one make-believe process; its pid belongs to nobody, so only ``living`` says who is alive."""

    def __init__(self, store: Any, clock: Any, pid: int) -> None:
        super().__init__(store, clock)
        self._pid = pid

    def me(self) -> Holder:
        return replace(super().me(), pid=self._pid, process_started=self._pid)

    def alive(self, lease: Lease) -> bool:
        return lease.holder.pid == self._pid


class Mortal(Machine):
    """A machine whose current process dies after a number of deeds (None: it lives)."""

    def __init__(self, home: Path, catalog: Any = None) -> None:
        super().__init__(home, {"LOOMA_BACKUP_REPOSITORY": "/backups"}, catalog=catalog or SmallCatalog())
        self.death = Death(None)
        self.prepared: set[str] = set()  # operations before the one that is killed
        self._processes = 0

    def copy(self, home: Path) -> Mortal:
        """The same machine once more: its home on disk, its engine and its edge."""
        shutil.copytree(self.home, home)
        other = type(self)(home, self.catalog)
        other.clock = FakeClock(self.clock.now())
        daemon = copy.deepcopy(self.daemon)
        for adapter in (other.engine, other.edge, other.host):
            adapter.daemon = daemon
        other.daemon = daemon
        other.edge.volume = copy.deepcopy(self.edge.volume)
        other.edge.specification = self.edge.specification
        other.stores = self.stores.on(daemon)
        for name, site in self.sites.items():
            other.sites[name] = site.copied(name)
            other.stores.daemons[name] = other.sites[name].daemon
        other.places = self.places.copy(home)
        other._processes = self._processes
        return other

    def between(self) -> None:
        """What its users do after each deed of looma."""

    def process(self, at: int | None = None) -> Looma:
        """A new process on the same machine."""
        self.death = Death(at, self.between)
        self._processes += 1
        self.edge = self.edges[self.engine.installation] = self.edge.again()
        for site in self.sites.values():
            site.edge = site.edge.again()
        self.stores.lines.clear()  # they were the process's own
        return self.looma()

    def world(self) -> World:
        world = super().world()
        store: Any = MortalStore(world.store, self.death)
        return replace(
            world,
            store=store,
            leases=ProcessLeases(store, self.clock, NO_PROCESS + self._processes),
            engine=lambda host: MortalAdapter(world.engine(host), self.death),
            edge=lambda host: MortalAdapter(world.edge(host), self.death),
            relay=lambda *hosts: MortalAdapter(world.relay(*hosts), self.death),
            datastore=lambda *which: MortalDatastore(self.stores.open(*which), self.death),
            repository=lambda location: MortalRepository(world.repository(location), self.death),
            backup_vault=OpenVault(),
        )
