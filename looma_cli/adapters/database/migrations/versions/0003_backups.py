"""Backup sets, when they are due, the last proof of each tenant, and layers that a tenant has left but that are kept for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from looma_cli.adapters.database.types import FreeText, UtcDateTime

revision = "0003"
down_revision = "0002"


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    op.add_column("tenants", sa.Column("last_proof", UtcDateTime, nullable=True))
    op.create_table(
        "backups",
        *(text("id"), text("tenant"), text("kind"), sa.Column("created_at", UtcDateTime, nullable=False)),
        *(text("edition"), text("release"), text("location")),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("datastores", sa.JSON, nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("verified_at", UtcDateTime, nullable=True),
        sa.Column("restore_ms", sa.BigInteger, nullable=True),
        sa.Column("problem", FreeText, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
    )
    op.create_index("ix_backups_tenant_created_at", "backups", ["tenant", "created_at"])
    op.create_table(
        "schedules",
        *(text("name"), sa.Column("specification", sa.JSON, nullable=False)),
        sa.Column("installed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_schedules"),
    )
    op.create_table(
        "kept_layers",
        *(text("tenant"), text("layer"), sa.Column("generation", sa.Integer, autoincrement=False, nullable=False)),
        *(text("host"), sa.Column("keep_until", UtcDateTime, nullable=False), text("reason")),
        sa.PrimaryKeyConstraint("tenant", "layer", "generation", name="pk_kept_layers"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_kept_layers_tenant", ondelete="CASCADE"),
    )


def downgrade() -> None:
    for table in ("kept_layers", "schedules", "backups"):
        op.drop_table(table)
    with op.batch_alter_table("tenants") as tenants:
        tenants.drop_column("last_proof")
