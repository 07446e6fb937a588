"""A whole looma on fakes: real state, catalog, renderer, vault and files; an engine, an edge and probes that live in memory.

What the probes see follows from the fake engine's containers and the fake edge's routes, so that health is never merely claimed.
"""

from __future__ import annotations

import copy
import shutil
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.database import open_store
from looma_cli.adapters.files import DirectoryFiles
from looma_cli.adapters.leases import LinuxLeases
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.adapters.repository import PassphraseVault
from looma_cli.adapters.vault import FernetVault
from looma_cli.errors import HostKeyChanged, HostUnreachable, LoomaError
from looma_cli.model.health import ProbeResult, ProbeTarget
from looma_cli.model.host import Host, HostKey, fingerprint_of
from looma_cli.model.reporting import Reporter, SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.model.world import World
from looma_cli.settings import data_directory
from looma_cli.steps.forwarding import SERVICE as FORWARDED
from looma_cli.wiring import Looma, open_looma
from tests.fakes.clock import FakeClock
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.datastore import FakeStores
from tests.fakes.edge import EdgeAnswer, FakeEdge
from tests.fakes.engine import FakeEngine
from tests.fakes.health import FakeHealth
from tests.fakes.host import FakeHost
from tests.fakes.images import FakeImageSender
from tests.fakes.relay import FakeRelay
from tests.fakes.repository import FakePlaces, FakeRepository
from tests.fakes.scheduler import FakeScheduler

CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))
SOCKETS = "/sockets/"  # where another host's ports are reached from here: below it, by the host's name


class Refused:
    """Adapters of a machine to which no connection comes about: opening them is nothing, each first use raises."""

    def __init__(self, error: LoomaError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return self if name in ("engine", "edge", "host") else self._refuse

    def _refuse(self, *given: Any, **named: Any) -> None:
        raise self._error


class Site:
    """Another host. ``cut`` makes it unreachable, ``back`` ends that."""

    def __init__(self, installation: str, name: str, address: str) -> None:
        self.address = address
        self.url = f"ssh://root@{name}"
        self.key = _key(name)
        self.daemon = FakeDaemon()
        self.engine = FakeEngine(installation, self.daemon)
        self.engine.shell = lambda command, files: (None, "")
        self.edge = FakeEdge(installation, self.daemon)
        self.host = FakeHost(self.daemon, at=f"{SOCKETS}{name}")

    def copied(self, name: str) -> Site:
        other = Site(self.engine.installation, name, self.address)
        other.daemon = other.engine.daemon = other.edge.daemon = other.host.daemon = copy.deepcopy(self.daemon)
        other.edge.volume, other.edge.specification = copy.deepcopy(self.edge.volume), self.edge.specification
        return other

    def set_time(self, time: datetime) -> None:
        self.host.time = f"{time:%Y-%m-%dT%H:%M:%SZ}"

    def show_key(self) -> HostKey:
        if not self.host.answers:
            raise HostUnreachable(f"{self.url} does not answer", "is it up?")
        return self.key

    def change_key(self) -> None:
        self.key = _key(f"{self.url} again")

    def seen_by(self, record: Host) -> Any:
        """Who is reached under that record; with another pinned key nobody is."""
        if record.host_key and record.host_key != self.key.key:
            return Refused(HostKeyChanged(f"host {record.name} shows another key", "looma host check", pinned=record.fingerprint))
        return self

    def cut(self) -> None:
        self.daemon.answers = self.host.answers = False

    def back(self) -> None:
        self.daemon.answers = self.host.answers = True


def _key(text: str) -> HostKey:
    key = f"ssh-ed25519 {b64encode(text.encode()).decode()}"
    return HostKey(key, fingerprint_of(key))


class Machine:
    """One machine with one LOOMA_HOME: ``looma()`` is a fresh command on it, as another process would have it."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None, catalog: Any = CATALOG) -> None:
        self.home = home
        self.catalog = catalog
        self.environment = {"LOOMA_HOME": str(home), "LOOMA_IMAGES": "local", **(environment or {})}
        self.clock = FakeClock()
        self.daemon = FakeDaemon()
        self.engines: dict[str, FakeEngine] = {}  # by installation
        self.edges: dict[str, FakeEdge] = {}
        self.engine, self.edge = self._adapters(self._installation())
        self.lost = False
        self.host = FakeHost(self.daemon)
        self.health = FakeHealth()
        self.health.decide = self._answer
        self.stores = FakeStores(self.daemon)
        self.sites: dict[str, Site] = {}  # the other hosts
        self.strangers: dict[str, Site] = {}  # machines that answer and that nobody has added yet, by URL
        self.places = FakePlaces(home)
        self.scheduler = FakeScheduler()

    def twin(self, home: Path) -> Machine:
        """The same machine once more, with a home of its own: cheaper than making and filling one for every test."""
        shutil.copytree(self.home, home)
        twin = copy.deepcopy(self, {id(self.clock): FakeClock(self.clock.now())})
        twin.home = home
        twin.places = self.places.copy(home)
        twin.environment["LOOMA_HOME"] = str(home)
        return twin

    def _installation(self) -> str:
        with open_store(self.home, clock=self.clock).read() as state:
            return state.installation()

    def _adapters(self, installation: str) -> tuple[FakeEngine, FakeEdge]:
        """Always the same ones for the same installation."""
        if installation not in self.engines:
            self.engines[installation] = FakeEngine(installation, self.daemon)
            self.engines[installation].shell = lambda command, files: (None, "")  # the fake does not know real servers: they run
            self.engines[installation].jobs.sleep = self._pass
            self.edges[installation] = FakeEdge(installation, self.daemon)
        return self.engines[installation], self.edges[installation]

    def _pass(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def lose_state(self) -> None:
        """The database is gone; from now on every command reads anew which installation it is."""
        for path in self.home.glob("looma.db*"):
            path.unlink()
        self.lost = True

    def looma(self, reporter: Reporter | None = None, stop_requested: Callable[[], bool] = lambda: False, **flags: Any) -> Looma:
        return open_looma(
            flags, reporter or SilentReporter(), environment=self.environment, world=self.world(), stop_requested=stop_requested
        )

    def world(self) -> World:
        if self.lost:
            self.engine, self.edge = self._adapters(self._installation())
        return self._world(self.engine, self.edge)

    def _world(self, engine: FakeEngine, edge: FakeEdge) -> World:
        store = open_store(self.home, clock=self.clock)
        world = World(
            store=store,
            catalog=self.catalog,
            renderer=RENDERER,
            vault=FernetVault(self.home / "secret.key", self.clock),
            files=DirectoryFiles(self.home / "stacks"),
            health=self.health,
            leases=LinuxLeases(store, self.clock),
            clock=self.clock,
            engine=self._on_host(engine, "engine"),
            edge=self._on_host(edge, "edge"),
            of_installation=lambda installation: self._world(*self._adapters(installation)),
            access=self._on_host(self.host, "host"),
            scan=self._scan,
            with_host=lambda record: self._with_host(world, record),
            image_sender=lambda host: FakeImageSender(self.daemon, self.daemon_of(host), host),
            datastore=self.stores.open,
            relay=self._relay,
            repository=lambda location: FakeRepository(location, self.places),
            backup_vault=PassphraseVault(self.home / "backup.passphrase", own=True),
            scheduler=self.scheduler,
            registry="registry.test",
        )
        return world

    def _on_host(self, local: Any, kind: str) -> Callable[[str], Any]:
        def open_adapter(host: str) -> Any:
            return local if host == "local" else getattr(self._site(host), kind)

        return open_adapter

    def _relay(self, source: str, target: str) -> FakeRelay:
        return FakeRelay(self.engine.installation, self.daemon_of(source), self.daemon_of(target), self.stores.lines)

    def _scan(self, url: str) -> HostKey:
        return self._at(url).show_key()

    # other hosts
    def add_host(self, name: str, address: str = "10.0.0.2", **record: Any) -> Site:
        """A machine of its own with an engine, known to the state."""
        site = self.sites[name] = Site(self.engine.installation, name, address)
        self.stores.daemons[name] = site.daemon
        with self.world().store.write() as state:
            state.save_host(Host(name, f"ssh://root@{name}", address, **{"status": "ready", **record}))
        return site

    def add_stranger(self, name: str, address: str = "10.0.0.9") -> Site:
        """A machine that answers at ``ssh://root@NAME``, and that the state does not know."""
        site = Site(self.engine.installation, name, address)
        self.strangers[site.url] = site
        return site

    def _site(self, host: str) -> Site:
        """By the state's record where it was a stranger."""
        if host in self.sites:
            return self.sites[host]
        with open_store(self.home, clock=self.clock).read() as state:
            record = state.host(host)
        return self._reached(record)

    def _reached(self, record: Host) -> Any:
        there = self._at(record.url)
        return there.seen_by(record) if isinstance(there, Site) else there

    def _at(self, url: str) -> Any:
        sites = (*self.strangers.values(), *self.sites.values())
        return next((site for site in sites if site.url == url), Refused(HostUnreachable(f"{url} does not answer", "is it up?")))

    def _with_host(self, world: World, record: Host) -> World:
        def on_host(usual: Callable[[str], Any], kind: str) -> Callable[[str], Any]:
            return lambda host: getattr(self._reached(record), kind) if host == record.name else usual(host)

        return replace(world, engine=on_host(world.engine, "engine"), access=on_host(world.access, "host"))

    def daemon_of(self, host: str) -> FakeDaemon:
        return self.daemon if host == "local" else self._site(host).daemon

    def edge_of(self, host: str) -> FakeEdge:
        return self.edge if host == "local" else self._site(host).edge

    def ask(self, host: str, port: int, path: str = "/", method: str = "GET") -> tuple[str, EdgeAnswer | None]:
        """What a client of that host's public port sees, and the host that answers: one that the tenant has left may pass it on."""
        edge = self.edge_of(host)
        answer = edge.answer(port, path, method=method)
        if answer is None or answer.service != FORWARDED:
            return host, answer
        route = next(one for one in edge.volume.routes.values() if one.public_port == port)
        (onward,) = route.upstreams
        addresses = {"127.0.0.1": "local", **{site.address: name for name, site in self.sites.items()}}
        there = addresses.get(onward.address)
        return (host, None) if there is None else self.ask(there, onward.port, answer.path, method)

    # what a probe would find
    def _answer(self, target: ProbeTarget) -> ProbeResult | None:
        if target.component in self.health.unhealthy or target.component in self.health.absent:
            return None
        host = target.address.removeprefix(SOCKETS) if target.address.startswith(SOCKETS) else "local"
        if target.kind == "edge":
            return self._through_edge(target, host)
        return self._result(target, self._publisher(target.port, host), host)

    def _through_edge(self, target: ProbeTarget, host: str) -> ProbeResult:
        host, answer = self.ask(host, target.port, target.probe.path)
        if answer is None:
            return ProbeResult(target.component, False, None, "connection refused")
        if answer.status != 200:
            return ProbeResult(target.component, answer.status in target.probe.expect, 1.0, f"HTTP {answer.status}")
        return self._result(target, self._service(answer.service, host), host)

    def _result(self, target: ProbeTarget, container: FakeContainer | None, host: str) -> ProbeResult:
        engine = self.engine if host == "local" else self.sites[host].engine
        well = container is not None and container.state == "running" and container.service not in engine.unhealthy
        return ProbeResult(target.component, well, 1.0 if well else None, "" if well else "connection refused")

    def _publisher(self, port: int, host: str = "local") -> FakeContainer | None:
        containers = self.daemon_of(host).containers.values()
        return next((c for c in containers if c.state == "running" and any(host == port for _, host, _, _ in c.ports)), None)

    def _service(self, name: str, host: str = "local") -> FakeContainer | None:
        return next((c for c in self.daemon_of(host).containers.values() if c.service == name and c.state == "running"), None)

    # what is left, for assertions
    def left_on_engine(self, host: str = "local") -> list[str]:
        """Everything that still carries this installation's label."""
        daemon = self.daemon_of(host)
        mine = [*daemon.containers.values(), *daemon.networks.values()]
        names = [thing.name for thing in mine if thing.labels.get("looma.installation") == self.engine.installation]
        return sorted(
            [*names, *(n for n, labels in daemon.volumes.items() if labels.get("looma.installation") == self.engine.installation)]
        )

    def left_in_state(self) -> list[str]:
        with open_store(self.home, clock=self.clock).read() as state:
            rows = [*state.allocations(), *state.subnets(), *state.tenants(), *state.tenants(platform=True), *state.leases()]
        return [str(row) for row in rows]

    def left_in_files(self) -> list[str]:
        return sorted(str(path) for path in (self.home / "stacks").glob("**/*") if path.is_file())


def lite(name: str = "acme", edition: str = "basic", **more: Any) -> CreateRequest:
    return CreateRequest(name, edition, **{"profile": "lite", **more})
