"""The real adapters of one command, each made when it is first asked for."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from looma_cli.settings import Settings, data_directory
from looma_cli.wiring.connections import Connections

if TYPE_CHECKING:
    from looma_cli.adapters.database.store import DatabaseStore
    from looma_cli.adapters.engine.way import Way
    from looma_cli.model.edition import Component
    from looma_cli.model.host import Host, HostKey
    from looma_cli.model.layer import Workload
    from looma_cli.model.protocols import (
        BackupVault,
        Catalog,
        Clock,
        Datastore,
        Edge,
        Engine,
        Health,
        HostAccess,
        ImageSender,
        Leases,
        Relay,
        Renderer,
        Repository,
        Scheduler,
        StackFiles,
        Vault,
        Workers,
    )

LOCAL = "local"


class RealWorld:
    """The ``World`` of a command, each adapter made when it is first asked for."""

    def __init__(self, settings: Settings, on_child: Callable[[int | None], None]) -> None:
        self._settings = settings
        self._on_child = on_child
        self._engines: dict[str, Engine] = {}
        self._edges: dict[str, Edge] = {}
        self._connections = Connections(self._host)
        self._relays: dict[tuple[str, str], Relay] = {}
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
        key_file = Path(shared or self._settings.home / "secret.key")
        witness = {"witness": self._any_secret} if self._settings.database_url else {}
        return FernetVault(key_file, self.clock, shared=shared is not None, **witness)

    def _any_secret(self) -> str | None:
        with self.store.read() as state:
            return state.any_secret()

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

    def relay(self, source: str, target: str) -> Relay:
        if (source, target) not in self._relays:
            from looma_cli.adapters.engine.api import EngineApi
            from looma_cli.adapters.relay import LocalPlace, NginxRelay, RemotePlace

            place = LocalPlace() if target == LOCAL else RemotePlace(self._connections.to(target))
            api = EngineApi(self._way(target), os.environ)
            self._relays[source, target] = NginxRelay(self.access(source), api, place, self.installation)
        return self._relays[source, target]

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
        from looma_cli.adapters import processes
        from looma_cli.adapters.leases import LinuxLeases

        machine = processes.machine(self._settings.machine)
        return LinuxLeases(self.store, self.clock, expiry_seconds=self._settings.lease_seconds, machine=machine)

    @cached_property
    def health(self) -> Health:
        from looma_cli.adapters.health import AsyncHealth

        return AsyncHealth()

    @cached_property
    def workers(self) -> Workers:
        from looma_cli.adapters.workers import ForkedWorkers

        return ForkedWorkers(self._before_fork, after=self.close)

    def _before_fork(self) -> None:
        """No connection may be used on both sides; both open their own, and take turns."""
        from looma_cli.adapters.workers import Turns

        self.store.close()
        self.close()
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

    def close(self) -> None:
        """See World."""
        self._relays.clear()  # what they have open goes with the connections
        self._connections.close()

    def engine(self, host: str) -> Engine:
        if host not in self._engines:
            from looma_cli.adapters.engine import ComposeEngine

            self._engines[host] = ComposeEngine(self._way(host), self.installation, self._on_child)
        return self._engines[host]

    def edge(self, host: str) -> Edge:
        if host not in self._edges:
            from looma_cli.adapters.edge import NginxEdge

            self._edges[host] = NginxEdge(self._way(host), self.installation, data_directory("templates"))
        return self._edges[host]

    def _way(self, host: str) -> str | Way:
        from looma_cli.adapters.engine.endpoint import resolve

        return resolve(self._settings.docker_host, os.environ) if host == LOCAL else self._connections.to(host)

    def image_sender(self, host: str) -> ImageSender:
        from looma_cli.adapters.images.transfer import open_image_sender

        lock = self._settings.home / "tmp" / f"images-{host}.lock"
        return open_image_sender(self.engine(LOCAL), self.engine(host), host, lock)

    def access(self, host: str) -> HostAccess:
        from looma_cli.adapters.hosts import LocalHost, RemoteHost

        return LocalHost() if host == LOCAL else RemoteHost(self._connections.to(host))

    def scan(self, url: str) -> HostKey:
        from looma_cli.adapters.ssh import scan

        return scan(url)

    def with_host(self, host: Host) -> RealWorld:
        """See World. Its connections are its own: whoever asked for it closes it."""
        other = copy.copy(self)
        other._engines, other._edges = {}, {}
        other._connections = Connections(lambda name: host if name == host.name else self._host(name))
        return other

    def _host(self, name: str) -> Host:
        with self.store.read() as state:
            return state.host(name, counted=False)
