"""Alembic's environment: runs on the connection, and inside the transaction, that ``upgrade.py`` gives it."""

from __future__ import annotations

from alembic import context

from looma_cli.adapters.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
