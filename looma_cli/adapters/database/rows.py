"""Rows <-> nouns. Columns are selected in the order of the nouns' fields, so that a row becomes a noun by position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from looma_cli.adapters.database.columns import ALLOCATIONS, HEALTH, HOSTS, LEASES, OPERATIONS, STEPS, SUBNETS, TENANTS
from looma_cli.model.health import ComponentHealth
from looma_cli.model.host import Capacity, Host
from looma_cli.model.operation import Holder, Lease, Operation, Plan, PlannedStep, StepRecord
from looma_cli.model.tenant import Allocation, Certificate, StackPort, Subnet, Tenant

TENANT_FIELDS = (
    *("name", "display_name", "edition", "release", "profile", "host", "status", "hostname", "public_port", "address"),
    *("created_at", "updated_at", "data_generation", "app_generation", "port_policy", "images", "health", "checked_at"),
    *("last_backup", "platform", "settings", "last_proof"),
)
ALLOCATION_FIELDS = (
    *("host", "address", "host_port", "protocol", "tenant", "layer", "generation", "component", "container_port", "canonical", "state"),
)
SUBNET_FIELDS = ("host", "cidr", "tenant", "layer", "generation", "name")
OPERATION_FIELDS = ("id", "kind", "tenant", "host", "status", "started_at", "finished_at", "direction", "result", "error")
STEP_FIELDS = ("name", "status", "started_at", "duration_ms", "detail")
HOLDER_FIELDS = ("owner", "machine", "pid", "process_started")
LEASE_FIELDS = ("operation", "why", "acquired_at", "expires_at", "child", "child_started")
HEALTH_FIELDS = ("component", "kind", "state", "healthy", "latency_ms", "detail")

HOST_FIELDS = tuple(column.name for column in HOSTS.c if column.name != "engine_id")

HOST_COLUMNS = tuple(HOSTS.c[name] for name in HOST_FIELDS)
TENANT_COLUMNS = tuple(TENANTS.c[name] for name in (*TENANT_FIELDS, "certificate", "sealed_key"))
ALLOCATION_COLUMNS = tuple(ALLOCATIONS.c[name] for name in ALLOCATION_FIELDS)
STACK_PORT_COLUMNS = tuple(ALLOCATIONS.c[name] for name in StackPort._fields)
SUBNET_COLUMNS = tuple(SUBNETS.c[name] for name in SUBNET_FIELDS)
OPERATION_COLUMNS = tuple(OPERATIONS.c[name] for name in (*OPERATION_FIELDS, "plan"))
STEP_COLUMNS = tuple(STEPS.c[name] for name in ("operation", *STEP_FIELDS))
LEASE_COLUMNS = tuple(LEASES.c[name] for name in ("resource", *HOLDER_FIELDS, *LEASE_FIELDS))
HEALTH_COLUMNS = tuple(HEALTH.c[name] for name in HEALTH_FIELDS)

SIZES = ("capacity", "used", "declared")


def _pick(noun: object, names: tuple[str, ...]) -> dict[str, Any]:
    return dict(zip(names, _getter(names)(noun), strict=True))


@cache
def _getter(names: tuple[str, ...]) -> attrgetter[Any]:
    return attrgetter(*names)


def tenant_row(tenant: Tenant) -> dict[str, Any]:
    row = _pick(tenant, TENANT_FIELDS)
    row["settings"] = dict(tenant.settings)
    row["certificate"] = tenant.certificate.chain if tenant.certificate else None
    row["sealed_key"] = tenant.certificate.sealed_key if tenant.certificate else None
    return row


def tenant(row: Sequence[Any], ports: Iterable[Allocation], subnets: Iterable[Subnet]) -> Tenant:
    *fields, chain, sealed_key = row
    certificate = Certificate(chain, sealed_key) if chain is not None else None
    return Tenant(*fields, certificate, tuple(ports), tuple(subnets))


def allocation_row(allocation: Allocation) -> dict[str, Any]:
    return _pick(allocation, ALLOCATION_FIELDS)


def allocations(found: Iterable[Sequence[Any]]) -> Iterator[Allocation]:
    """Of rows as they are stored. The same few words stand in hundreds of thousands of rows, and are kept once each."""
    words: dict[str | None, str | None] = {}
    once: Any = words.setdefault
    for host, address, port, protocol, tenant, layer, generation, component, inside, canonical, state in found:
        yield Allocation(
            once(host, host), once(address, address), port, once(protocol, protocol), once(tenant, tenant), once(layer, layer),
            generation, once(component, component), inside, bool(canonical), once(state, state),
        )  # fmt: skip


def quarantined(host: str, address: str, port: int, protocol: str) -> Allocation:
    """How a port that something foreign holds is shown among the allocations: nobody's, of no layer."""
    return Allocation(host, address, port, protocol, None, "", 0, "", 0, False, "quarantined")


def subnet_row(subnet: Subnet) -> dict[str, Any]:
    return _pick(subnet, SUBNET_FIELDS)


def host_row(host: Host) -> dict[str, Any]:
    row = _pick(host, ("name", "url", "address", "status", "checked_at", "host_key", "cordoned"))
    row["labels"], row["engine"] = dict(host.labels), dict(host.engine)
    row["engine_id"] = host.engine.get("id") or None
    for name in SIZES:
        size = getattr(host, name)
        row[name] = asdict(size) if size else None
    return row


def host(row: Sequence[Any], tenants: int) -> Host:
    fields = dict(zip(HOST_FIELDS, row, strict=True))
    for name in SIZES:
        fields[name] = Capacity(**fields[name]) if fields[name] else None
    return Host(**fields, tenants=tenants)


def operation_row(operation: Operation) -> dict[str, Any]:
    row = _pick(operation, OPERATION_FIELDS)
    row["result"] = dict(operation.result)
    return row


def plan_json(plan: Plan) -> dict[str, Any]:
    steps = [{"name": step.name, "params": dict(step.params), "reason": step.reason} for step in plan.steps]
    return _pick(plan, ("kind", "tenant", "pivot")) | {"steps": steps, "changes": list(plan.changes), "warnings": list(plan.warnings)}


def plan(document: Mapping[str, Any]) -> Plan:
    steps = tuple(PlannedStep(step["name"], step["params"], step["reason"]) for step in document["steps"])
    changes, warnings = tuple(document["changes"]), tuple(document["warnings"])
    return Plan(document["kind"], document["tenant"], steps, document["pivot"], changes, warnings)


def operation(row: Sequence[Any], steps: Iterable[StepRecord]) -> Operation:
    fields = dict(zip((*OPERATION_FIELDS, "plan"), row, strict=True))
    return Operation(**fields | {"plan": plan(fields["plan"]), "steps": tuple(steps)})


def step_row(operation: str, position: int, step: StepRecord) -> dict[str, Any]:
    return _pick(step, STEP_FIELDS) | {"operation": operation, "position": position}


def step(row: Sequence[Any]) -> StepRecord:
    return StepRecord(*row)


def lease_row(lease: Lease) -> dict[str, Any]:
    return {"resource": lease.resource} | _pick(lease.holder, HOLDER_FIELDS) | _pick(lease, LEASE_FIELDS)


def lease(row: Sequence[Any]) -> Lease:
    resource, owner, machine, pid, started, *fields = row
    return Lease(resource, Holder(owner, machine, pid, started), *fields)


def health_row(tenant: str, position: int, result: ComponentHealth, at: datetime) -> dict[str, Any]:
    return _pick(result, HEALTH_FIELDS) | {"tenant": tenant, "position": position, "checked_at": at}
