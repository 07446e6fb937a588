"""The JSON shapes of the contract (``docs/reference/json.md``). Stable, additive only.

Dispatched by the name of the noun's type, so that saying one thing imports nothing of another. Times are RFC 3339 in UTC, durations
``_ms``, sizes ``_bytes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from looma_cli.cli.pieces import Each
from looma_cli.model.operation import about, measured

Document = dict[str, Any]
_SCALARS = frozenset((str, int, float, bool, type(None)))  # asked first: a long list has tens of thousands


def document(noun: Any) -> Any:
    """JSON-safe values of a noun, of a mapping or sequence of nouns, or of a scalar."""
    if type(noun) in _SCALARS:
        return noun
    shape = _SHAPES.get(type(noun).__name__)
    if shape is not None:
        return shape(noun)
    if isinstance(noun, (dict, Mapping)):
        return {str(key): document(value) for key, value in noun.items()}
    if isinstance(noun, (list, tuple)):
        return [document(item) for item in noun]
    if isinstance(noun, datetime):
        return time(noun)
    if isinstance(noun, (str, int, float)):
        return noun
    raise TypeError(f"no JSON shape for {type(noun).__name__}")


def time(value: datetime | None) -> str | None:
    """``2026-01-31T08:00:00Z``, with milliseconds where there are any."""
    if value is None:
        return None
    value = value.astimezone(UTC)
    text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def tenant(noun: Any) -> Document:
    return {
        "name": noun.name,
        "display_name": noun.display_name,
        "edition": noun.edition,
        "release": noun.release,
        "profile": noun.profile,
        "host": noun.host,
        "status": noun.status,
        "health": noun.health,
        "checked_at": time(noun.checked_at),
        "hostname": noun.hostname,
        "url": noun.url,
        "public_port": noun.public_port,
        "generations": {"data": noun.data_generation, "app": noun.app_generation},
        "images": noun.images,
        "settings": dict(noun.settings),
        "ports": [_stack_port(port) for port in noun.ports if port.layer != "edge"],
        "subnets": [{"layer": subnet.layer, "cidr": subnet.cidr} for subnet in noun.subnets],
        "last_backup": time(noun.last_backup),
        "last_proof": time(noun.last_proof),
        "created_at": time(noun.created_at),
        "updated_at": time(noun.updated_at),
    }


def _stack_port(noun: Any) -> Document:
    return {
        "component": noun.component,
        "layer": noun.layer,
        "container_port": noun.container_port,
        "host_port": noun.host_port,
        "address": noun.address,
        "canonical": bool(noun.canonical),
    }


def port(noun: Any) -> Document:
    return {
        "host": noun.host,
        "address": noun.address,
        "host_port": noun.host_port,
        "protocol": noun.protocol,
        "tenant": noun.tenant,
        "layer": noun.layer,
        "component": noun.component,
        "container_port": noun.container_port,
        "canonical": noun.canonical,
        "state": noun.state,
    }


def conflict(noun: Any) -> Document:
    return {"port": noun.port, "claims": [{"edition": claim.edition, "component": claim.component} for claim in noun.claims]}


def network(noun: Any) -> Document:
    return {"host": noun.host, "cidr": noun.cidr, "tenant": noun.tenant, "layer": noun.layer, "name": noun.name}


def host(noun: Any) -> Document:
    """See ``host_documents``, imported when a host is said."""
    from looma_cli.cli import host_documents

    return host_documents.host(noun)


def _of_hosts(name: str) -> Callable[[Any], Any]:
    """As ``host``, for what is said of hosts beside their record."""

    def shape(noun: Any) -> Any:
        from looma_cli.cli import host_documents

        return getattr(host_documents, name)(noun)

    return shape


def operation(noun: Any) -> Document:
    return {
        "id": noun.id,
        "kind": noun.kind,
        "tenant": about(noun),
        "host": noun.host,
        "status": noun.status,
        "direction": noun.direction,
        "started_at": time(noun.started_at),
        "finished_at": time(noun.finished_at),
        "steps": [_step(step) for step in noun.steps],
        "result": {**measured(noun), **document(noun.result)},
        "error": noun.error,
    }


def _step(noun: Any) -> Document:
    return {
        "name": noun.name,
        "status": noun.status,
        "started_at": time(noun.started_at),
        "duration_ms": noun.duration_ms,
        "detail": noun.detail,
    }


def plan(noun: Any) -> Document:
    steps = [{"name": step.name, "reason": step.reason, "params": document(step.params)} for step in noun.steps]
    return {
        "plan": {
            "kind": noun.kind,
            "tenant": noun.tenant or None,
            "steps": steps,
            "changes": list(noun.changes),
            "warnings": list(noun.warnings),
        }
    }


def fleet(noun: Any) -> Document:
    return {
        "tenants": Each(noun.tenants, tenant),
        "hosts": [host(each) for each in noun.hosts],
        "operations": [operation(each) for each in noun.operations],
        "backups": [
            {"tenant": name, "state": line.state, "detail": line.detail} for name, lines in noun.concerns.items() for line in lines
        ],
        "unreachable": [{"host": name, "detail": why} for name, why in noun.problems.items()],
        "summary": dict(noun.summary),
    }


def health_report(noun: Any) -> Document:
    return {"healthy": noun.healthy, "tenants": [_tenant_health(each) for each in noun.tenants]}


def _tenant_health(noun: Any) -> Document:
    return {"name": noun.name, "healthy": noun.healthy, "components": [component_health(each) for each in noun.components]}


def component_health(noun: Any) -> Document:
    return {
        "component": noun.component,
        "kind": noun.kind,
        "state": noun.state,
        "healthy": noun.healthy,
        "latency_ms": None if noun.latency_ms is None else round(noun.latency_ms, 1),
        "detail": noun.detail,
    }


def image(noun: Any) -> Document:
    return {"reference": noun.reference, "source": noun.source, "needed_by": list(noun.needed_by), "present": noun.present}


def built_image(noun: Any) -> Document:
    return {"name": noun.name, "reference": noun.reference, "state": noun.state, "duration_ms": round(noun.seconds * 1000)}


def check(noun: Any) -> Document:
    return {"name": noun.name, "status": noun.status, "detail": noun.detail, "hint": noun.hint}


def finding(noun: Any) -> Document:
    return {"host": noun.host, "kind": noun.kind, "name": noun.name, "tenant": noun.tenant, "detail": noun.detail}


def audit(noun: Any) -> Document:
    return {"ok": noun.ok, "missing": [finding(each) for each in noun.missing], "unknown": [finding(each) for each in noun.unknown]}


def _of_the_catalogue(name: str) -> Callable[[Any], Any]:
    """Shapes of editions are the catalogue's own (``plan.editions``), imported when one is said."""

    def shape(noun: Any) -> Any:
        from looma_cli.plan import editions

        return getattr(editions, name)(noun)

    return shape


def _of_the_fleet(name: str) -> Callable[[Any], Any]:
    """See ``fleet_documents``, imported when one is said."""

    def shape(noun: Any) -> Any:
        from looma_cli.cli import fleet_documents

        return getattr(fleet_documents, name)(noun)

    return shape


def remark(noun: Any) -> Document:
    return {"tenant": noun.tenant, "detail": noun.detail}


def rebuild(noun: Any) -> Document:
    return {
        "installation": noun.installation,
        "rebuilt": [tenant(each) for each in noun.rebuilt],
        "skipped": [remark(each) for each in noun.skipped],
        "problems": [remark(each) for each in noun.problems],
    }


def _of_backups(name: str) -> Callable[[Any], Any]:
    """See ``backup_documents``, imported when a backup is said."""

    def shape(noun: Any) -> Any:
        from looma_cli.cli import backup_documents

        return getattr(backup_documents, name)(noun)

    return shape


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "Edition": _of_the_catalogue("edition_document"),
    "EditionComparison": _of_the_catalogue("comparison_document"),
    "Recommendation": _of_the_catalogue("recommendation_document"),
    "Tenant": tenant,
    "Backup": _of_backups("backup"),
    "Allocation": port,
    "PortConflict": conflict,
    "Subnet": network,
    "Host": host,
    "HostReport": _of_hosts("report"),
    "HostPage": _of_hosts("page"),
    "Operation": operation,
    "Plan": plan,
    "FleetStatus": fleet,
    "EditionReleases": _of_the_fleet("releases"),
    "FleetResult": _of_the_fleet("result"),
    "HealthReport": health_report,
    "ImageRecord": image,
    "BuildResult": built_image,
    "Check": check,
    "AuditReport": audit,
    "Finding": finding,
    "RebuildReport": rebuild,
    "ScheduleReport": _of_backups("schedule"),
    "Exported": _of_backups("exported"),
    "Each": list,
}
