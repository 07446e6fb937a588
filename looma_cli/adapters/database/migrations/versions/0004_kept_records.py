"""What a tenant was while a layer that it has left was its own: the way back needs its edition and release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("kept_layers") as kept:
        kept.add_column(sa.Column("record", sa.JSON, nullable=False, server_default="{}"))
    with op.batch_alter_table("kept_layers") as kept:
        kept.alter_column("record", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("kept_layers") as kept:
        kept.drop_column("record")
