"""Settings -> real adapters -> Looma. The only module that imports adapters; everything is opened on first use.

A test gives its own ``world`` (fakes) and gets the very same use cases.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli import settings as settings_module
from looma_cli.errors import NotFound
from looma_cli.settings import Settings, data_directory, port_range, subnet_pool

if TYPE_CHECKING:
    from looma_cli.adapters.database.store import DatabaseStore
    from looma_cli.model.backup_protocols import BackupVault, Datastore, Repository
    from looma_cli.model.edition import Component
    from looma_cli.model.layer import Workload
    from looma_cli.model.protocols import (
        Catalog,
        Clock,
        Edge,
        Engine,
        Health,
        HostAccess,
        Leases,
        Renderer,
        StackFiles,
        Vault,
        Workers,
    )
    from looma_cli.model.reporting import Reporter
    from looma_cli.usecases.backups import BackupUseCases
    from looma_cli.usecases.context import Context
    from looma_cli.usecases.core import CoreUseCases
    from looma_cli.usecases.doctor import DoctorUseCases
    from looma_cli.usecases.editions import EditionUseCases
    from looma_cli.usecases.health import HealthUseCases
    from looma_cli.usecases.images import ImageUseCases
    from looma_cli.usecases.operations import OperationUseCases
    from looma_cli.usecases.resources import NetworkUseCases, PortUseCases
    from looma_cli.usecases.restoring import RestoreUseCases
    from looma_cli.usecases.stacks import StackUseCases
    from looma_cli.usecases.state import StateUseCases
    from looma_cli.usecases.status import StatusUseCases
    from looma_cli.usecases.tenants import TenantUseCases

LOCAL = "local"


class RealWorld:
    """The ``World`` of a command, each adapter made when it is first asked for."""

    def __init__(self, settings: Settings, on_child: Callable[[int | None], None]) -> None:
        self._settings = settings
        self._on_child = on_child
        self._engines: dict[str, Engine] = {}
        self._edges: dict[str, Edge] = {}
        self.registry: str = settings.registry
        self.health_timeout: float = settings.health_timeout
        self.hard_limits = True

    @cached_property
    def clock(self) -> Clock:
        from looma_cli.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def store(self) -> DatabaseStore:
        from looma_cli.adapters.database import open_store

        return open_store(self._settings.home, self._settings.database_url, clock=self.clock)

    @cached_property
    def catalog(self) -> Catalog:
        from looma_cli.adapters.catalog import YamlCatalog

        return YamlCatalog(data_directory("editions"))

    @cached_property
    def renderer(self) -> Renderer:
        from looma_cli.adapters.render import JinjaRenderer

        return JinjaRenderer(data_directory("templates"))

    @cached_property
    def vault(self) -> Vault:
        from looma_cli.adapters.vault import FernetVault

        shared = self._settings.secret_key_file
        return FernetVault(Path(shared or self._settings.home / "secret.key"), self.clock, shared=shared is not None)

    @cached_property
    def files(self) -> StackFiles:
        from looma_cli.adapters.files import DatabaseFiles, DirectoryFiles

        return DatabaseFiles(self.store) if self._settings.database_url else DirectoryFiles(self._settings.home / "stacks")

    @cached_property
    def _passphrase_file(self) -> Path:
        return Path(self._settings.backup_passphrase_file or self._settings.home / "backup.passphrase")

    @cached_property
    def backup_vault(self) -> BackupVault:
        from looma_cli.adapters.repository import PassphraseVault

        return PassphraseVault(self._passphrase_file, own=self._settings.backup_passphrase_file is None)

    def repository(self, location: str) -> Repository:
        from looma_cli.adapters.repository import ResticRepository

        environment = {**os.environ, "RESTIC_CACHE_DIR": str(self._settings.home / "cache" / "restic")}
        return ResticRepository(location, self._passphrase_file, environment, self._on_child)

    def datastore(self, host: str, workload: Workload, component: Component) -> Datastore:
        from looma_cli.adapters.datastores import open_datastore

        return open_datastore(self.engine(host), workload, component)

    @cached_property
    def leases(self) -> Leases:
        from looma_cli.adapters.leases import LinuxLeases

        return LinuxLeases(self.store, self.clock)

    @cached_property
    def health(self) -> Health:
        from looma_cli.adapters.health import AsyncHealth

        return AsyncHealth()

    @cached_property
    def workers(self) -> Workers:
        from looma_cli.adapters.workers import ForkedWorkers

        return ForkedWorkers(self._before_fork)

    def _before_fork(self) -> None:
        """No connection may be used on both sides; both open their own, and take turns."""
        from looma_cli.adapters.workers import Turns

        self.store.close()
        self.store.turn = Turns().turn

    @cached_property
    def installation(self) -> str:
        with self.store.read() as state:
            return state.installation()

    def of_installation(self, installation: str) -> RealWorld:
        """See World. Everything else is shared."""
        other = copy.copy(self)
        other.installation = installation
        other._engines, other._edges = {}, {}
        return other

    def engine(self, host: str) -> Engine:
        self._known(host)
        if host not in self._engines:
            from looma_cli.adapters.engine import ComposeEngine

            self._engines[host] = ComposeEngine(self._settings.docker_host, self.installation, self._on_child)
        return self._engines[host]

    def edge(self, host: str) -> Edge:
        self._known(host)
        if host not in self._edges:
            from looma_cli.adapters.edge import NginxEdge

            self._edges[host] = NginxEdge(self._engine_url, self.installation, data_directory("templates"))
        return self._edges[host]

    @property
    def _engine_url(self) -> str:
        from looma_cli.adapters.engine.endpoint import resolve

        return resolve(self._settings.docker_host, os.environ)

    def access(self, host: str) -> HostAccess:
        self._known(host)
        from looma_cli.adapters.hosts import LocalHost

        return LocalHost()

    def _known(self, host: str) -> None:
        """Only the local host can be reached until remote hosts exist."""
        if host != LOCAL:
            raise NotFound(f"there is no host {host!r}", "this release runs tenants on the host local only")


class Looma:
    """All use cases of one command; each attribute is one noun."""

    def __init__(self, settings: Settings, context: Context, world: Any) -> None:
        self.settings = settings
        self._context = context
        self._world = world

    @cached_property
    def tenants(self) -> TenantUseCases:
        from looma_cli.usecases.tenants import TenantUseCases

        return TenantUseCases(self._context)

    @cached_property
    def stacks(self) -> StackUseCases:
        from looma_cli.usecases.stacks import StackUseCases

        return StackUseCases(self._context)

    @cached_property
    def operations(self) -> OperationUseCases:
        from looma_cli.usecases.operations import OperationUseCases

        return OperationUseCases(self._context)

    @cached_property
    def health(self) -> HealthUseCases:
        from looma_cli.usecases.health import HealthUseCases

        return HealthUseCases(self._context)

    @cached_property
    def status(self) -> StatusUseCases:
        from looma_cli.usecases.status import StatusUseCases

        return StatusUseCases(self._context, self.health, self.operations)

    @cached_property
    def ports(self) -> PortUseCases:
        from looma_cli.usecases.resources import PortUseCases

        return PortUseCases(self._context)

    @cached_property
    def networks(self) -> NetworkUseCases:
        from looma_cli.usecases.resources import NetworkUseCases

        return NetworkUseCases(self._context)

    @cached_property
    def editions(self) -> EditionUseCases:
        from looma_cli.usecases.editions import EditionUseCases

        return EditionUseCases(self._context)

    @cached_property
    def images(self) -> ImageUseCases:
        from looma_cli.usecases.images import ImageUseCases

        return ImageUseCases(self._context, _image_builder)

    @cached_property
    def backups(self) -> BackupUseCases:
        from looma_cli.usecases.backups import BackupUseCases

        return BackupUseCases(self._context)

    @cached_property
    def restores(self) -> RestoreUseCases:
        from looma_cli.usecases.restoring import RestoreUseCases

        return RestoreUseCases(self._context, self.backups)

    @cached_property
    def core(self) -> CoreUseCases:
        from looma_cli.usecases.core import CoreUseCases

        return CoreUseCases(self._context, self.tenants, self.status)

    @cached_property
    def state(self) -> StateUseCases:
        from looma_cli.usecases.state import StateUseCases

        return StateUseCases(self._context, _location(self.settings, self._world))

    @cached_property
    def doctor(self) -> DoctorUseCases:
        from looma_cli.usecases.doctor import DoctorUseCases

        setup = f"sudo sh {settings_module.PACKAGE / 'setup' / 'engine.sh'}"
        return DoctorUseCases(self._context, self.settings.home, setup, _missing_local_images)


def open_looma(
    flags: Mapping[str, Any],
    reporter: Reporter,
    *,
    environment: Mapping[str, str] | None = None,
    world: Any = None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Looma:
    """Everything for one command. Raises InvalidValue for a bad setting; touches nothing else."""
    from looma_cli.plan.observation import Limits
    from looma_cli.usecases.context import Children, Context

    settings = settings_module.load(flags, os.environ if environment is None else environment)
    children = Children()
    workers = None
    if world is None:
        world = RealWorld(settings, children)
        workers = world.workers
    limits = Limits(
        port_range(settings.port_range),
        port_range(settings.public_port_range),
        subnet_pool(settings.subnet_pool),
        settings.edge_http_port,
        settings.edge_https_port,
    )
    context = Context(
        world,
        reporter,
        limits,
        settings.images,
        settings.registry,
        settings.address,
        children,
        stop_requested,
        workers=workers,
        backup_repository=settings.backup_repository or str(settings.home / "backups"),
        backup_copy=settings.backup_copy,
    )
    return Looma(settings, context, world)


def _image_builder() -> Any:
    from looma_cli.adapters.images import ImageBuilder

    return ImageBuilder(data_directory("templates"), os.environ)


def _missing_local_images() -> list[str]:
    builder = _image_builder()
    return [specification.name for specification in builder.specifications() if not builder.present(specification)]


def _location(settings: Settings, world: Any) -> dict[str, str]:
    home = Path(settings.home)
    key = settings.secret_key_file or home / "secret.key"
    return {"home": str(home), "database": world.store.url, "stacks": str(home / "stacks"), "secret_key": str(key)}
