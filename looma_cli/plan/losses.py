"""What a switch cannot bring along because the target has no place for it, how its user agrees to that, and where it is when a later
switch has a place for it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from looma_cli.errors import NotAllowed
from looma_cli.model.backup import Backup
from looma_cli.model.edition import Edition
from looma_cli.model.switch import LeftBehind, StoreSeen, SwitchRequest
from looma_cli.model.tenant import Tenant
from looma_cli.plan.backups import stores_in


def shared_stores(source: Edition, target: Edition, profile: str) -> list[str]:
    """Datastores that both have, by name and kind, in the target's order."""
    before = {one.name: one.type for one in source.of_profile(profile)}
    kinds = {one.name: one.type for one in target.of_profile(profile)}
    return [name for name in stores_in(target.of_profile(profile)) if before.get(name) == kinds[name]]


def lost_stores(source: Edition, target: Edition, profile: str) -> list[str]:
    """Datastores of the source whose data the target has no place for."""
    shared = shared_stores(source, target, profile)
    return [name for name in stores_in(source.of_profile(profile)) if name not in shared]


def losses(source: Edition, target: Edition, tenant: Tenant, stores: Sequence[StoreSeen]) -> list[StoreSeen]:
    """Datastores that hold something for which the target has no place."""
    names = lost_stores(source, target, tenant.profile)
    return [store for store in stores if store.name in names and store.rows]


def loss_token(tenant: Tenant, target: str, lost: Sequence[StoreSeen]) -> str:
    """Names exactly this loss: of these datastores of this data layer, on the way to that edition."""
    text = "\n".join([tenant.name, str(tenant.data_generation), target, *(store.name for store in lost)])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def refuse_loss(request: SwitchRequest, tenant: Tenant, lost: Sequence[StoreSeen]) -> None:
    """Raises NotAllowed unless the loss was accepted by its token; without a safety backup it cannot be."""
    if not lost:
        return
    token = loss_token(tenant, request.edition, lost)
    said = ", ".join(f"{store.name}: {store.rows:,}" for store in lost)
    if request.accepted != token:
        raise NotAllowed(
            f"edition {request.edition} has no place for what is in {said}; it would stay in the backup",
            f"agree to that with --accept-loss {token}",
            lost={store.name: store.rows for store in lost},
            token=token,
        )
    if not request.safety:
        raise NotAllowed(f"what is in {said} would be nowhere", "leave out --no-backup")


def refuse_nothing_left(request: SwitchRequest, tenant: Tenant, behind: Sequence[LeftBehind]) -> None:
    """Raises NotAllowed where there is nothing that ``--restore-left`` could bring along."""
    if request.restore_left and not behind:
        raise NotAllowed(
            f"no backup of {tenant.name} has data for a datastore that {request.edition} has and {tenant.edition} has not",
            f"leave out --restore-left; looma backup list {tenant.name} shows the sets",
        )


# --- what was left before ---------------------------------------------------------------------------------------------


def left_behind(source: Edition, target: Edition, tenant: Tenant, backups: Sequence[Backup]) -> list[LeftBehind]:
    """What the tenant once had in datastores that the target has and the source has not: of each, the newest of the tenant's own
    ``backups`` (newest first) that has it. An empty one left nothing."""
    present = target.of_profile(tenant.profile)
    new = [name for name in stores_in(present) if name not in shared_stores(source, target, tenant.profile)]
    drivers = {one.name: one.backup["driver"] for one in present if one.name in new}
    mine = [one for one in backups if one.created_at >= tenant.created_at and not one.problem]
    found = (_newest(name, driver, mine) for name, driver in drivers.items())
    return [one for one in found if one is not None and one.rows]


def _newest(name: str, driver: str, backups: Sequence[Backup]) -> LeftBehind | None:
    for backup in backups:
        for store in backup.datastores:
            if (store.name, store.driver) == (name, driver):
                return LeftBehind(name, store.fingerprint.rows, backup)
    return None


def offers(tenant: str, edition: str, behind: Sequence[LeftBehind]) -> list[str]:
    """What is said of data that a switch to that edition does not bring back, once it is through."""
    return [f"{_where(one)}: {command}" for one in behind if (command := restore_command(tenant, edition, one))]


def restore_command(tenant: str, edition: str, one: LeftBehind) -> str:
    """What brings it back into the tenant later on; empty for a set of another edition, which goes into no tenant but a new one."""
    return f"looma backup restore {tenant} {one.backup.id} --only {one.store}" if one.backup.edition == edition else ""


def foretold(tenant: str, edition: str, behind: Sequence[LeftBehind]) -> list[str]:
    """The same, before it: it could bring them back itself."""
    lines = []
    for one in behind:
        later = restore_command(tenant, edition, one)
        lines.append(f"{_where(one)}; --restore-left brings them along" + (f", or later: {later}" if later else ""))
    return lines


def _where(one: LeftBehind) -> str:
    return f"{one.store}: {one.rows:,} are in backup {one.backup.id} of {one.backup.created_at:%Y-%m-%d %H:%M} UTC"
