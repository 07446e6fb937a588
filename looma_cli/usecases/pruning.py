"""Which sets a policy lets go. Judged by what a repository has: the state knows neither the sets of another home nor those from before
it was lost, and a second place has copies that it knows nothing of at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from looma_cli.model.backup import Backup, RepositorySnapshot, Retention
from looma_cli.model.operation import Plan
from looma_cli.model.protocols import Repository, State
from looma_cli.plan.backups import plan_forget
from looma_cli.steps.backups import BackupStores
from looma_cli.steps.generations import KeepLayers
from looma_cli.steps.listing import readable
from looma_cli.steps.sets import MANIFEST
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import LOCAL, Context


def prune(context: Context, tenant: str, location: str, retention: Retention, *, dry_run: bool) -> tuple[Plan | None, list[Backup]]:
    """Forget what the policy does not keep in one repository: (what was or would be done, the sets concerned).

    Never the last good or the last proven set there, nor one that an unfinished operation needs, nor one that this release cannot read.
    Raises NotFound where there is no repository.
    """
    repository = context.world.repository(location)
    wanted = {"part": MANIFEST, "tenant": tenant}
    snapshots = repository.snapshots(wanted)[::-1]
    kept = set(repository.kept(retention, wanted))
    with context.world.store.read() as state:
        known = {backup.id: backup for backup in state.backups(tenant)}
    read = _read(repository, snapshots, kept, known)
    _tell_unreadable(context, location, [one for one in snapshots if one.id not in kept and one.tags["set"] not in (*known, *read)])
    chosen: list[Backup] = []

    def decide(state: State) -> Plan | None:
        facts = read | {backup.id: backup for backup in state.backups(tenant)}
        present = [facts[one.tags["set"]] for one in snapshots if one.tags["set"] in facts]
        stay = needed(state, tenant, present) | {one.tags["set"] for one in snapshots if one.id in kept}
        chosen[:] = [backup for backup in present if backup.id not in stay]
        return plan_forget(tenant, location, chosen) if chosen else None

    plan = change(context, tenant, "backup.prune", LOCAL, decide, dry_run=dry_run)
    return plan, chosen


def _read(
    repository: Repository, newest_first: Sequence[RepositorySnapshot], kept: set[str], known: Mapping[str, Backup]
) -> dict[str, Backup]:
    """Of the sets that the state does not know those that may go, and of those that stay as many as it takes to find a complete one: which
    sets may go depends on whether there is a good one beside them."""
    found: dict[str, Backup] = {}
    good = False
    for snapshot in newest_first:
        id = snapshot.tags["set"]
        if id not in known and not (good and snapshot.id in kept) and (manifest := readable(repository, snapshot)):
            found[id] = manifest.backup
        one = known.get(id) or found.get(id)
        good = good or (one is not None and not one.partial and not one.problem)
    return found


def _tell_unreadable(context: Context, location: str, snapshots: Sequence[RepositorySnapshot]) -> None:
    if snapshots:
        ids = ", ".join(sorted(one.tags["set"] for one in snapshots))
        context.reporter.warn(f"{ids} in {location} cannot be read by this release, and so stay: looma backup list --from {location}")


def needed(state: State, tenant: str, present: Sequence[Backup]) -> set[str]:
    """Ids of the sets that must stay, whatever a policy says, of those ``present`` in a repository (newest first): the last one, the last
    complete one, the last of those that no proof found bad, the last proven one; those that unfinished operations use, and the safety
    backup of a restore while there is a way back from it."""
    complete = [backup for backup in present if not backup.partial]
    sound = [backup for backup in complete if not backup.problem]
    proven = sorted((b for b in present if b.verified_at and not b.problem), key=lambda b: b.verified_at or b.created_at)
    last = {backup.id for backup in (*present[:1], *complete[:1], *sound[:1], *proven[-1:])}
    in_use = {step.params.get("backup", "") for operation in state.operations(open_only=True) for step in operation.plan.steps}
    return last | in_use | _safety(state, tenant)


def _safety(state: State, tenant: str) -> set[str]:
    """Ids of the sets that were taken by the operations whose old layers are still kept."""
    kept = {(one.reference.layer, one.reference.generation) for one in state.kept_layers(tenant)}
    found: set[str] = set()
    for operation in state.operations(tenant=tenant) if kept else ():
        steps = operation.plan.steps
        left = {tuple(layer) for step in steps if step.name == KeepLayers.name for layer in step.params["layers"]}
        if left & kept:
            found |= {step.params["backup"] for step in steps if step.name == BackupStores.name}
    return found
