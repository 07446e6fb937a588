"""JSON shapes of a fleet's releases; see ``documents``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from looma_cli.cli.documents import Document, time
from looma_cli.cli.failures import envelope, explain
from looma_cli.plan.fleet import target_release

STATUSES = ("done", "failed", "paused", "not_begun", "left_out")


def result(noun: Any) -> Document:
    return {
        "name": noun.name,
        "status": noun.status,
        "from": noun.from_release,
        "to": noun.to_release,
        "operation": noun.operation,
        "duration_ms": noun.duration_ms,
        "error": envelope(explain(noun.error))["error"] if noun.error else None,
    }


def fleet(plan: Any, results: Mapping[str, Any], stopped: str) -> Document:
    """A ``fleet upgrade`` that has ended. ``results`` by tenant."""
    waves = [
        {"wave": wave.number, "size": wave.size, "tenants": [result(results[member.name]) for member in wave.members]}
        for wave in plan.waves
    ]
    left_out = [
        {"name": one.tenant.name, "status": "left_out", "from": one.tenant.release, "to": plan.release, "reason": one.reason}
        for one in plan.left_out
    ]
    statuses = [*(one.status for one in results.values()), *("left_out" for _ in left_out)]
    summary = {"tenants": len(statuses), **{status: statuses.count(status) for status in STATUSES}}
    already = [result(results[member.name]) for member in plan.already]
    shape = {"edition": plan.edition, "release": plan.release, "already": already, "waves": waves, "left_out": left_out}
    return {"fleet": {**shape, "stopped": stopped or None, "summary": summary}}


def releases(noun: Any) -> Document:
    return {
        "edition": noun.edition,
        "newest": noun.newest or None,
        "tenants": sum(row.tenants for row in noun.releases),
        "releases": [{"release": row.release, "tenants": row.tenants, "serving": row.serving} for row in noun.releases],
        "unfinished": [_unfinished(operation) for operation in noun.unfinished],
        "next": noun.following or None,
    }


def _unfinished(operation: Any) -> Document:
    return {
        "tenant": operation.tenant,
        "operation": operation.id,
        "kind": operation.kind,
        "status": operation.status,
        "to": target_release(operation),
        "started_at": time(operation.started_at),
        "error": operation.error,
    }
