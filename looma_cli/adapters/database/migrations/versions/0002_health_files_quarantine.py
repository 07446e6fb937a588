"""Health results, stored files, quarantined ports, and the outside program that a lease's holder runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from looma_cli.adapters.database.types import FreeText, UtcDateTime

revision = "0002"
down_revision = "0001"


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    op.add_column("leases", sa.Column("child", sa.Integer, nullable=True))
    op.add_column("leases", sa.Column("child_started", sa.BigInteger, nullable=True))
    op.create_table(
        "quarantined_ports",
        *(text("host"), text("address"), sa.Column("host_port", sa.Integer, autoincrement=False, nullable=False), text("protocol")),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("host", "address", "host_port", "protocol", name="pk_quarantined_ports"),
    )
    op.create_table(
        "health_results",
        *(text("tenant"), sa.Column("position", sa.Integer, autoincrement=False, nullable=False)),
        *(text("component"), text("kind"), text("state"), sa.Column("healthy", sa.Boolean, nullable=False)),
        sa.Column("latency_ms", sa.Float, nullable=True),
        sa.Column("detail", FreeText, nullable=False),
        sa.Column("checked_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "position", name="pk_health_results"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_health_results_tenant", ondelete="CASCADE"),
    )
    op.create_table(
        "stack_files",
        *(text("tenant"), text("name"), text("text"), sa.Column("updated_at", UtcDateTime, nullable=False)),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_stack_files"),
    )


def downgrade() -> None:
    for table in ("stack_files", "health_results", "quarantined_ports"):
        op.drop_table(table)
    with op.batch_alter_table("leases") as leases:
        leases.drop_column("child_started")
        leases.drop_column("child")
