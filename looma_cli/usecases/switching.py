"""Moving a tenant to another edition, and letting go of what it has left."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.errors import LoomaError, NotAllowed
from looma_cli.model.edition import Edition
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.protocols import State
from looma_cli.model.switch import FREEZE_SECONDS, LeftBehind, Room, StoreSeen, SwitchRequest
from looma_cli.model.tenant import SERVING, LayerReference, Tenant
from looma_cli.plan.back import WayBack, plan_rollback, way_back
from looma_cli.plan.backups import NewBackup, stores_of
from looma_cli.plan.losses import left_behind, lost_stores
from looma_cli.plan.reallocate import Refused
from looma_cli.plan.switch import plan_switch
from looma_cli.steps.datastores import RestoreStore, open_store, open_stores
from looma_cli.steps.generations import ChangeGeneration
from looma_cli.usecases.backups import new_backup_id
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context, held_on, observe_host
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.retiring import retire, retire_overdue


class SwitchUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def switch(self, request: SwitchRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Operation | Plan:
        """Raises NotFound (tenant, edition, release), NotAllowed (status, the same edition, a loss that was not accepted), Conflict (no
        room), OperationFailed, Held."""
        target = self._world.catalog.edition(request.edition)
        tenant = self._tenant(request.tenant)
        if not dry_run:
            retire_overdue(self._context, request.tenant)

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, tenant.host, engine=True)
            there = layers_on(self._world.engine(tenant.host), tenant.name)
            stores, room = self.stores(tenant, target), room_on(self._context, tenant)
            # of this try: the tenant served after the one before was put back, and took writes
            safety = NewBackup(new_backup_id(), self._context.backup_location(tenant.name)) if request.safety else None

            def decide(state: State) -> Plan:
                now = state.tenant(tenant.name)
                return plan_switch(
                    request,
                    now,
                    self._world.catalog.edition(now.edition),
                    target,
                    stores,
                    room,
                    seen,
                    held_on(state, now.host),
                    self._context.limits,
                    safety=safety,
                    left=taken_generations(state, now.name, there),
                    behind=left_behind(self._world.catalog.edition(now.edition), target, now, state.backups(now.name)),
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(
                self._context, tenant.name, "edition.switch", tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds
            )

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        return plan if dry_run and plan else self._last_operation(tenant.name, "edition.switch")

    def rollback(
        self,
        name: str,
        *,
        carry: bool = False,
        keep_seconds: float = 3600.0,
        freeze_seconds: float = FREEZE_SECONDS,
        dry_run: bool = False,
        wait_seconds: float = 0,
    ) -> Operation | Plan:
        """Back to the edition that the last switch left, while its layers are kept: as they were, or with ``carry`` as a switch of its own
        (see ``SwitchRequest`` for ``freeze_seconds``), which brings along what was written since. Raises NotAllowed where nothing is kept
        any more."""
        tenant = self._tenant(name)
        if carry:
            back = self.way_back(name)
            request = SwitchRequest(name, back.edition, back.release, keep_seconds=keep_seconds, freeze_seconds=freeze_seconds)
            return self.switch(request, dry_run=dry_run, wait_seconds=wait_seconds)
        seen, room = observe_host(self._context, tenant.host, engine=True), room_on(self._context, tenant)
        lost = self.lost(name)

        def decide(state: State) -> Plan:
            now = state.tenant(name)
            back = way_back(now, state.kept_layers(name))
            return plan_rollback(
                now,
                back,
                self._world.catalog.edition(back.edition),
                room,
                seen,
                keep_seconds=keep_seconds,
                lost=lost,
                registry=self._context.registry,
                edge_image=self._context.edge_image(now.images),
                support_images=self._context.support_images(now.images),
            )

        plan = change(self._context, name, "edition.rollback", tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)
        return plan if dry_run and plan else self._last_operation(name, "edition.rollback")

    def way_back(self, name: str) -> WayBack:
        """Raises NotAllowed where nothing of an earlier edition is kept."""
        with self._world.store.read() as state:
            return way_back(state.tenant(name), state.kept_layers(name))

    def lost(self, name: str) -> dict[str, int | None]:
        """How often each datastore was written to since the last switch, None where it does not tell (a rollback may be for just that):
        nothing of it is in the layers that were left. Empty where the data layer stayed the tenant's own. A data layer that took over since
        (a restore's) counts by itself: what was written before it is not known."""
        tenant, back = self._tenant(name), self.way_back(name)
        if back.data is None or tenant.status not in SERVING:
            return {}
        if tenant.data_generation != back.written_in:
            return dict.fromkeys(back.written)
        return {store: self._written_since(tenant, back, store) for store in back.written}

    def _written_since(self, tenant: Tenant, back: WayBack, name: str) -> int | None:
        """A server that was started again may have begun to count anew."""
        try:
            store, container = open_stores(self._world, tenant.layer("data"), tenant.host, [name])[name]
            written = store.written() - back.written[name]
        except LoomaError:
            return None
        return written if written >= 0 and container.started_at == back.started.get(name) else None

    def finalize(self, name: str, *, dry_run: bool = False) -> Operation | Plan:
        """Let go of what the tenant has left, at once: there is no way back then. Raises NotAllowed where nothing is kept."""
        self._tenant(name)
        plans = retire(self._context, name, everything=True, dry_run=dry_run)
        if not plans:
            raise NotAllowed(f"tenant {name} keeps no layers of an earlier edition or backup", f"looma tenant show {name}")
        return plans[0] if dry_run else self._last_operation(name, "tenant.retire")

    def _tenant(self, name: str) -> Tenant:
        with self._world.store.read() as state:
            return state.tenant(name)

    def stores(self, tenant: Tenant, target: Edition) -> list[StoreSeen]:
        """Of a tenant that serves; counted are those whose data would be left behind."""
        if tenant.status not in SERVING or tenant.edition == target.name:
            return []
        source = self._world.catalog.edition(tenant.edition)
        lost = lost_stores(source, target, tenant.profile)
        seen = []
        for name in stores_of(tenant, source):
            store = open_store(self._world, tenant.layer("data"), tenant.host, name)
            seen.append(StoreSeen(name, store.follows, store.fingerprint().rows if name in lost else None))
        return seen

    def behind(self, tenant: Tenant, source: Edition, target: Edition) -> list[LeftBehind]:
        """What backups of the tenant have for datastores of the target that the source has not."""
        with self._world.store.read() as state:
            return left_behind(source, target, tenant, state.backups(tenant.name))

    def still_behind(self, operation: Operation) -> list[LeftBehind]:
        """Of that, what a switch that is through has not brought back."""
        change = next(step.params for step in operation.plan.steps if step.name == ChangeGeneration.name)
        before, after = (self._world.catalog.edition(change[which]["edition"]) for which in ("previous", "changes"))
        brought = [step.params["store"] for step in operation.plan.steps if step.name == RestoreStore.name]
        found = self.behind(self._tenant(operation.tenant), before, after)
        return [one for one in found if one.store not in brought]

    def _last_operation(self, name: str, kind: str) -> Operation:
        return last_operation(self._context, name, kind)


def last_operation(context: Context, name: str, kind: str) -> Operation:
    with context.world.store.read() as state:
        return next(one for one in state.operations(tenant=name) if one.kind == kind)


def taken_generations(state: State, tenant: str, there: Sequence[LayerReference]) -> list[LayerReference]:
    """Layers whose numbers no new one may get: what the engine has anything of, and what the state keeps."""
    return [*there, *(kept.reference for kept in state.kept_layers(tenant))]


def room_on(context: Context, tenant: Tenant) -> Room:
    """What the tenant's host has left; how much its data are says its newest backup."""
    access = context.world.access(tenant.host)
    described = access.describe()
    memory = int(described.get("memory_available_bytes") or described["memory_bytes"])
    with context.world.store.read() as state:
        newest = next(iter(state.backups(tenant.name)), None)
    disk = access.free_disk_bytes(context.world.engine(tenant.host).information().root_directory)
    return Room(memory, disk, newest.size_bytes if newest else 0)
