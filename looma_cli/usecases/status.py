"""The fleet at a glance, from the state; ``live`` asks the hosts first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from looma_cli.model.health import ComponentHealth
from looma_cli.model.host import Host
from looma_cli.model.operation import Operation
from looma_cli.model.tenant import PortDetail, Tenant
from looma_cli.usecases.backup_health import backup_concerns
from looma_cli.usecases.context import Context, known_hosts
from looma_cli.usecases.health import HealthUseCases
from looma_cli.usecases.inspecting import glances, record
from looma_cli.usecases.operations import OperationUseCases


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """``concerns``: what is wrong with tenants' backups, by tenant; such a tenant is unhealthy, whatever its components answered.
    ``problems``: why hosts cannot be reached that were just asked, by host."""

    tenants: tuple[Tenant, ...]
    hosts: tuple[Host, ...]
    operations: tuple[Operation, ...]
    concerns: Mapping[str, tuple[ComponentHealth, ...]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, int]:
        running = sum(t.status == "running" for t in self.tenants)
        unhealthy = sum(t.health == "unhealthy" for t in self.tenants)
        return {"tenants": len(self.tenants), "running": running, "unhealthy": unhealthy}


class StatusUseCases:
    def __init__(self, context: Context, health: HealthUseCases, operations: OperationUseCases) -> None:
        self._context = context
        self._world = context.world
        self._health = health
        self._operations = operations

    def fleet(self, live: bool = False, *, ports: PortDetail = "whole") -> FleetStatus:
        return self._status(None, live, ports)

    def tenant(self, name: str, live: bool = False) -> FleetStatus:
        """The same for one tenant. Raises NotFound."""
        return self._status(name, live, "whole")

    def _status(self, name: str | None, live: bool, ports: PortDetail) -> FleetStatus:
        problems = self._look(name) if live else {}
        with self._world.store.read() as state:
            tenants = [state.tenant(name)] if name else state.tenants(ports=ports)
            hosts = [h for h in known_hosts(self._context, state) if name is None or h.name == tenants[0].host]
            concerns = backup_concerns(self._context, state, tenants)
        judged = tuple(replace(each, health="unhealthy") if each.name in concerns else each for each in tenants)
        return FleetStatus(judged, tuple(hosts), tuple(self._operations.list(name)), concerns, problems)

    def _look(self, name: str | None) -> dict[str, str]:
        """Ask the hosts, all at the same time, and every tenant on a reachable one; an unreachable host is recorded as such.
        Returns why, by host."""
        with self._world.store.read() as state:
            hosts = known_hosts(self._context, state)
        seen = glances(self._world, hosts)
        with self._world.store.write() as state:
            for one in seen:
                record(state, one.host)
        self._health.check([name] if name else [])
        return {one.host.name: one.error.message for one in seen if one.error is not None}
