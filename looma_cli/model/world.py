"""The world that steps act on: every Protocol, by name. Built by wiring, or from fakes by tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    Store,
    Vault,
)


@dataclass(frozen=True)
class World:
    """Adapters of one run. ``engine``, ``edge`` and ``access`` give the adapter of a host by its name (raise NotFound for an
    unknown one) and open it on first use, ``image_sender`` what gives a host the images of the local engine; ``registry`` and
    ``health_timeout`` (seconds) come from the settings. ``of_installation`` is the same world with the engines and edges of another
    installation: only a rebuild looks at those. ``datastore`` gives the driver of a
    component's container on a host, ``relay`` the way to one host's datastores from another, ``repository`` the backup repository at a
    location, opened with the passphrase of the settings, ``scheduler`` the machine's (by its kind, or whichever there is).
    ``scan`` learns the key of a machine by its URL, trusting nothing (raises HostUnreachable); ``with_host`` is the same world in which the
    host of that name is the one given, recorded or not: for a look at it before it is."""

    store: Store
    catalog: Catalog
    renderer: Renderer
    vault: Vault
    files: StackFiles
    health: Health
    leases: Leases
    clock: Clock
    engine: Callable[[str], Engine]
    edge: Callable[[str], Edge]
    access: Callable[[str], HostAccess]
    scan: Callable[[str], HostKey]
    with_host: Callable[[Host], World]
    image_sender: Callable[[str], ImageSender]
    of_installation: Callable[[str], World]
    datastore: Callable[[str, Workload, Component], Datastore]
    relay: Callable[[str, str], Relay]
    repository: Callable[[str], Repository]
    backup_vault: BackupVault
    scheduler: Callable[[str | None], Scheduler]
    registry: str
    health_timeout: float = 180.0
    hard_limits: bool = True
    close: Callable[[], None] = lambda: None
