"""Plans for backup sets: take one, prove it in a scratch stack, copy and forget sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from looma_cli.errors import NotAllowed
from looma_cli.model.backup import Backup, BackupManifest
from looma_cli.model.codec import encode
from looma_cli.model.edition import Component, Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.tenant import SERVING, LayerReference, Subnet, Tenant
from looma_cli.plan.create import Held, components_of, image_references
from looma_cli.plan.lifecycle import layers_of, pull_images, require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.reallocate import Refused, moves
from looma_cli.plan.subnets import choose_subnets
from looma_cli.steps.backups import BackupStores, CheckRepository, EnsureRepository, RecordBackup, RecordProof
from looma_cli.steps.datastores import AwaitStores, CompareStore, RestoreStore
from looma_cli.steps.generations import AdoptSecrets
from looma_cli.steps.keeping import CopyBackups, ForgetBackups
from looma_cli.steps.layers import PullImages, RemoveLayer, RenderStack, SettleFiles, StartLayer, StopLayer
from looma_cli.steps.routes import AwaitWrites
from looma_cli.steps.tenants import ForgetTenant, ReserveTenant


@dataclass(frozen=True, slots=True)
class NewBackup:
    """A set that is to be made: its id, where, which kind, and whether it may lack datastores."""

    id: str
    location: str
    kind: str = "full"
    allow_partial: bool = False


def stores_of(tenant: Tenant, edition: Edition) -> list[str]:
    """Names of the datastores of a tenant's data layer that a backup holds, in manifest order."""
    return stores_in(edition.of_profile(tenant.profile))


def stores_in(components: Sequence[Component]) -> list[str]:
    """Names of those components that a backup holds."""
    return [one.name for one in components if one.layer == "data" and one.backup.get("driver", "none") != "none"]


def save_steps(tenant: Tenant, new: NewBackup, *, keep: bool) -> list[PlannedStep]:
    """Save a set and write it down; the datastores must run."""
    return [
        EnsureRepository(tenant.name, new.location, new.id).planned("sets are kept there"),
        BackupStores(
            tenant.name, tenant.host, tenant.data_generation, new.location, new.id, new.kind, new.allow_partial, keep
        ).planned("all datastores at one moment"),
        RecordBackup(tenant.name, new.location, new.id, keep).planned("the set is complete"),
    ]


def plan_backup(tenant: Tenant, edition: Edition, new: NewBackup, *, up: bool = False, first: Sequence[PlannedStep] = ()) -> Plan:
    """One set. A stopped tenant's datastores run for as long as it takes; ``up`` says whether any of a failed one's run. ``first`` are
    ``moved``'s steps."""
    require(tenant, "running", "suspended", "stopped", "failed", verb="a backup")
    stores = stores_of(tenant, edition)
    if not stores:
        raise NotAllowed(f"edition {edition.name} has no datastore to back up", f"looma edition show {edition.name}")
    steps = [*first, *woken(tenant, stores, up=up), *_quiet(tenant), *save_steps(tenant, new, keep=False)]
    if tenant.status not in SERVING and not up:
        steps.append(StopLayer(tenant.name, "data", tenant.data_generation, tenant.host).planned("as it was"))
    if first:
        steps.append(SettleFiles(tenant.name).planned("the old files are not needed any more"))
    changes = [f"+ backup {new.id} of {', '.join(stores)} in {new.location}"]
    return Plan("backup.create", tenant.name, tuple(steps), len(steps), tuple(changes), _away(tenant, edition))


def _quiet(tenant: Tenant) -> list[PlannedStep]:
    """Where the edge lets no new write in anyway, the set waits for those under way, and so has none in one datastore only."""
    settle = AwaitWrites(tenant.name, tenant.host).planned("no write is in one datastore and not in another")
    return [settle] if tenant.status == "suspended" else []


def moved(
    tenant: Tenant,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    refused: Refused,
    *,
    registry: str,
    support_images: Sequence[str],
) -> list[PlannedStep]:
    """Steps after which the layers of a tenant that does not run have other ports and subnets in place of those that were refused when its
    datastores were to be woken. Raises Conflict, NoFreePorts, NoFreeSubnet."""
    components = components_of(edition, tenant.profile)
    steps = moves(tenant, components, seen, held, limits, refused)
    if not steps:
        return []
    render = RenderStack(tenant.name, layers_of(tenant), False, seen.start_interval).planned("on other ports")
    return [*steps, render, pull_images(tenant, components, edition, registry, support_images)]


def woken(tenant: Tenant, stores: list[str], *, up: bool) -> list[PlannedStep]:
    """Steps after which the datastores of a tenant that does not serve answer. An undo leaves them running where some were ``up``."""
    if tenant.status in SERVING:
        return []
    name, host, generation = tenant.name, tenant.host, tenant.data_generation
    return [
        StartLayer(name, "data", generation, host, "running" if up else "stopped").planned("its datastores must answer"),
        AwaitStores(name, generation, host, stores).planned("before they are asked for their data"),
    ]


def _away(tenant: Tenant, edition: Edition) -> tuple[str, ...]:
    """Components that are stopped while their volumes are read."""
    present = edition.of_profile(tenant.profile)
    cold = [one.name for one in present if one.layer == "data" and one.backup.get("driver") == "volume"]
    return (f"{', '.join(cold)} will be stopped while saved: there is no way to save them running",) if cold else ()


def plan_verify(
    scratch: Tenant,
    manifest: BackupManifest,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    sealed: dict[str, str],
    registry: str,
    support_images: Sequence[str],
    quick: bool,
) -> Plan:
    """Restore into a scratch stack on a network of its own, compare, write the proof, remove the stack. The tenant is not touched."""
    backup, name, host = manifest.backup, scratch.name, scratch.host
    stores = [store.name for store in backup.datastores]
    components = [edition.component(store) for store in stores]
    (cidr,) = choose_subnets(1, [*held.subnets, *seen.networks], limits.subnet_pool)
    subnet = Subnet(host, cidr, name, "data", 1, LayerReference(name, "data", 1).project)
    secrets = sorted({secret for component in components for secret in component.secrets})
    references = [*image_references(scratch, components, edition, registry), *support_images]
    steps = [
        ReserveTenant(encode(scratch), [], encode([subnet]), []).planned("a stack that nobody else sees"),
        AdoptSecrets(name, sealed, secrets).planned("accounts come back with the data"),
        CheckRepository(name, backup.location, quick).planned("one flipped byte is one too many"),
        RenderStack(name, [["data", 1]], True, seen.start_interval, stores).planned("the datastores alone"),
        PullImages(name, host, sorted(set(references)), scratch.images == "local").planned("the stack's images"),
        StartLayer(name, "data", 1, host, "absent").planned("a fresh stack"),
        AwaitStores(name, 1, host, stores).planned("before they are given data"),
        *restore_steps(name, 1, host, [(store, backup) for store in stores]),
        RecordProof(name, backup.id).planned("every fingerprint is the same"),
        RemoveLayer(name, "data", 1, host).planned("it has served its purpose"),
        SettleFiles(name, everything=True).planned("nothing is left behind"),
        ForgetTenant(name).planned("last, so that a resume finds everything"),
    ]
    pivot = next(index for index, step in enumerate(steps) if step.name == RecordProof.name)
    changes = (f"~ backup {backup.id}: proven by restoring {', '.join(stores)} into {subnet.name}, which is removed again",)
    return Plan("backup.verify", name, tuple(steps), pivot, changes)


def restore_steps(
    tenant: str, generation: int, host: str, stores: Sequence[tuple[str, Backup]], edition: str = ""
) -> list[PlannedStep]:
    """Restore datastores, each from its set, and compare each. ``edition`` where the layer is of another than the record's."""
    given = [(tenant, generation, host, store, backup.location, backup.id) for store, backup in stores]
    restores = [RestoreStore(*each, edition=edition).planned("from the repository") for each in given]
    compares = [CompareStore(*each, edition=edition).planned("nothing is taken for granted") for each in given]
    return [*restores, *compares]


def plan_forget(tenant: str, location: str, backups: Sequence[Backup]) -> Plan:
    """Forget sets; there is no way back."""
    names = [backup.id for backup in backups]
    steps = (ForgetBackups(tenant, location, names).planned("not kept by the policy"),)
    return Plan("backup.prune", tenant, steps, 0, tuple(f"- backup {b.id} of {b.created_at:%Y-%m-%d %H:%M} in {location}" for b in backups))


def plan_copy(tenant: str, location: str, target: str, backups: Sequence[Backup]) -> Plan:
    """Have sets in a second repository."""
    steps = (CopyBackups(tenant, location, target, [backup.id for backup in backups]).planned("a copy off the machine"),)
    return Plan("backup.copy", tenant, steps, 1, tuple(f"+ backup {b.id} in {target}" for b in backups))
