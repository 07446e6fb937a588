"""Frozen nouns to JSON-safe dictionaries and back: what steps carry in their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any

from looma_cli.model.tenant import Allocation, Certificate, Subnet, Tenant

_SCALARS = frozenset((str, int, bool, float, type(None)))


def encode(noun: Any) -> Any:
    """A dataclass, sequence, mapping or scalar as JSON-safe values; times as RFC 3339."""
    kind = type(noun)
    if kind in _SCALARS:
        return noun
    names = _names(kind)
    if names:
        values = [(name, getattr(noun, name)) for name in names]
        return {name: value if type(value) in _SCALARS else encode(value) for name, value in values}
    if isinstance(noun, datetime):
        return noun.isoformat()
    if isinstance(noun, Mapping):
        return {str(key): encode(value) for key, value in noun.items()}
    if isinstance(noun, (list, tuple)):
        return [encode(value) for value in noun]
    return noun


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass; none of anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def decode_tenant(data: Mapping[str, Any]) -> Tenant:
    """Inverse of ``encode`` for a tenant (ports and subnets included)."""
    certificate = data.get("certificate")
    return Tenant(
        **{k: v for k, v in data.items() if k not in _TENANT_SPECIAL},
        created_at=datetime.fromisoformat(data["created_at"]),
        updated_at=datetime.fromisoformat(data["updated_at"]),
        checked_at=_time(data.get("checked_at")),
        last_backup=_time(data.get("last_backup")),
        last_proof=_time(data.get("last_proof")),
        certificate=Certificate(**certificate) if certificate else None,
        ports=tuple(Allocation(**row) for row in data.get("ports", ())),
        subnets=tuple(Subnet(**row) for row in data.get("subnets", ())),
    )


_TENANT_SPECIAL = {"created_at", "updated_at", "checked_at", "last_backup", "last_proof", "certificate", "ports", "subnets"}
