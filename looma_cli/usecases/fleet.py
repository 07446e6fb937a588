"""A release for all tenants of an edition, and who runs which."""

from __future__ import annotations

from collections.abc import Sequence

from looma_cli.errors import InvalidValue
from looma_cli.model.edition import Edition
from looma_cli.model.fleet import EditionReleases, FleetPlan, WaveSize
from looma_cli.model.operation import Operation, Plan
from looma_cli.plan.fleet import as_plan, image_checks, plan_fleet, releases_of
from looma_cli.plan.upgrade import ROLLBACK, UPGRADE
from looma_cli.steps.layers import PullImages
from looma_cli.usecases.context import Context
from looma_cli.usecases.health import HealthUseCases
from looma_cli.usecases.operations import OperationUseCases
from looma_cli.usecases.rollout import PARALLEL, Rollout


class FleetUseCases:
    def __init__(self, context: Context, health: HealthUseCases, operations: OperationUseCases) -> None:
        self._context = context
        self._world = context.world
        self._health = health
        self._operations = operations

    def plan(self, edition: str, release: str, sizes: Sequence[WaveSize]) -> FleetPlan:
        """Which tenants are in which wave, as the state is now. Raises NotFound (edition, release), InvalidValue for the platform."""
        found = self._edition(edition)
        with self._world.store.read() as state:
            tenants = state.tenants()
        opened = {operation.tenant: operation for operation in self._operations.list()}
        return plan_fleet(found, release, tenants, opened, sizes)

    def shown(self, plan: FleetPlan) -> Plan:
        """The plan as ``--dry-run`` prints it, with what would be in its way. Raises ImageUnavailable, EngineUnavailable."""
        checks = self._checks(plan)
        missing = [
            f"image {reference} is not on {check.host}" + (": looma image build" if check.local else " yet")
            for check in checks
            for reference in self._world.engine(check.host).missing_images(check.references)
        ]
        return as_plan(plan, checks, missing)

    def rollout(self, plan: FleetPlan, *, max_failures: int = 0, parallel: int = PARALLEL) -> Rollout:
        """Has every image on the hosts first; then ``run`` it. Raises ImageUnavailable, EngineUnavailable with nothing touched."""
        for check in self._checks(plan):
            self._context.reporter.note(f"images: checking {len(check.references)} on {check.host}")
            done = check.do(self._world, lambda text: self._context.reporter.note(f"images: {text}"))
            self._context.reporter.note(f"images: ready {done}".rstrip())
        for warning in plan.warnings:
            self._context.reporter.warn(warning)
        return Rollout(self._context, self._health, plan, max_failures=max_failures, parallel=parallel)

    def releases(self) -> list[EditionReleases]:
        """Of every edition that has tenants, by name."""
        with self._world.store.read() as state:
            tenants = state.tenants()
        known = {edition.name: edition for edition in self._world.catalog.editions()}
        last = self._last_changes() if tenants else {}
        names = sorted({tenant.edition for tenant in tenants})
        return [releases_of(name, known.get(name), [t for t in tenants if t.edition == name], last) for name in names]

    def _last_changes(self) -> dict[str, Operation]:
        """The newest upgrade or rollback of each tenant."""
        last: dict[str, Operation] = {}
        for operation in self._operations.list(all=True):
            if operation.kind in (UPGRADE, ROLLBACK):
                last.setdefault(operation.tenant, operation)
        return last

    def _checks(self, plan: FleetPlan) -> list[PullImages]:
        support = {images: self._context.support_images(images) for images in {m.tenant.images for m in plan.members}}
        return image_checks(plan, self._edition(plan.edition), self._context.registry, support)

    def _edition(self, name: str) -> Edition:
        edition = self._world.catalog.edition(name)
        if edition.kind == "platform":
            raise InvalidValue(f"{name} is the provider's own platform, no edition for tenants", "looma edition list shows the editions")
        return edition
