"""Moving a tenant to another release of its edition, and back."""

from __future__ import annotations

from collections.abc import Callable

from looma_cli.model.operation import Plan
from looma_cli.model.protocols import State
from looma_cli.model.tenant import Tenant
from looma_cli.plan.reallocate import Refused
from looma_cli.plan.upgrade import ROLLBACK, UPGRADE, plan_upgrade, release_before
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context, held_on, observe_host
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.switching import room_on, taken_generations


class UpgradeUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def upgrade(self, name: str, release: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """Raises NotFound (tenant, release), NotAllowed (status, the same release), Conflict, OperationFailed, Held."""
        return self._change(UPGRADE, name, lambda state: release, dry_run, wait_seconds)

    def rollback(self, name: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Tenant | Plan:
        """To the release before the last change of it; once more is back again. Raises as ``upgrade``."""

        def before(state: State) -> str:
            return release_before(state.tenant(name), state.operations(tenant=name))

        return self._change(ROLLBACK, name, before, dry_run, wait_seconds)

    def _change(self, kind: str, name: str, release: Callable[[State], str], dry_run: bool, wait_seconds: float) -> Tenant | Plan:
        with self._world.store.read() as state:
            tenant = state.tenant(name)

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, tenant.host, engine=True)
            there = layers_on(self._world.engine(tenant.host), name)
            room = room_on(self._context, tenant)

            def decide(state: State) -> Plan:
                now = state.tenant(name)
                return plan_upgrade(
                    kind,
                    release(state),
                    now,
                    self._world.catalog.edition(now.edition),
                    room,
                    seen,
                    held_on(state, now.host),
                    self._context.limits,
                    left=taken_generations(state, name, there),
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(self._context, name, kind, tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

        plan = replanning(self._context, tenant.host, attempt, keep=tenant.public_port)
        if dry_run and plan:
            return plan
        with self._world.store.read() as state:
            return state.tenant(name)
