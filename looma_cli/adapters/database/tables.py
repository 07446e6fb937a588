"""The tables, declared with SQLModel; ``docs/reference/state.md`` explains them and where their names come from.

UNIQUE constraints judge every race. Imported only to migrate a state: a new one is created by ``schema.py``, which is written from here,
queries go through ``columns.py``, and no object is built by the ORM.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from looma_cli.adapters.database.columns import IS_OPEN
from looma_cli.adapters.database.types import FreeText, UtcDateTime

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class Row(SQLModel):
    """Base of all tables; the state has a metadata of its own."""

    metadata = METADATA


def _time(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=nullable))


def _json(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=nullable))


def _text(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=nullable))


def _free_text(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(FreeText, nullable=nullable))


def _of_tenant(primary_key: bool = False, nullable: bool = False) -> Any:
    """A reference to the tenant that disappears with it."""
    key = ForeignKey("tenants.name", ondelete="CASCADE")
    return Field(default=None, sa_column=Column(Text, key, primary_key=primary_key, nullable=nullable, index=not primary_key))


class InstallationRow(Row, table=True):
    """One row: who this state is."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("number = 1", name="one_row"),)
    number: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    id: str = _text()
    created_at: datetime = _time()


class HostRow(Row, table=True):
    """``engine_id`` is also in ``engine``: one engine under two names would be filled twice."""

    __tablename__ = "hosts"
    __table_args__ = (UniqueConstraint("url"), UniqueConstraint("engine_id"))
    name: str = Field(sa_column=Column(Text, primary_key=True))
    url: str = _text()
    address: str = _text()
    status: str = _text()
    labels: dict[str, str] = _json()
    engine: dict[str, str] = _json()
    capacity: dict[str, Any] | None = _json(nullable=True)
    used: dict[str, Any] | None = _json(nullable=True)
    checked_at: datetime | None = _time(nullable=True)
    host_key: str = _text()
    cordoned: bool
    declared: dict[str, Any] | None = _json(nullable=True)
    engine_id: str | None = _text(nullable=True)


class TenantRow(Row, table=True):
    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("hostname"),)
    name: str = Field(sa_column=Column(Text, primary_key=True))
    display_name: str = _text()
    edition: str = _text()
    release: str = _text()
    profile: str = _text()
    host: str = _text()
    status: str = _text()
    hostname: str | None = _text(nullable=True)
    public_port: int
    address: str = _text()
    created_at: datetime = _time()
    updated_at: datetime = _time()
    data_generation: int
    app_generation: int
    port_policy: str = _text()
    images: str = _text()
    health: str = _text()
    checked_at: datetime | None = _time(nullable=True)
    last_backup: datetime | None = _time(nullable=True)
    platform: bool
    settings: dict[str, str] = _json()
    certificate: str | None = _text(nullable=True)
    sealed_key: str | None = _text(nullable=True)
    last_proof: datetime | None = _time(nullable=True)


class AllocationRow(Row, table=True):
    """``id`` keeps the order of insertion, which is the manifest's."""

    __tablename__ = "allocations"
    __table_args__ = (UniqueConstraint("host", "address", "host_port", "protocol"), Index(None, "host", "host_port"))
    id: int | None = Field(default=None, primary_key=True)
    host: str = _text()
    address: str = _text()
    host_port: int
    protocol: str = _text()
    tenant: str | None = _of_tenant(nullable=True)
    layer: str = _text()
    generation: int
    component: str = _text()
    container_port: int
    canonical: bool
    state: str = _text()


class QuarantinedPortRow(Row, table=True):
    """A port that something foreign holds. Apart from ``allocations``, since the engine may refuse a port that a layer still holds
    here: both stand until the operation has undone itself."""

    __tablename__ = "quarantined_ports"
    host: str = Field(sa_column=Column(Text, primary_key=True))
    address: str = Field(sa_column=Column(Text, primary_key=True))
    host_port: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    protocol: str = Field(sa_column=Column(Text, primary_key=True))
    expires_at: datetime = _time()


class SubnetRow(Row, table=True):
    __tablename__ = "subnets"
    __table_args__ = (UniqueConstraint("host", "cidr"),)
    id: int | None = Field(default=None, primary_key=True)
    host: str = _text()
    cidr: str = _text()
    tenant: str = _of_tenant()
    layer: str = _text()
    generation: int
    name: str = _text()


class SecretRow(Row, table=True):
    __tablename__ = "secrets"
    tenant: str = _of_tenant(primary_key=True)
    name: str = Field(sa_column=Column(Text, primary_key=True))
    sealed: str = _text()


class OperationRow(Row, table=True):
    """No reference to ``tenants``: the history outlives them, and a ``create`` is journaled before its tenant exists."""

    __tablename__ = "operations"
    __table_args__ = (
        Index("uq_operations_open_tenant", "tenant", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index(None, "tenant", "started_at"),
        Index(None, "started_at"),
    )
    id: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = _text()
    tenant: str = _text()
    host: str = _text()
    status: str = _text()
    plan: dict[str, Any] = _json()
    started_at: datetime = _time()
    finished_at: datetime | None = _time(nullable=True)
    direction: str = _text()
    result: dict[str, Any] = _json()
    error: str | None = _free_text(nullable=True)


class StepRow(Row, table=True):
    __tablename__ = "operation_steps"
    operation: str = Field(sa_column=Column(Text, ForeignKey("operations.id", ondelete="CASCADE"), primary_key=True))
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    name: str = _text()
    status: str = _text()
    started_at: datetime | None = _time(nullable=True)
    duration_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    detail: str = _free_text()


class LeaseRow(Row, table=True):
    __tablename__ = "leases"
    resource: str = Field(sa_column=Column(Text, primary_key=True))
    owner: str = _text()
    machine: str = _text()
    pid: int
    process_started: int = Field(sa_column=Column(BigInteger, nullable=False))
    operation: str | None = _text(nullable=True)
    why: str = _free_text()
    acquired_at: datetime = _time()
    expires_at: datetime = _time()
    child: int | None = Field(default=None)
    child_started: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class HealthRow(Row, table=True):
    __tablename__ = "health_results"
    tenant: str = _of_tenant(primary_key=True)
    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    component: str = _text()
    kind: str = _text()
    state: str = _text()
    healthy: bool
    latency_ms: float | None = Field(default=None, sa_column=Column(Float, nullable=True))
    detail: str = _free_text()
    checked_at: datetime = _time()


class BackupRow(Row, table=True):
    """No reference to ``tenants``: a backup outlives its tenant, and is for that."""

    __tablename__ = "backups"
    __table_args__ = (Index(None, "tenant", "created_at"),)
    id: str = Field(sa_column=Column(Text, primary_key=True))
    tenant: str = _text()
    kind: str = _text()
    created_at: datetime = _time()
    edition: str = _text()
    release: str = _text()
    location: str = _text()
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    stored_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    datastores: list[dict[str, Any]] = _json()
    missing: list[str] = _json()
    verified_at: datetime | None = _time(nullable=True)
    restore_ms: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    problem: str = _free_text()


class ScheduleRow(Row, table=True):
    """What runs by itself, and since when: whoever looks can tell what should have run and did not."""

    __tablename__ = "schedules"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    specification: dict[str, Any] = _json()
    installed_at: datetime = _time()


class KeptLayerRow(Row, table=True):
    """Layers of an earlier generation, stopped and kept for the way back."""

    __tablename__ = "kept_layers"
    tenant: str = _of_tenant(primary_key=True)
    layer: str = Field(sa_column=Column(Text, primary_key=True))
    generation: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    host: str = _text()
    keep_until: datetime = _time()
    reason: str = _text()
    record: dict[str, Any] = _json()


class ReservationRow(Row, table=True):
    """What a tenant holds of a host's memory and disk. Two who place a tenant on a host at the same moment would both write the next
    ``sequence``, and one of them decides again. No reference to ``hosts``: ``local`` needs no record."""

    __tablename__ = "reservations"
    __table_args__ = (UniqueConstraint("tenant", "host"),)
    host: str = Field(sa_column=Column(Text, primary_key=True))
    sequence: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    tenant: str = Field(sa_column=Column(Text, ForeignKey("tenants.name", ondelete="CASCADE"), nullable=False))
    memory_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    disk_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))


class StackFileRow(Row, table=True):
    """Rendered files and overrides, where several controllers share the state. No reference to ``tenants``: a layer may be
    rendered before its tenant is saved."""

    __tablename__ = "stack_files"
    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_column=Column(Text, primary_key=True))
    text: str = _text()
    updated_at: datetime = _time()
