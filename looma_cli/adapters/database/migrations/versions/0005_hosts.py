"""Hosts over SSH: pinned keys, cordons, declared sizes, one record per engine; what tenants reserve of a host."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("hosts") as hosts:
        hosts.add_column(sa.Column("host_key", sa.Text, nullable=False, server_default=""))
        hosts.add_column(sa.Column("cordoned", sa.Boolean, nullable=False, server_default=sa.false()))
        hosts.add_column(sa.Column("declared", sa.JSON, nullable=True))
        hosts.add_column(sa.Column("engine_id", sa.Text, nullable=True))
    with op.batch_alter_table("hosts") as hosts:
        hosts.alter_column("host_key", server_default=None)
        hosts.alter_column("cordoned", server_default=None)
        hosts.create_unique_constraint("uq_hosts_url", ["url"])
        hosts.create_unique_constraint("uq_hosts_engine_id", ["engine_id"])
    op.create_table(
        "reservations",
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("memory_bytes", sa.BigInteger, nullable=False),
        sa.Column("disk_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("host", "sequence", name="pk_reservations"),
        sa.UniqueConstraint("tenant", "host", name="uq_reservations_tenant_host"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_reservations_tenant", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("reservations")
    with op.batch_alter_table("hosts") as hosts:
        hosts.drop_constraint("uq_hosts_engine_id", type_="unique")
        hosts.drop_constraint("uq_hosts_url", type_="unique")
    with op.batch_alter_table("hosts") as hosts:
        for column in ("engine_id", "declared", "cordoned", "host_key"):
            hosts.drop_column(column)
