"""Plans that take a tenant away: its last backup, its route, its layers, its record."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.model.operation import Plan, PlannedStep
from looma_cli.model.probing import mode_of
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.plan.backups import NewBackup, save_steps, woken
from looma_cli.steps.backups import BackupStores, EnsureRepository, RecordBackup
from looma_cli.steps.datastores import AwaitStores
from looma_cli.steps.forwarding import EndForward
from looma_cli.steps.layers import RemoveLayer, SettleFiles, StartLayer
from looma_cli.steps.routes import DrainEdge, ReleaseEdge, RemoveRoute
from looma_cli.steps.tenants import ForgetTenant, SetStatus

Left = tuple[str, LayerReference]  # a layer that the tenant has left, after its host
SAVING = (StartLayer.name, AwaitStores.name, EnsureRepository.name, BackupStores.name, RecordBackup.name)  # steps for the last backup


def plan_delete(
    tenant: Tenant,
    *,
    backup: NewBackup | None,
    stores: list[str],
    kept: Sequence[Left] = (),
    up: bool = False,
    first: Sequence[PlannedStep] = (),
) -> Plan:
    """Route away, a last backup, layers with their volumes away, then the record. The pivot is the first layer's removal: no way back from
    there. The backup comes after the last request, so that it has all that was acknowledged; it stays, whatever becomes of the rest.

    A created tenant never touched an engine, and has no data. ``first``: as for ``plan_backup``.
    """
    name = tenant.name
    steps: list[PlannedStep] = [SetStatus(name, "deleting", tenant.status).planned("delete asked for")]
    pivot = 1
    deployed = tenant.status != "created"
    if deployed:
        steps += _away(tenant, backup if stores else None, stores, up, first)
        pivot = len(steps)
        steps += _removals(tenant, kept)
    steps += [
        SettleFiles(name, everything=True).planned("nothing is left behind"),
        ForgetTenant(name).planned("last, so that a resume finds everything"),
    ]
    return Plan("tenant.delete", name, tuple(steps), pivot, tuple(_changes(tenant, backup, stores, kept)), _warnings(deployed, backup))


def _away(
    tenant: Tenant, backup: NewBackup | None, stores: list[str], up: bool, first: Sequence[PlannedStep]
) -> list[PlannedStep]:
    name, host = tenant.name, tenant.host
    steps = [
        RemoveRoute(name, host, mode_of(tenant.status)).planned("no new requests"),
        DrainEdge(name, host).planned("requests in flight end"),
    ]
    if backup is None:
        return steps
    return [*steps, *first, *woken(tenant, stores, up=up), *save_steps(tenant, backup, keep=True)]


def _removals(tenant: Tenant, kept: Sequence[Left]) -> list[PlannedStep]:
    """On a host that the tenant has moved away from, the edge may pass on what still comes for it."""
    name, host = tenant.name, tenant.host
    hosts = sorted({place for place, _ in kept} - {host})
    return [
        *(EndForward(name, place).planned("there is nobody to pass it on to") for place in hosts),
        RemoveLayer(name, "app", tenant.app_generation, host).planned("services before their datastores"),
        RemoveLayer(name, "data", tenant.data_generation, host).planned("with its volumes"),
        *(RemoveLayer(name, one.layer, one.generation, place).planned("kept for a way back that nobody needs") for place, one in kept),
        *(ReleaseEdge(name, place).planned("nothing is left behind") for place in (host, *hosts)),
    ]


def _changes(tenant: Tenant, backup: NewBackup | None, stores: list[str], kept: Sequence[Left]) -> list[str]:
    deployed = tenant.status != "created"
    lines = [f"- route {tenant.url}"] if deployed else []
    if deployed and backup is not None and stores:
        lines.append(f"+ backup {backup.id} of {', '.join(stores)} in {backup.location}")
    for one in (tenant.layer("app"), tenant.layer("data"), *(one for _, one in kept)) if deployed else ():
        lines.append(f"- {one.layer} layer {one.project} with containers, network and volumes")
    return [*lines, f"- {len(tenant.ports) + 1} ports, {len(tenant.subnets)} subnets, rendered files, secrets"]


def _warnings(deployed: bool, backup: NewBackup | None) -> tuple[str, ...]:
    return ("no last backup is taken: the data cannot be brought back",) if deployed and backup is None else ()
