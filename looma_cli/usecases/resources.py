"""What is allocated, to whom: ports and networks."""

from __future__ import annotations

from looma_cli.model.edition import PortConflict
from looma_cli.model.tenant import Allocation, Subnet
from looma_cli.plan.editions import port_conflicts
from looma_cli.usecases.context import Context, host_record


class PortUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def list(self, host: str | None = None, tenant: str | None = None) -> list[Allocation]:
        """Allocations by host and number. Raises NotFound for an unknown host or tenant."""
        if host is not None:
            host_record(self._context, host)
        with self._world.store.read() as state:
            if tenant is not None:
                state.tenant(tenant)
            rows = state.allocations(host=host, tenant=tenant)
        return sorted(rows, key=lambda row: (row.host, row.host_port, row.protocol))

    def conflicts(self) -> list[PortConflict]:
        """Host ports that two manifests document."""
        return port_conflicts(self._world.catalog.editions())


class NetworkUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def list(self, host: str | None = None, tenant: str | None = None) -> list[Subnet]:
        """Subnets by host and address. Raises NotFound for an unknown host or tenant."""
        from ipaddress import ip_network

        if host is not None:
            host_record(self._context, host)
        with self._world.store.read() as state:
            if tenant is not None:
                state.tenant(tenant)
            rows = state.subnets(host=host, tenant=tenant)
        return sorted(rows, key=lambda row: (row.host, ip_network(row.cidr)))
