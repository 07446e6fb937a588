"""How much was written to a server so far, by its own statistics."""

from __future__ import annotations

from looma_cli.adapters.datastores.postgresql.access import Access

_WRITTEN = "SELECT coalesce(sum(tup_inserted + tup_updated + tup_deleted), 0)::bigint AS rows FROM pg_stat_database"


def written(access: Access) -> int:
    """Rows, of all databases; what a session has done is counted within a second."""
    with access.session(access.database, mark="") as session:
        return int(session.rows(_WRITTEN)[0]["rows"])
