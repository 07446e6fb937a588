"""Plans that bring a backup back: beside the running layers of its tenant, or as a tenant of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from looma_cli.errors import NotAllowed, NotFound
from looma_cli.model.backup import Backup, BackupManifest
from looma_cli.model.codec import encode
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.requests import CreateRequest
from looma_cli.model.tenant import SERVING, Certificate, LayerReference, Tenant
from looma_cli.plan.backups import NewBackup, restore_steps, save_steps, stores_in, stores_of
from looma_cli.plan.create import Held, components_of, image_references, plan_create, reserve_edge
from looma_cli.plan.lifecycle import require
from looma_cli.plan.observation import HostObservation, Limits
from looma_cli.plan.replacing import Layers, change_over, drained, keep, new_holdings, next_generations, stopped, thaw
from looma_cli.steps.backups import AdoptBackups
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.forwarding import EndForward, ReleaseForward
from looma_cli.steps.generations import (
    AdoptSecrets,
    ForgetLayers,
    RemoveLayerFiles,
    ReserveGeneration,
    WriteOverride,
)
from looma_cli.steps.layers import CreateLayer, PullImages, RemoveLayer, RenderStack, StartLayer
from looma_cli.steps.routes import ApplyRoute, AwaitWrites, EnsureEdge, PutBackRoute, ReleaseEdge, SetRouteMode
from looma_cli.steps.waiting import AwaitHealthy


def chosen_stores(manifest: BackupManifest, tenant: Tenant, edition: Edition, only: Sequence[str]) -> list[str]:
    """The datastores that come from the set. Raises NotFound for one that the set has not, NotAllowed for a set of another edition."""
    if manifest.backup.edition != tenant.edition:
        raise NotAllowed(
            f"backup {manifest.backup.id} is of edition {manifest.backup.edition}, {tenant.name} is {tenant.edition}",
            f"restore it as a tenant of its own: looma backup restore {manifest.backup.tenant} {manifest.backup.id} --as NEW",
        )
    return available(manifest, only, stores_of(tenant, edition))


def available(manifest: BackupManifest, only: Sequence[str], stores: Sequence[str]) -> list[str]:
    """Those of a tenant's datastores that are asked for: ``only``, or all. Raises NotFound for one that the set could not have, NotAllowed
    for a partial set that lacks one."""
    saved = [store.name for store in manifest.backup.datastores]
    unknown = [name for name in only if name not in (*saved, *manifest.backup.missing)]
    if unknown:
        raise NotFound(f"backup {manifest.backup.id} has no datastore {unknown[0]}", f"it has {', '.join(saved)}")
    homeless = [name for name in only if name not in stores]
    if homeless:
        raise NotAllowed(f"the tenant's profile has no datastore {homeless[0]}", f"it has {', '.join(stores)}")
    wanted = list(dict.fromkeys(only)) or list(stores)
    missing = [name for name in wanted if name not in saved]
    if missing:
        raise NotAllowed(
            f"backup {manifest.backup.id} is partial: it has no {', '.join(missing)}",
            f"name what to restore: {' '.join(f'--only {name}' for name in saved)}",
        )
    return wanted


def plan_restore(
    tenant: Tenant,
    manifest: BackupManifest,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    only: Sequence[str],
    safety: NewBackup | None,
    kept: Sequence[LayerReference],
    keep_seconds: float,
    registry: str,
    edge_image: str,
    support_images: Sequence[str],
) -> Plan:
    """New layers beside those that run, filled from the set, proven, routed; the old ones are stopped and kept.

    Writes are refused (503, Retry-After) from the safety backup on: whatever is acknowledged is in that backup or in the new layers.
    Datastores that are not restored (``only``) come from the safety backup.
    """
    chosen = chosen_stores(manifest, tenant, edition, only)
    rest = [name for name in stores_of(tenant, edition) if name not in chosen]
    _require_present(tenant, rest, safety)
    name, host, mode = tenant.name, tenant.host, "suspended" if tenant.status == "suspended" else "serving"
    data, app = next_generations(tenant, kept)
    layers: Layers = [["data", data], ["app", app]]
    components = components_of(edition, tenant.profile)
    rows, subnets = new_holdings(tenant.at(layers), layers, components, seen, held, limits)
    references = [*image_references(tenant, components, edition, registry), *support_images]
    sources = [(store, manifest.backup) for store in chosen]
    if safety:
        sources += [(store, _of(safety, tenant, manifest)) for store in rest]
    steps = [
        ReserveGeneration(name, layers, encode(rows), encode(subnets)).planned("new layers beside the old"),
        *reserve_edge(name, host, held, held.ports | seen.listening | {(row.protocol, row.host_port) for row in rows}, limits, keep=True),
        EnsureEdge(name, host, edge_image).planned("every tenant is reached through it"),
        *_frozen(tenant, safety),
        RenderStack(name, layers, True, seen.start_interval).planned("the new layers"),
        PullImages(name, host, references, tenant.images == "local").planned("the stack's images"),
        StartLayer(name, "data", data, host, "absent").planned("fresh datastores beside the old"),
        CreateLayer(name, "app", app, host).planned("while the datastores start"),
        AwaitStores(name, data, host, stores_of(tenant, edition)).planned("before they are given data"),
        *restore_steps(name, data, host, sources),
        AwaitHealthy(name, "data", host, data).planned("services need their datastores"),
        StartLayer(name, "app", app, host, "absent", created=True).planned("on the restored data"),
        AwaitHealthy(name, "app", host, app).planned("no route before health"),
        PutBackRoute(name, host).planned("for the way back"),
        ApplyRoute(name, host, "frozen" if mode == "serving" else mode, False, layers).planned("the new layers are proven"),
        _change_over(tenant, data, app),
    ]
    pivot = len(steps) - 1
    old: Layers = [["app", tenant.app_generation], ["data", tenant.data_generation]]
    away = keep(tenant, old, keep_seconds, "backup.restore", {})
    steps += [*thaw(tenant, mode), away, *drained(tenant, mode), *stopped(tenant, old)]
    changes = [f"~ {store} from backup {backup.id} of {backup.created_at:%Y-%m-%d %H:%M} UTC" for store, backup in sources]
    changes += [f"+ {LayerReference(name, layer, generation).project}" for layer, generation in layers]
    return Plan("backup.restore", name, tuple(steps), pivot, tuple(changes), _freeze_warning(tenant, safety))


def _require_present(tenant: Tenant, rest: Sequence[str], safety: NewBackup | None) -> None:
    if safety is None and rest:
        raise NotAllowed(
            f"without a safety backup there is nothing to take {', '.join(rest)} from", "leave out --no-backup, or leave out --only"
        )
    if safety is not None and tenant.status not in SERVING:
        raise NotAllowed(
            f"tenant {tenant.name} is {tenant.status}: no safety backup of the present can be taken",
            f"looma tenant start {tenant.name}, or restore with --no-backup",
        )
    require(tenant, "running", "suspended", "stopped", "failed", verb="restore")


def _of(safety: NewBackup, tenant: Tenant, manifest: BackupManifest) -> Backup:
    """Where a safety backup that is yet to be made will be."""
    return replace(manifest.backup, id=safety.id, location=safety.location, created_at=tenant.updated_at)


def _change_over(tenant: Tenant, data: int, app: int) -> PlannedStep:
    """A tenant that was stopped or had failed runs afterwards."""
    fields = ({}, {}) if tenant.status in SERVING else ({"status": "running"}, {"status": tenant.status})
    return change_over(tenant, data, app, *fields)


def _frozen(tenant: Tenant, safety: NewBackup | None) -> list[PlannedStep]:
    """A write that was let through before is acknowledged before the backup begins."""
    freeze = SetRouteMode(tenant.name, tenant.host, "frozen", "serving").planned("what is written from here on would be lost")
    settle = AwaitWrites(tenant.name, tenant.host).planned("what is acknowledged is taken along")
    steps = [freeze, settle] if tenant.status == "running" else []
    return [*steps, *(save_steps(tenant, safety, keep=True) if safety else [])]


def _freeze_warning(tenant: Tenant, safety: NewBackup | None) -> tuple[str, ...]:
    warnings = ["writes get 503 with Retry-After until the restored data serves; reads go on"] if tenant.status == "running" else []
    return tuple(warnings if safety else [*warnings, "no safety backup of the present is taken"])


def plan_retire(tenant: str, host: str, references: Sequence[LayerReference], *, moved: bool = False) -> Plan:
    """Remove layers whose time is over, with their volumes. ``moved``: they are the last of a tenant that is on another host now, so that
    nothing is passed on from there any more."""
    layers: Layers = [[one.layer, one.generation] for one in references]
    steps = [
        *([EndForward(tenant, host).planned("clients know the new address by now")] if moved else []),
        *(RemoveLayer(tenant, one.layer, one.generation, host).planned("its time is over") for one in references),
        *([ReleaseEdge(tenant, host).planned("nothing is left behind")] if moved else []),
        RemoveLayerFiles(tenant, layers).planned("nothing is left behind"),
        *([ReleaseForward(tenant, host).planned("nobody is there to be reached")] if moved else []),
        ForgetLayers(tenant, layers).planned("last, so that a resume finds everything"),
    ]
    return Plan("tenant.retire", tenant, tuple(steps), 0, tuple(f"- {one.project} with its volumes" for one in references))


def plan_restore_as(
    request: CreateRequest,
    manifest: BackupManifest,
    edition: Edition,
    seen: HostObservation,
    held: Held,
    limits: Limits,
    *,
    only: Sequence[str],
    sealed: Mapping[str, str],
    certificate: Certificate | None,
    override: str | None,
    adopt: bool = False,
    **images: Any,
) -> Plan:
    """A tenant of its own from a set: as a create, with the data brought in before its services start. ``adopt``: the repository's other
    sets are written down in the state too. Raises as ``plan_create``."""
    plan = plan_create(request, edition, seen, held, limits, certificate=certificate, **images)
    tenant = LayerReference(request.name, "data", 1)
    host = seen.host.name
    components = components_of(edition, request.profile)
    everything = stores_in(components)
    stores = available(manifest, only, everything)
    secrets = sorted({secret for component in components for secret in component.secrets})
    adopted = [AdoptSecrets(request.name, dict(sealed), secrets).planned("accounts come back with the data")]
    if override is not None:
        adopted.append(WriteOverride(request.name, override).planned("as the backup has it"))
    filled = [
        AwaitStores(request.name, 1, host, stores).planned("before they are given data"),
        *restore_steps(tenant.tenant, 1, host, [(store, manifest.backup) for store in stores]),
    ]
    steps = list(plan.steps)
    before_health = next(i for i, step in enumerate(steps) if step.name == AwaitHealthy.name)
    steps[before_health:before_health] = filled
    steps[1:1] = adopted
    if adopt:
        steps.insert(-1, AdoptBackups(request.name, manifest.backup.location).planned("the state knows them not"))
    more = len(steps) - len(plan.steps)
    changes = [*plan.changes, *(f"~ {store} from backup {manifest.backup.id}" for store in stores)]
    empty = [store for store in everything if store not in stores]
    warnings = [*plan.warnings, *([f"{', '.join(empty)} will be empty"] if empty else [])]
    return replace(
        plan, kind="backup.restore", steps=tuple(steps), pivot=plan.pivot + more, changes=tuple(changes), warnings=tuple(warnings)
    )
