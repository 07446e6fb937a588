"""Moving a tenant to another host while it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from looma_cli.errors import NotAllowed
from looma_cli.model.host import Reservation
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
from looma_cli.usecases.context import Context, held_on, host_record, known_hosts, observe_host
from looma_cli.usecases.placing import Placer
from looma_cli.usecases.replanning import replanning
from looma_cli.usecases.restoring import layers_on
from looma_cli.usecases.retiring import retire_overdue
from looma_cli.usecases.switching import last_operation, room_on, taken_generations

Reserve = Callable[[State], Reservation]


class MoveUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def move(self, request: MoveRequest, *, dry_run: bool = False, wait_seconds: float = 0) -> Operation | Plan:
        """To the host asked for, or to the one that placement chooses. Raises NotFound (tenant, host), NotAllowed (status, the same host, a
        cordoned one), NoRoom, Conflict (no room), PortTaken (the public port), HostUnreachable, OperationFailed, Held."""
        with self._world.store.read() as state:
            tenant = state.tenant(request.tenant)
        if request.host is not None:
            refuse_cordoned(self._context, request.host)
        if not dry_run:
            retire_overdue(self._context, request.tenant)

        def to(host: str, reserve: Reserve) -> Plan | None:
            return self._move(tenant, host, replace(request, host=host), reserve, dry_run, wait_seconds)

        edition = self._world.catalog.edition(tenant.edition)
        if request.host is not None:
            plan = to(request.host, lambda state: reservation(tenant, request.host or "", self._need(tenant)))
        else:
            plan = Placer(self._context).elsewhere(tenant, edition, to, self._without_its_port(tenant, request))
        return plan if dry_run and plan else last_operation(self._context, tenant.name, MOVE)

    def _move(
        self, tenant: Tenant, host: str, request: MoveRequest, reserve: Reserve, dry_run: bool, wait_seconds: float
    ) -> Plan | None:
        def attempt(refused: Refused) -> Plan | None:
            seen = observe_host(self._context, host, engine=True)
            there = [one for place in (tenant.host, host) for one in layers_on(self._world.engine(place), tenant.name)]
            stores, room = self._stores(tenant, host), self._room(tenant, host)
            # of this try: the tenant served after the one before was put back, and took writes
            safety = NewBackup(new_backup_id(), self._context.backup_location(tenant.name)) if request.safety else None

            def decide(state: State) -> Plan:
                now = state.tenant(tenant.name)
                held = reserve(state)
                return plan_move(
                    request,
                    now,
                    self._world.catalog.edition(now.edition),
                    stores,
                    Arrival(seen, held_on(state, host), room, held, own_ports(state, host, now.name)),
                    self._context.limits,
                    safety=safety,
                    left=taken_generations(state, now.name, there),
                    registry=self._context.registry,
                    edge_image=self._context.edge_image(now.images),
                    support_images=self._context.support_images(now.images),
                )

            return change(self._context, tenant.name, MOVE, tenant.host, decide, dry_run=dry_run, wait_seconds=wait_seconds)

        return replanning(self._context, host, attempt, keep=tenant.public_port)

    def _need(self, tenant: Tenant) -> tuple[int, int]:
        need = footprint(self._world.catalog.edition(tenant.edition), tenant.profile)
        return need.memory_bytes, need.disk_bytes

    def _without_its_port(self, tenant: Tenant, request: MoveRequest) -> dict[str, str]:
        """Hosts where somebody else has the tenant's public port, unless it may get another."""
        with self._world.store.read() as state:
            hosts = [host.name for host in known_hosts(self._context, state, counted=False)]
            wanted = ("tcp", tenant.public_port)
            taken = [
                name
                for name in hosts
                if wanted in state.taken_ports(name) and tenant.public_port not in own_ports(state, name, tenant.name)
            ]
        return {} if request.new_public_port else dict.fromkeys(taken, f"public port {tenant.public_port} is taken there")

    def _stores(self, tenant: Tenant, host: str) -> list[StoreSeen]:
        if tenant.status not in SERVING or tenant.host == host:
            return []  # refused by the plan
        names = stores_of(tenant, self._world.catalog.edition(tenant.edition))
        return [StoreSeen(name, open_store(self._world, tenant.layer("data"), tenant.host, name).follows) for name in names]

    def _room(self, tenant: Tenant, host: str) -> Room:
        return room_on(self._context, replace(tenant, host=host))


def reservation(tenant: Tenant, host: str, need: tuple[int, int]) -> Reservation:
    return Reservation(host, 0, tenant.name, *need)


def own_ports(state: State, host: str, tenant: str) -> frozenset[int]:
    """Public ports that the tenant has on a host: of one that it has left, requests to them are passed on."""
    return frozenset(row.host_port for row in state.allocations(host=host, tenant=tenant) if row.layer == "edge")


def refuse_cordoned(context: Context, name: str) -> None:
    """Raises NotFound, NotAllowed for a host that takes no new tenants."""
    if host_record(context, name).cordoned:
        raise NotAllowed(f"host {name} is cordoned: it takes no tenants", f"looma host uncordon {name}, or choose another")
