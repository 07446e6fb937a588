"""The Protocols through which everything outside is touched. Adapters implement them; fakes pass the same contract tests.

All methods raise only errors of ``looma_cli.errors``. No Protocol knows compose words: a layer is created, started, stopped, removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Protocol

from looma_cli.model.backup import Backup, BackupMark
from looma_cli.model.edition import Edition
from looma_cli.model.health import ComponentHealth, ProbeResult, ProbeTarget
from looma_cli.model.host import EngineInformation, Host, Listener
from looma_cli.model.layer import EngineNetwork, EngineVolume, RenderedLayer, Workload
from looma_cli.model.operation import Holder, Lease, Operation
from looma_cli.model.render import RenderRequest
from looma_cli.model.route import EdgeRecord, EdgeSpecification, Route
from looma_cli.model.schedule import Schedule
from looma_cli.model.tenant import Allocation, KeptLayer, LayerReference, Subnet, Tenant


class Catalog(Protocol):
    """Editions as data."""

    def names(self) -> list[str]:
        """Names of the editions, platform included, in the seeds' order of cost; needs no parsing of the manifests."""
        ...

    def editions(self) -> list[Edition]: ...

    def edition(self, name: str) -> Edition:
        """Raises NotFound for an unknown name, InvalidManifest for a broken manifest."""
        ...

    def support_image(self, component: str, images: str) -> str:
        """Image reference of ``edge`` or ``init`` (components of no edition); ``images`` is registry or local."""
        ...


    def validate(self, path: Path) -> list[Any]:
        """All that is wrong with one file, as problems with ``line``, ``message`` and ``file``; empty when sound."""
        ...

    def validate_all(self) -> list[Any]:
        """The same for every file of the catalogue."""
        ...


class State(Protocol):
    """The state inside one transaction. Reading methods return frozen nouns; a UNIQUE constraint that is violated raises
    Conflict (``AlreadyExists`` for tenant name and hostname, ``Held`` for a second open operation, ``PortTaken`` and ``SubnetTaken`` for
    allocations)."""

    def installation(self) -> str:
        """Random identity of this state, 12 hex digits; the value of the label ``looma.installation``."""
        ...

    def adopt_installation(self, id: str) -> None:
        """Take over the identity of a lost state. Raises InvalidValue for what no label of ours can say (lower-case letters,
        digits and hyphens), NotAllowed once this state holds a tenant."""
        ...

    # tenants (always with their ports and subnets)
    def tenants(self, *, platform: bool = False) -> list[Tenant]: ...
    def tenant(self, name: str) -> Tenant: ...
    def has_tenant(self, name: str) -> bool: ...
    def add_tenant(self, tenant: Tenant) -> None: ...
    def save_tenant(self, tenant: Tenant) -> None: ...
    def remove_tenant(self, name: str) -> None:
        """Also removes its allocations, subnets, secrets, health results and stored files. Removing an absent one is no error."""
        ...

    # hosts
    def hosts(self) -> list[Host]: ...
    def host(self, name: str) -> Host: ...
    def save_host(self, host: Host) -> None: ...

    # ports and subnets
    def allocations(self, *, host: str | None = None, tenant: str | None = None) -> list[Allocation]: ...
    def taken_ports(self, host: str) -> set[tuple[str, int]]:
        """(protocol, host port) of every live allocation and quarantine on a host, on whatever address: plain rows, fast."""
        ...

    def taken_subnets(self, host: str) -> list[str]:
        """CIDRs held on a host: plain rows, fast."""
        ...

    def add_allocations(self, allocations: Iterable[Allocation]) -> None: ...
    def set_allocation_state(self, tenant: str, layer: str, generation: int, state: str) -> None: ...
    def quarantine(self, host: str, address: str, port: int, protocol: str, until: datetime) -> None:
        """Remember that something foreign holds a port; expired quarantines disappear by themselves from ``allocations``."""
        ...

    def remove_allocations(self, tenant: str, layer: str, generation: int) -> None: ...
    def subnets(self, *, host: str | None = None, tenant: str | None = None) -> list[Subnet]: ...
    def add_subnets(self, subnets: Iterable[Subnet]) -> None: ...
    def remove_subnets(self, tenant: str, layer: str, generation: int) -> None: ...

    # edge ports of a host: {"http": 80, "https": 443}, empty before the edge was first planned
    def edge_ports(self, host: str) -> dict[str, int]: ...
    def save_edge_ports(self, host: str, ports: Mapping[str, int]) -> None:
        """Empty ``ports`` releases them. They are allocations (tenant None, layer edge), so that no stack gets them."""
        ...

    # sealed secrets
    def secrets(self, tenant: str) -> dict[str, str]: ...
    def save_secrets(self, tenant: str, sealed: Mapping[str, str]) -> None: ...

    # operations
    def add_operation(self, operation: Operation) -> None: ...
    def operation(self, id: str) -> Operation: ...
    def operations(self, *, tenant: str | None = None, open_only: bool = False, limit: int | None = None) -> list[Operation]: ...
    def save_operation(self, operation: Operation) -> None:
        """Everything but the plan and the steps."""
        ...

    def mark_step(
        self, id: str, index: int, status: str, *, at: datetime | None = None, duration_ms: int | None = None, detail: str = ""
    ) -> None: ...
    def open_operation(self, tenant: str) -> Operation | None: ...

    # leases
    def lease(self, resource: str) -> Lease | None: ...
    def leases(self) -> list[Lease]: ...
    def save_lease(self, lease: Lease) -> None: ...
    def remove_lease(self, resource: str) -> None: ...

    # backups
    def backups(self, tenant: str | None = None) -> list[Backup]:
        """Newest first; those of tenants that are gone too."""
        ...

    def backup(self, id: str) -> Backup: ...
    def backup_marks(self, tenant: str) -> list[BackupMark]:
        """Of all its sets, newest first: plain rows, fast."""
        ...

    def newest_backup_marks(self) -> list[BackupMark]:
        """Of the newest set of each tenant that has a record and a set: plain rows, fast."""
        ...

    def save_backup(self, backup: Backup) -> None:
        """Adds or replaces it; the tenant's ``last_backup`` and ``last_proof`` follow."""
        ...

    def remove_backup(self, id: str) -> None: ...
    def schedule(self, name: str) -> Schedule | None: ...
    def save_schedule(self, schedule: Schedule) -> None: ...
    def remove_schedule(self, name: str) -> None: ...

    # layers that a tenant has left
    def kept_layers(self, tenant: str | None = None) -> list[KeptLayer]: ...
    def keep_layer(self, kept: KeptLayer) -> None: ...
    def forget_layer(self, reference: LayerReference) -> None: ...

    # health results
    def health(self, tenant: str) -> list[ComponentHealth]: ...
    def save_health(self, tenant: str, results: Sequence[ComponentHealth], at: datetime) -> None: ...


class Store(Protocol):
    """Opens transactions on the state. ``write`` is exclusive from its start (SQLite: BEGIN IMMEDIATE; PostgreSQL: an advisory lock),
    so that what is read in it still holds when it commits. An exception rolls it back."""

    url: str

    def read(self) -> AbstractContextManager[State]: ...
    def write(self) -> AbstractContextManager[State]: ...
    def revision(self) -> str: ...
    def check(self) -> list[str]:
        """Problems found by the database's own integrity check; empty when sound."""
        ...


class Crew(Protocol):
    """Workers at work. Each has a few numbers in hand."""

    @property
    def free(self) -> bool:
        """Whether one of them has a hand free."""
        ...

    @property
    def alive(self) -> bool: ...
    def give(self, number: int) -> None: ...
    def take(self) -> list[tuple[int, Any]]:
        """Waits for answers, one or more; None is the answer to what a worker had in hand when it died."""
        ...


class Workers(Protocol):
    """Processes that share work; ``count`` is how many, unless ``at_work`` is told. They end with this one, and when the ``with``
    block ends: after what they have in hand, or at once when it is left by an exception."""

    count: int

    def at_work(self, work: Callable[[int], Any], count: int | None = None) -> AbstractContextManager[Crew]:
        """``work`` answers a number, in a worker, with something that can be pickled."""
        ...


class Vault(Protocol):
    """Generates and seals secrets (Fernet under ``secret.key``)."""

    def generate(self) -> str:
        """A new password: 32 characters of [A-Za-z0-9], about 190 bits."""
        ...

    def seal(self, plain: str) -> str: ...
    def open(self, sealed: str) -> str:
        """Raises SecretUnreadable when it was sealed under another key."""
        ...

    def check_key_pair(self, chain: str, key: str) -> None:
        """Raises InvalidValue unless both are PEM, belong together and have not expired."""
        ...


class StackFiles(Protocol):
    """Rendered files of a tenant, kept per generation, and its ``override.yaml``. ``name`` is a relative path like
    ``data-g1/compose.yaml``. Writes are atomic (rename)."""

    def read(self, tenant: str, name: str) -> str | None: ...
    def write(self, tenant: str, name: str, text: str) -> None: ...
    def remove(self, tenant: str, name: str) -> None: ...
    def remove_all(self, tenant: str) -> None: ...
    def names(self, tenant: str) -> list[str]: ...
    def tenants(self) -> list[str]:
        """Names of everyone who has a file here."""
        ...

    def path(self, tenant: str, name: str) -> str:
        """Where a person finds it."""
        ...


class Renderer(Protocol):
    """Turns a tenant's record into the layers that an engine runs. Pure: no clock, no network."""

    def render(self, request: RenderRequest) -> RenderedLayer:
        """Raises RenderFailed, or InvalidManifest for a broken override."""
        ...

    def load(self, reference: LayerReference, manifest: str, secrets: Mapping[str, str]) -> RenderedLayer:
        """A layer from its manifest as it was written: ``secrets`` (name -> value) become the environment that it reads them from."""
        ...


class Engine(Protocol):
    """One host's container engine."""

    def information(self) -> EngineInformation:
        """Raises EngineUnavailable, ComposeUnavailable."""
        ...

    def missing_images(self, references: Sequence[str]) -> list[str]: ...
    def pull(self, references: Sequence[str], report: Callable[[str], None]) -> None:
        """Raises ImageUnavailable naming the reference and where it was looked for."""
        ...

    def create(self, layer: RenderedLayer) -> None:
        """Networks, volumes and containers exist afterwards; nothing is started. Idempotent."""
        ...

    def start(self, layer: RenderedLayer) -> None:
        """Like create, and every container is started in dependency order; changed ones are recreated, and those whose network was
        removed while they stood still. Does not wait for health.

        Raises PortTaken, SubnetTaken, ImageUnavailable, CommandFailed.
        """
        ...

    def discard_unstarted(self, reference: LayerReference) -> None:
        """Removes the layer's containers that were created and never started: where their creation was cut short they may lack their
        secrets, and would be started like that. They hold no data. Idempotent."""
        ...

    def stop(self, reference: LayerReference, timeout_seconds: int = 30) -> None:
        """Containers stay, stopped. Idempotent; an absent layer is no error."""
        ...

    def restart(self, reference: LayerReference, component: str | None = None) -> None: ...
    def remove(self, reference: LayerReference, *, volumes: bool) -> None:
        """Removes containers, networks (and volumes) of exactly this installation's layer, found by labels; looks again until
        nothing is left. Idempotent; needs no rendered file."""
        ...

    def remove_volumes(self, tenant: str, names: Sequence[str]) -> None:
        """Removes those of this installation's volumes of the tenant. Idempotent. Raises NotAllowed for one that a container uses."""
        ...

    def workloads(self, tenant: str | None = None) -> list[Workload]: ...
    def volumes(self, tenant: str | None = None) -> list[EngineVolume]: ...
    def networks(self, *, everyones: bool = False) -> list[EngineNetwork]:
        """This installation's networks, or with ``everyones`` all of the engine's."""
        ...

    def published_ports(self) -> list[tuple[str, int, str]]:
        """(address, host port, protocol) of every container on the engine, stopped ones included, whoever's."""
        ...

    def logs(self, workload: Workload, *, tail: int | None, follow: bool, since: str | None) -> Iterable[str]: ...
    def execute(self, workload: Workload, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command in the container; returns (exit code, combined output)."""
        ...

    def read_file(self, workload: Workload, path: str) -> str | None:
        """Text of a file in a container, running or not; None where there is no such file. Raises NotFound for a container that is
        gone."""
        ...

    def attach(self, workload: Workload, command: Sequence[str], *, interactive: bool, terminal: bool) -> int:
        """Runs a command with this process's own standard streams; returns its exit code."""
        ...

    def open_program(self, workload: Workload, command: Sequence[str], *, mark: str = "") -> AbstractContextManager[Program]:
        """Runs a command in the container, its streams open to us; ended on leaving if it still runs. Raises NotFound, NotAllowed when
        the container does not run. ``mark`` (letters, digits, hyphens) tells it from others for ``end_programs``."""
        ...

    def end_programs(self, workload: Workload, mark: str) -> int:
        """Kills the programs with this mark that still run in the container, whoever started them; how many there were."""
        ...

    def volume_paths(self, workload: Workload) -> list[str]:
        """Where a container, running or not, has volumes that it may write to. Raises NotFound."""
        ...

    def open_beside(self, workload: Workload, image: str, command: Sequence[str], *, read_only: bool) -> AbstractContextManager[Program]:
        """Runs a command as root in a container of its own, with that container's writable volumes at the same paths and no network;
        removed on leaving. Raises NotFound, ImageUnavailable."""
        ...

    def end_beside(self, workload: Workload) -> None:
        """Removes containers beside it that a killed looma left. Idempotent."""
        ...

    def switch(self, workload: Workload, *, on: bool) -> None:
        """Starts or stops one container, with its own grace period. Idempotent. Raises NotFound."""
        ...


class Program(Protocol):
    """A program in a container, by its standard streams. Raises EngineUnavailable when the engine goes away."""

    def read(self) -> bytes:
        """The next piece of its standard output, at most 1 MiB; empty at the end."""
        ...

    def write(self, data: bytes) -> None:
        """All of it to its standard input. Raises CommandFailed when the program has ended or closed it."""
        ...

    def close_input(self) -> None: ...

    def finish(self) -> int:
        """Waits for the end, dropping what is left of its output; its exit code."""
        ...

    def errors(self) -> str:
        """The end of its standard error so far: the last 16 KiB."""
        ...


class HostAccess(Protocol):
    """What looma needs of a machine beside its engine."""

    def listeners(self) -> list[Listener]: ...
    def reachable(self, address: str, port: int) -> tuple[str, int]:
        """Where to connect from here to reach that loopback address and port of the host."""
        ...

    def free_disk_bytes(self, path: str) -> int: ...
    def describe(self) -> dict[str, Any]:
        """cpus, memory_bytes, disk_bytes, memory_available_bytes, kernel, time."""
        ...


class Edge(Protocol):
    """The one Nginx of an installation on a host. Changes are checked before a graceful reload and serialised on the host."""

    def ensure(self, specification: EdgeSpecification) -> None:
        """The edge runs with this specification afterwards. Raises PortTaken, ImageUnavailable."""
        ...

    def running(self) -> bool: ...
    def apply(self, route: Route) -> None:
        """The route serves in its mode afterwards, for every new request; idempotent. Raises EdgeRefused (the old one still serves)."""
        ...

    def set_mode(self, tenant: str, mode: str) -> None:
        """Takes effect at once for every worker and kept-alive connection."""
        ...

    def remove(self, tenant: str) -> None: ...
    def routes(self) -> list[str]:
        """Names of the tenants with a route file."""
        ...

    def recall(self) -> EdgeRecord | None:
        """What the edge itself knows, running or not: its ports and every route as it was applied. None where there is no edge."""
        ...

    def drain(self, timeout_seconds: float) -> bool:
        """Waits until workers of earlier configurations have ended; False on time-out."""
        ...

    def destroy(self) -> None:
        """Container and volume are gone afterwards. Idempotent."""
        ...


class Health(Protocol):
    """Sends probes, all at once within limits."""

    def probe(self, targets: Sequence[ProbeTarget], *, timeout_seconds: float = 2.0) -> list[ProbeResult]:
        """One result per target, in order. Never raises for a target that does not answer."""
        ...


class HeldLease(Protocol):
    """A lease while it is held; renewed in the background. ``lost`` is True once someone else has taken it over."""

    lease: Lease
    lost: bool

    def set_child(self, pid: int | None) -> None:
        """Record the outside program that runs on our behalf, so that whoever takes over ends it first."""
        ...

    def release_in(self, state: State) -> None:
        """Release it in a transaction that ends what it was held for."""
        ...


class Leases(Protocol):
    """Takes, renews and judges leases on top of the store (processes of this machine are looked up in /proc)."""

    def me(self) -> Holder: ...
    def alive(self, lease: Lease) -> bool: ...
    def end_child(self, lease: Lease) -> None:
        """Ends the outside program that a dead holder left behind, if it still runs on this machine."""
        ...

    def hold(self, resource: str, operation: str | None, why: str, *, wait_seconds: float = 0) -> AbstractContextManager[HeldLease]:
        """Takes the lease (from a dead holder too, ending its child first) for the length of a ``with`` block.

        Raises Held naming holder, operation and since when, after ``wait_seconds``.
        """
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def zone(self) -> tzinfo:
        """The machine's own, in which people and timers say times of the day."""
        ...

    def sleep(self, seconds: float) -> None: ...
