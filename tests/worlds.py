"""A whole looma on fakes: real state, catalog, renderer, vault and files; an engine, an edge and probes that live in memory.

What the probes see follows from the fake engine's containers and the fake edge's routes, so that health is never merely claimed.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.database import open_store
from looma_cli.adapters.files import DirectoryFiles
from looma_cli.adapters.leases import LinuxLeases
from looma_cli.adapters.render import JinjaRenderer
from looma_cli.adapters.repository import PassphraseVault
from looma_cli.adapters.vault import FernetVault
from looma_cli.errors import NotFound
from looma_cli.model.health import ProbeResult, ProbeTarget
from looma_cli.model.reporting import Reporter, SilentReporter
from looma_cli.model.requests import CreateRequest
from looma_cli.model.world import World
from looma_cli.settings import data_directory
from looma_cli.wiring import Looma, open_looma
from tests.fakes.clock import FakeClock
from tests.fakes.daemon import FakeContainer, FakeDaemon
from tests.fakes.datastore import FakeStores
from tests.fakes.edge import FakeEdge
from tests.fakes.engine import FakeEngine
from tests.fakes.health import FakeHealth
from tests.fakes.host import FakeHost
from tests.fakes.images import FakeImageSender
from tests.fakes.repository import FakePlaces, FakeRepository
from tests.fakes.scheduler import FakeScheduler

CATALOG = YamlCatalog(data_directory("editions"))
RENDERER = JinjaRenderer(data_directory("templates"))


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
            self.edges[installation] = FakeEdge(installation, self.daemon)
        return self.engines[installation], self.edges[installation]

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
        return World(
            store=store,
            catalog=self.catalog,
            renderer=RENDERER,
            vault=FernetVault(self.home / "secret.key", self.clock),
            files=DirectoryFiles(self.home / "stacks"),
            health=self.health,
            leases=LinuxLeases(store, self.clock),
            clock=self.clock,
            engine=self._only_local(engine),
            edge=self._only_local(edge),
            of_installation=lambda installation: self._world(*self._adapters(installation)),
            access=self._only_local(self.host),
            image_sender=lambda host: FakeImageSender(self.daemon, self.daemon, host),
            datastore=self.stores.open,
            repository=lambda location: FakeRepository(location, self.places),
            backup_vault=PassphraseVault(self.home / "backup.passphrase", own=True),
            scheduler=self.scheduler,
            registry="registry.test",
        )

    @staticmethod
    def _only_local(adapter: Any) -> Callable[[str], Any]:
        def open_adapter(host: str) -> Any:
            if host != "local":
                raise NotFound(f"there is no host {host!r}")
            return adapter

        return open_adapter

    # what a probe would find
    def _answer(self, target: ProbeTarget) -> ProbeResult | None:
        if target.component in self.health.unhealthy or target.component in self.health.absent:
            return None
        if target.kind == "edge":
            return self._through_edge(target)
        return self._result(target, self._publisher(target.port))

    def _through_edge(self, target: ProbeTarget) -> ProbeResult:
        answer = self.edge.answer(target.port, target.probe.path)
        if answer is None:
            return ProbeResult(target.component, False, None, "connection refused")
        if answer.status != 200:
            return ProbeResult(target.component, answer.status in target.probe.expect, 1.0, f"HTTP {answer.status}")
        return self._result(target, self._service(answer.service))

    def _result(self, target: ProbeTarget, container: FakeContainer | None) -> ProbeResult:
        well = container is not None and container.state == "running" and container.service not in self.engine.unhealthy
        return ProbeResult(target.component, well, 1.0 if well else None, "" if well else "connection refused")

    def _publisher(self, port: int) -> FakeContainer | None:
        containers = self.daemon.containers.values()
        return next((c for c in containers if c.state == "running" and any(host == port for _, host, _, _ in c.ports)), None)

    def _service(self, name: str) -> FakeContainer | None:
        return next((c for c in self.daemon.containers.values() if c.service == name and c.state == "running"), None)

    # what is left, for assertions
    def left_on_engine(self) -> list[str]:
        """Everything that still carries this installation's label."""
        mine = [*self.daemon.containers.values(), *self.daemon.networks.values()]
        names = [thing.name for thing in mine if thing.labels.get("looma.installation") == self.engine.installation]
        return sorted(
            [*names, *(n for n, labels in self.daemon.volumes.items() if labels.get("looma.installation") == self.engine.installation)]
        )

    def left_in_state(self) -> list[str]:
        with open_store(self.home, clock=self.clock).read() as state:
            rows = [*state.allocations(), *state.subnets(), *state.tenants(), *state.tenants(platform=True), *state.leases()]
        return [str(row) for row in rows]

    def left_in_files(self) -> list[str]:
        return sorted(str(path) for path in (self.home / "stacks").glob("**/*") if path.is_file())


def lite(name: str = "acme", edition: str = "basic", **more: Any) -> CreateRequest:
    return CreateRequest(name, edition, **{"profile": "lite", **more})
