"""The JSON shapes of hosts; see ``documents``."""

from __future__ import annotations

from typing import Any

from looma_cli.cli.documents import Document, check, time


def host(noun: Any) -> Document:
    """``capacity`` is what is counted on: declared where something is declared, else measured."""
    return {
        "name": noun.name,
        "url": noun.url,
        "address": noun.address,
        "status": noun.standing,
        "cordoned": noun.cordoned,
        "labels": dict(noun.labels),
        "engine": dict(noun.engine),
        "host_key": noun.fingerprint or None,
        "capacity": capacity(noun.size),
        "declared": capacity(noun.declared),
        "measured": capacity(noun.capacity),
        "used": capacity(noun.used),
        "tenants": noun.tenants,
        "checked_at": time(noun.checked_at),
    }


def capacity(noun: Any) -> Document | None:
    return noun and {"cpus": noun.cpus, "memory_bytes": noun.memory_bytes, "disk_bytes": noun.disk_bytes}


def report(noun: Any) -> Document:
    return {**host(noun.host), "checks": [check(each) for each in noun.checks]}


def page(noun: Any) -> Document:
    held = noun.reserved
    return {
        **host(noun.host),
        "tenant_names": list(noun.tenants),
        "reserved": {"memory_bytes": held.memory_bytes, "disk_bytes": held.disk_bytes},
        "forecast": noun.forecast and forecast(noun.forecast),
    }


def forecast(noun: Any) -> Document:
    each = noun.each
    return {
        "edition": noun.edition,
        "profile": noun.profile,
        "per_tenant": {"memory_bytes": each.memory_bytes, "disk_bytes": each.disk_bytes, "ports": each.ports, "subnets": each.subnets},
        "limits": [{"what": ceiling.what, "tenants": ceiling.tenants} for ceiling in noun.ceilings],
        "unknown": list(noun.unknown),
    }
