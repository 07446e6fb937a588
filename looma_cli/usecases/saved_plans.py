"""Plans that are saved now and carried out later: exactly as they were shown, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from looma_cli import __version__
from looma_cli.errors import NotAllowed, SecretUnreadable
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.protocols import PlanFiles, State
from looma_cli.model.saved_plan import SavedPlan
from looma_cli.model.switch import SwitchRequest
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.plan.create import components_of
from looma_cli.plan.saved import (
    GONE,
    Surroundings,
    Taken,
    basis_of,
    digest_of,
    image_basis,
    images_of,
    layers_of,
    moved,
    no_longer_free,
    operation_of,
    target_of,
)
from looma_cli.plan.switch import KIND, refuse_no_room
from looma_cli.plan.upgrade import UPGRADE
from looma_cli.usecases.changing import change, refuse_open
from looma_cli.usecases.context import Context, observe_host
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.switching import SwitchUseCases, room_on, taken_generations
from looma_cli.usecases.upgrading import UpgradeUseCases

KINDS = (KIND, UPGRADE)


class SavedPlanUseCases:
    def __init__(self, context: Context, switches: SwitchUseCases, upgrades: UpgradeUseCases, files: PlanFiles) -> None:
        self._context = context
        self._world = context.world
        self._switches = switches
        self._upgrades = upgrades
        self._files = files

    # saving
    def switch(self, request: SwitchRequest, file: str) -> SavedPlan:
        """Raises as the switch itself would, and AlreadyExists for a file that is no saved plan."""
        return self._save(file, request.tenant, request.edition, lambda: self._switches.switch(request, dry_run=True))

    def upgrade(self, name: str, release: str, file: str) -> SavedPlan:
        """Raises as the upgrade itself would, and AlreadyExists for a file that is no saved plan."""
        return self._save(file, name, None, lambda: self._upgrades.upgrade(name, release, dry_run=True))

    def _save(self, file: str, name: str, target: str | None, make: Callable[[], object]) -> SavedPlan:
        """What it is decided from is looked at first: what changes while the plan is made is found by ``apply``, and never taken for it."""
        self._files.refuse(file)
        with self._world.store.read() as state:
            tenant = state.tenant(name)
        around = self._surroundings(tenant, tenant.edition, target or tenant.edition)
        with self._world.store.read() as state:
            basis = self._basis(state, name, around)
        plan = make()
        assert isinstance(plan, Plan)  # a dry run
        basis |= image_basis(self._world.engine(tenant.host).image_ids(images_of(plan)))
        saved = SavedPlan(tenant.host, self._world.clock.now(), f"looma {__version__}", plan, basis)
        saved = replace(saved, digest=digest_of(saved))
        saved = replace(saved, seal=self._world.vault.seal(saved.digest))
        self._files.write(file, saved)
        return saved

    # applying
    def apply(self, file: str, *, dry_run: bool = False, wait_seconds: float = 0) -> Operation | Plan:
        """Do exactly what the file says. Raises NotFound, InvalidValue (no saved plan), NotAllowed (edited, of another home, applied
        before, or what it was decided from has moved: ``details['moved']``), Conflict (no room), OperationFailed, Held."""
        saved = self._files.read(file)
        self._refuse_forged(saved, file)
        plan, id = saved.plan, operation_of(saved)
        with self._world.store.read() as state:
            tenant = state.tenant(plan.tenant)
            refuse_applied(state, plan.tenant, id)
        seen, room = observe_host(self._context, saved.host, engine=True), room_on(self._context, tenant)
        there = layers_on(self._world.engine(saved.host), plan.tenant)
        source = saved.basis["edition"]
        around = self._surroundings(tenant, source, target_of(plan, source))
        ids = dict.fromkeys(images_of(plan), GONE) | self._world.engine(saved.host).image_ids(images_of(plan))

        def decide(state: State) -> Plan:
            refuse_applied(state, plan.tenant, id)
            refuse_open(state, plan.tenant)
            now = state.tenant(plan.tenant)
            reasons = moved(saved.basis, {**self._basis(state, plan.tenant, around), **image_basis(ids)})
            taken = Taken(
                state.allocations(host=saved.host),
                state.subnets(host=saved.host),
                taken_generations(state, plan.tenant, there),
                [backup.id for backup in state.backups(plan.tenant)],
            )
            reasons += no_longer_free(plan, taken, seen)
            if reasons:
                _refuse_moved(file, reasons)
            refuse_no_room(now, components_of(around.target, now.profile), layers_of(plan), room)
            return plan

        change(self._context, plan.tenant, plan.kind, saved.host, decide, dry_run=dry_run, wait_seconds=wait_seconds, id=id)
        if dry_run:
            return plan
        with self._world.store.read() as state:
            return state.operation(id)

    def _refuse_forged(self, saved: SavedPlan, file: str) -> None:
        """Raises NotAllowed for a file that is not as this home wrote it: its steps would be done without another question."""
        anew = "make the plan anew with --plan-out"
        if digest_of(saved) != saved.digest:
            raise NotAllowed(f"{file} was changed after it was saved", anew)
        try:
            sealed = self._world.vault.open(saved.seal)
        except SecretUnreadable as error:
            raise NotAllowed(f"{file} was not saved by this installation of looma", anew) from error
        if sealed != saved.digest or saved.plan.kind not in KINDS:
            raise NotAllowed(f"{file} was changed after it was saved", anew)

    # what it was decided from
    def _surroundings(self, tenant: Tenant, source: str, target: str) -> Surroundings:
        context, world = self._context, self._world
        edition = world.catalog.edition(target)
        asked = tenant.edition == source and tenant.status in SERVING
        return Surroundings(
            world.catalog.edition(source),
            edition,
            world.files.read(tenant.name, "override.yaml"),
            world.renderer.digest(),
            __version__,
            world.engine(tenant.host).information().api,
            context.registry,
            context.support_images(tenant.images),
            context.backup_location(tenant.name),
            self._switches.stores(tenant, edition) if asked and source != target else None,
        )

    @staticmethod
    def _basis(state: State, name: str, around: Surroundings) -> dict[str, str]:
        tenant = state.tenant(name)
        return basis_of(tenant, state.kept_layers(name), state.edge_ports(tenant.host), state.installation(), around)


def refuse_applied(state: State, tenant: str, id: str) -> None:
    """Raises NotAllowed for a plan that an operation was made of before, however that ended."""
    before = next((one for one in state.operations(tenant=tenant) if one.id == id), None)
    if before is not None:
        raise NotAllowed(
            f"the plan was applied at {before.started_at:%Y-%m-%d %H:%M} UTC by operation {id}, which is {before.status.replace('_', ' ')}",
            "make a new plan with --plan-out",
            operation=id,
        )


def _refuse_moved(file: str, reasons: list[str]) -> NoReturn:
    raise NotAllowed(f"the plan in {file} holds no more: {'; '.join(reasons)}", "make a new one with --plan-out", moved=reasons)
