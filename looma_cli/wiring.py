"""Settings -> real adapters -> Looma. The only module that imports adapters; everything is opened on first use.

A test gives its own ``world`` (fakes) and gets the very same use cases.
"""

from __future__ import annotations

import copy
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli import settings as settings_module
from looma_cli.errors import NotFound
from looma_cli.settings import Settings, data_directory, port_range, subnet_pool

if TYPE_CHECKING:
    from looma_cli.adapters.database.store import DatabaseStore
    from looma_cli.adapters.repository.readiness import BackupReadiness
    from looma_cli.model.backup_protocols import BackupVault, Datastore, Repository, Scheduler
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
    from looma_cli.model.schedule import Schedule, ScheduledRun
    from looma_cli.usecases.backups import BackupUseCases
    from looma_cli.usecases.context import Context
    from looma_cli.usecases.core import CoreUseCases
    from looma_cli.usecases.doctor import DoctorUseCases
    from looma_cli.usecases.due import DueBackups
    from looma_cli.usecases.editions import EditionUseCases
    from looma_cli.usecases.health import HealthUseCases
    from looma_cli.usecases.images import ImageUseCases
    from looma_cli.usecases.operations import OperationUseCases
    from looma_cli.usecases.porting import PortingUseCases
    from looma_cli.usecases.resources import NetworkUseCases, PortUseCases
    from looma_cli.usecases.restoring import RestoreUseCases
    from looma_cli.usecases.schedules import ScheduleUseCases
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
        self._repositories: dict[str, Repository] = {}
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

        if location not in self._repositories:
            environment = {**os.environ, "RESTIC_CACHE_DIR": str(self._settings.home / "cache" / "restic")}
            self._repositories[location] = ResticRepository(location, self._passphrase_file, environment, self._on_child)
        return self._repositories[location]

    def datastore(self, host: str, workload: Workload, component: Component) -> Datastore:
        from looma_cli.adapters.datastores import open_datastore

        return open_datastore(self.engine(host), workload, component)

    def scheduler(self, by: str | None) -> Scheduler:
        from looma_cli.adapters import processes
        from looma_cli.adapters.scheduler import open_scheduler
        from looma_cli.adapters.scheduler.machine import Machine

        return open_scheduler(Machine(user=processes.user()), by)

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

    def __init__(self, settings: Settings, context: Context, world: Any, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self._context = context
        self._world = world
        self._environment = environment

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
    def porting(self) -> PortingUseCases:
        from looma_cli.adapters.archive import TarArchives
        from looma_cli.usecases.porting import PortingUseCases

        return PortingUseCases(self._context, self.backups, self.restores, TarArchives(self.settings.home / "tmp"))

    @cached_property
    def due_backups(self) -> DueBackups:
        from looma_cli.usecases.due import DueBackups

        return DueBackups(self._context)

    @cached_property
    def schedules(self) -> ScheduleUseCases:
        from looma_cli.usecases.schedules import ScheduleUseCases

        return ScheduleUseCases(self._context, self._world.scheduler, self._scheduled_run)

    def _scheduled_run(self, schedule: Schedule) -> ScheduledRun:
        with self._world.store.read() as state:
            installation = state.installation()
        return scheduled_run(schedule, self.settings, installation, self._environment)

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
        return DoctorUseCases(self._context, self.settings.home, setup, _missing_local_images, self._backup_readiness, self.schedules)

    @property
    def _backup_readiness(self) -> BackupReadiness:
        from looma_cli.adapters.repository.readiness import BackupReadiness

        named = self.settings.backup_passphrase_file
        return BackupReadiness(Path(named or self.settings.home / "backup.passphrase"), named is None, {**os.environ, **self._environment})


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

    environment = os.environ if environment is None else environment
    settings = settings_module.load(flags, environment)
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
        backup_repository=_place(settings.backup_repository or str(settings.home / "backups")),
        backup_copy=_place(settings.backup_copy) if settings.backup_copy else None,
    )
    return Looma(settings, context, world, environment)


# What a run by a timer needs beside looma's own settings: where programs are, which engine, and how places for backups are reached.
PASSED_ON = re.compile(
    r"PATH|HOME|DOCKER_(HOST|CONTEXT|CONFIG|CERT_PATH|TLS_VERIFY)|AWS_[A-Z_]+|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
)
SCRIPT, LOG = "backup-run.sh", "logs/backup-run.log"


def scheduled_run(schedule: Schedule, settings: Settings, installation: str, environment: Mapping[str, str]) -> ScheduledRun:
    """What the timer of a home starts: this looma, with the settings that no file in LOOMA_HOME says."""
    from looma_cli.model.schedule import ScheduledRun

    named = [(name, value) for name, value, source in settings.items() if source in ("environment", "flag")]
    given = {f"LOOMA_{name.upper()}": _from_anywhere(value) for name, value in named}
    passed = {name: value for name, value in environment.items() if PASSED_ON.fullmatch(name)}
    home = Path(settings.home)
    return ScheduledRun(
        f"looma-backup-{installation}",
        (*_this_looma(), "backup", "run", "--due"),
        {**passed, **given, **_places(settings), "LOOMA_HOME": str(home)},
        tuple(schedule.slots()),
        str(home / SCRIPT),
        str(home / LOG),
    )


def _from_anywhere(value: Any) -> str:
    """A setting as it is, a file by its full path: a timer runs in another folder."""
    return os.path.abspath(value) if isinstance(value, Path) else str(value)


def _places(settings: Settings) -> dict[str, str]:
    """The places for backups, where the environment names them, as they are meant here."""
    named = {name: getattr(settings, name) for name in ("backup_repository", "backup_copy")}
    return {f"LOOMA_{name.upper()}": _place(text) for name, text in named.items() if text and settings.sources[name] == "environment"}


def _place(text: str) -> str:
    """Where repositories are; a folder by its full path, since it is written down and read from elsewhere."""
    from looma_cli.model.validation import is_remote

    return text if is_remote(text) else os.path.abspath(text)


def _this_looma() -> tuple[str, ...]:
    """By full paths: the command beside this Python, else this Python with the package (``-P``: whatever folder it runs in)."""
    command = Path(sys.executable).with_name("looma")
    return (str(command),) if os.access(command, os.X_OK) else (sys.executable, "-P", "-m", "looma_cli")


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
