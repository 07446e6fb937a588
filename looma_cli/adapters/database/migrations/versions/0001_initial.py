"""Tenants, hosts, ports, subnets, secrets, operations and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from looma_cli.adapters.database.types import FreeText, UtcDateTime

revision = "0001"
down_revision = None

OPEN = sa.text("status IN ('pending', 'running', 'paused', 'interrupted')")


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        text("id"),
        time("created_at"),
        sa.PrimaryKeyConstraint("number", name="pk_installation"),
        sa.CheckConstraint("number = 1", name=op.f("ck_installation_one_row")),
    )
    op.create_table(
        "hosts",
        *(text(name) for name in ("name", "url", "address", "status")),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("engine", sa.JSON, nullable=False),
        sa.Column("capacity", sa.JSON, nullable=True),
        sa.Column("used", sa.JSON, nullable=True),
        time("checked_at", nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
    )
    op.create_table(
        "tenants",
        *(text(name) for name in ("name", "display_name", "edition", "release", "profile", "host", "status")),
        text("hostname", nullable=True),
        number("public_port"),
        text("address"),
        time("created_at"),
        time("updated_at"),
        number("data_generation"),
        number("app_generation"),
        *(text(name) for name in ("port_policy", "images", "health")),
        time("checked_at", nullable=True),
        time("last_backup", nullable=True),
        sa.Column("platform", sa.Boolean, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        text("certificate", nullable=True),
        text("sealed_key", nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
        sa.UniqueConstraint("hostname", name="uq_tenants_hostname"),
    )
    _ports_and_subnets()
    _secrets()
    _operations()
    op.create_table(
        "leases",
        *(text(name) for name in ("resource", "owner", "machine")),
        number("pid"),
        sa.Column("process_started", sa.BigInteger, nullable=False),
        text("operation", nullable=True),
        sa.Column("why", FreeText, nullable=False),
        time("acquired_at"),
        time("expires_at"),
        sa.PrimaryKeyConstraint("resource", name="pk_leases"),
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant", ondelete="CASCADE")


def _ports_and_subnets() -> None:
    op.create_table(
        "allocations",
        number("id"),
        *(text("host"), text("address"), number("host_port"), text("protocol"), text("tenant", nullable=True), text("layer")),
        *(number("generation"), text("component"), number("container_port"), sa.Column("canonical", sa.Boolean, nullable=False)),
        text("state"),
        sa.PrimaryKeyConstraint("id", name="pk_allocations"),
        sa.UniqueConstraint("host", "address", "host_port", "protocol", name="uq_allocations_host_address_host_port_protocol"),
        _of_tenant("allocations"),
    )
    op.create_index("ix_allocations_tenant", "allocations", ["tenant"])
    op.create_index("ix_allocations_host_host_port", "allocations", ["host", "host_port"])
    op.create_table(
        "subnets",
        *(number("id"), text("host"), text("cidr"), text("tenant"), text("layer"), number("generation"), text("name")),
        sa.PrimaryKeyConstraint("id", name="pk_subnets"),
        sa.UniqueConstraint("host", "cidr", name="uq_subnets_host_cidr"),
        _of_tenant("subnets"),
    )
    op.create_index("ix_subnets_tenant", "subnets", ["tenant"])


def _secrets() -> None:
    op.create_table(
        "secrets",
        *(text("tenant"), text("name"), text("sealed")),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_secrets"),
        _of_tenant("secrets"),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        *(text(name) for name in ("id", "kind", "tenant", "host", "status")),
        sa.Column("plan", sa.JSON, nullable=False),
        time("started_at"),
        time("finished_at", nullable=True),
        text("direction"),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("error", FreeText, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("ix_operations_tenant_started_at", "operations", ["tenant", "started_at"])
    op.create_index("ix_operations_started_at", "operations", ["started_at"])
    op.create_index("uq_operations_open_tenant", "operations", ["tenant"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_table(
        "operation_steps",
        *(text("operation"), sa.Column("position", sa.Integer, autoincrement=False, nullable=False), text("name"), text("status")),
        time("started_at", nullable=True),
        sa.Column("duration_ms", sa.BigInteger, nullable=True),
        sa.Column("detail", FreeText, nullable=False),
        sa.PrimaryKeyConstraint("operation", "position", name="pk_operation_steps"),
        sa.ForeignKeyConstraint(["operation"], ["operations.id"], name="fk_operation_steps_operation", ondelete="CASCADE"),
    )


def downgrade() -> None:
    for table in ("leases", "operation_steps", "operations", "secrets", "subnets", "allocations", "tenants", "hosts", "installation"):
        op.drop_table(table)
