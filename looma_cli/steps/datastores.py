"""Deeds on the datastores of a layer: wait for them, bring a backup back into one, compare it with what was saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from looma_cli.errors import BackupFailed, NotFound, Unhealthy
from looma_cli.model.edition import Component
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Datastore
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.sets import read_set, stream_readers
from looma_cli.steps.waiting import POLL_SECONDS, refuse_ended

KEPT_DIFFERENCES = 5


def stored_components(world: World, tenant_name: str, edition: str = "") -> list[Component]:
    """The components of the tenant's profile whose data a backup holds, in manifest order; of its edition, or of another."""
    with world.store.read() as state:
        tenant = state.tenant(tenant_name)
    present = world.catalog.edition(edition or tenant.edition).of_profile(tenant.profile)
    return [one for one in present if one.layer == "data" and one.backup.get("driver", "none") != "none"]


def containers_of(world: World, reference: LayerReference, host: str) -> dict[str, Workload]:
    """The layer's containers by component."""
    return {w.component: w for w in world.engine(host).workloads(reference.tenant) if w.reference == reference}


def open_store(world: World, reference: LayerReference, host: str, name: str, edition: str = "") -> Datastore:
    """One datastore of a layer, of the tenant's edition or of another. Raises NotFound when it has no container."""
    return open_stores(world, reference, host, [name], edition)[name][0]


def open_stores(
    world: World, reference: LayerReference, host: str, names: Sequence[str], edition: str = ""
) -> dict[str, tuple[Datastore, Workload]]:
    """Several at once, each with its container: the engine is asked only once."""
    components = {one.name: one for one in stored_components(world, reference.tenant, edition)}
    containers = containers_of(world, reference, host)
    missing = [name for name in names if name not in components or name not in containers]
    if missing:
        raise NotFound(f"{reference.project} has no datastore {missing[0]}", f"looma tenant show {reference.tenant} lists what it has")
    return {name: (world.datastore(host, containers[name], components[name]), containers[name]) for name in names}


@dataclass(frozen=True)
class StoreStep(WorldStep):
    """What the steps on one layer's datastores have in common."""

    tenant: str
    generation: int
    host: str
    edition: str = field(default="", kw_only=True)  # where the layer is not of the record's

    @property
    def reference(self) -> LayerReference:
        return LayerReference(self.tenant, "data", self.generation)


@dataclass(frozen=True)
class AwaitStores(StoreStep):
    """Wait until the named datastores answer queries as the account that restores: their ports need not be published."""

    name = "await-stores"
    stores: list[str]

    def title(self) -> str:
        return "Wait until the datastores answer"

    def do(self, world: World, progress: Progress) -> str:
        deadline = world.clock.now().timestamp() + world.health_timeout
        waiting = list(self.stores)
        while True:
            waiting = [name for name in waiting if not open_store(world, self.reference, self.host, name, self.edition).ready()]
            progress(f"{len(self.stores) - len(waiting)} of {len(self.stores)} answer")
            if not waiting:
                return ""
            containers = containers_of(world, self.reference, self.host)
            refuse_ended(world.engine(self.host).logs, [containers[name] for name in waiting if name in containers])
            if world.clock.now().timestamp() > deadline:
                raise Unhealthy(f"{', '.join(waiting)}: no answer after {world.health_timeout:.0f} s", f"looma tenant logs {self.tenant}")
            world.clock.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class RestoreStore(StoreStep):
    """Bring one datastore of a set into a fresh layer. May run again: it replaces what is there. The layer's removal is its undo."""

    name = "restore-store"
    store: str
    location: str
    backup: str

    def title(self) -> str:
        return f"Restore {self.store}"

    def do(self, world: World, progress: Progress) -> str:
        repository = world.repository(self.location)
        manifest = read_set(repository, self.backup)
        store = open_store(world, self.reference, self.host, self.store, self.edition)
        store.abandon()
        store.restore(stream_readers(repository, manifest, self.store), progress)
        return f"{manifest.store(self.store).fingerprint.rows} rows"


@dataclass(frozen=True)
class CompareStore(StoreStep):
    """The restored datastore holds what was saved: row for row, definition for definition."""

    name = "compare-store"
    store: str
    location: str
    backup: str

    def title(self) -> str:
        return f"Compare {self.store} with its fingerprint"

    def do(self, world: World, progress: Progress) -> str:
        wanted = read_set(world.repository(self.location), self.backup).store(self.store).fingerprint
        found = open_store(world, self.reference, self.host, self.store, self.edition).fingerprint(wanted)
        different = wanted.differences(found, world.clock.now())
        if different:
            more = f" (and {len(different) - KEPT_DIFFERENCES} more)" if len(different) > KEPT_DIFFERENCES else ""
            raise BackupFailed(
                f"{self.store} is not what backup {self.backup} says: {'; '.join(different[:KEPT_DIFFERENCES])}{more}",
                "take a new backup, and verify it; looma backup list shows older ones",
                differences=different,
            )
        return f"{wanted.rows} rows alike"
