"""Moving a tenant to another host while it serves."""

from __future__ import annotations

from dataclasses import replace

from looma_cli.errors import NotAllowed
from looma_cli.model.move import MOVE, MoveRequest
from looma_cli.model.operation import Operation, Plan
from looma_cli.model.placing import footprint
from looma_cli.model.protocols import State
from looma_cli.model.switch import Room, StoreSeen
from looma_cli.model.tenant import SERVING, Tenant
from looma_cli.plan.backups import NewBackup, stores_of
from looma_cli.plan.move import Arrival, plan_move
from looma_cli.plan.reallocate import Refused
from looma_cli.steps.datastores import open_store
from looma_cli.usecases.backups import new_backup_id
from looma_cli.usecases.changing import change
from looma_cli.usecases.context import Context, held_on, host_record, observe_host
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.retiring import retire_overdue
from looma_cli.usecases.switching import last_operation, room_on, taken_generations


class MoveUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def move(self, request: MoveRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Operation | Plan:
        """Raises NotFound (tenant, host), NotAllowed (status, the same host, a cordoned one), Conflict (no room), PortTaken (the public
        port), HostUnreachable, OperationFailed, Held."""
        with self._world.store.read() as state:
            tenant = state.tenant(request.tenant)
        refuse_cordoned(self._context, request.host)
        if not dry_run:
            retire_overdue(self._context, request.tenant)

        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, request.host, engine=True)
            there = [one for host in (tenant.host, request.host) for one in layers_on(self._world.engine(host), tenant.name)]
            stores, room = self._stores(tenant, request.host), self._room(tenant, request.host)
            # of this try: the tenant served after the one before was put back, and took writes
            safety = NewBackup(new_backup_id(), self._context.backup_location(tenant.name)) if request.safety else None

            def decide(state: State) -> Plan:
                now = state.tenant(tenant.name)
                edition = self._world.catalog.edition(now.edition)
                rows = state.allocations(host=request.host, tenant=now.name)
                own = frozenset(row.host_port for row in rows if row.layer == "edge")
                return plan_move(
                    request,
                    now,
                    edition,
                    stores,
                    Arrival(seen, held_on(state, request.host), room, footprint(edition, now.profile), own),
                    self._context.limits,
                    safety=safety,
                    left=taken_generations(state, now.name, there),
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(self._context, tenant.name, MOVE, tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

        plan = replanning(self._context, request.host, attempt, keep=tenant.public_port)
        return plan if dry_run and plan else last_operation(self._context, tenant.name, MOVE)

    def _stores(self, tenant: Tenant, host: str) -> list[StoreSeen]:
        if tenant.status not in SERVING or tenant.host == host:
            return []  # refused by the plan
        names = stores_of(tenant, self._world.catalog.edition(tenant.edition))
        return [StoreSeen(name, open_store(self._world, tenant.layer("data"), tenant.host, name).follows) for name in names]

    def _room(self, tenant: Tenant, host: str) -> Room:
        return room_on(self._context, replace(tenant, host=host))


def refuse_cordoned(context: Context, name: str) -> None:
    """Raises NotFound, NotAllowed for a host that takes no new tenants."""
    if host_record(context, name).cordoned:
        raise NotAllowed(f"host {name} is cordoned: it takes no tenants", f"looma host uncordon {name}, or choose another")
