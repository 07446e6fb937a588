"""Views as SQL, each after those that it reads.

mysqldump writes them in the order of their names over stand-ins, which fails for a view WITH CHECK OPTION on a later one. The names in
SHOW CREATE VIEW are qualified where the session has no schema of its own, so that what a view reads can be seen in its text. Text
beyond ASCII in a view that was made through a connection of another character set than UTF-8 comes back as with mysqldump: wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from looma_cli.adapters.datastores.mysql.inventory import VIEW, Inventory
from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import Row


def views_as_sql(session: Session, inventory: Inventory) -> str:
    """Raises BackupFailed, naming it, for a view that does not work: it could not be made again either."""
    views = [table.identifier for table in inventory.tables if table.kind == VIEW]
    session.each([f"SHOW FIELDS FROM {view}" for view in views])
    found = session.each([f"SHOW CREATE VIEW {view}" for view in views])
    created = {view: rows[0] for view, rows in zip(views, found, strict=True)}
    return "".join(_statement(created[view]) for view in _ordered(created))


def _statement(created: Row) -> str:
    _, text, client, collation = created
    return f"SET character_set_client = {client};\nSET collation_connection = {collation};\n{text};\n"


def _ordered(created: Mapping[str, Row]) -> Iterator[str]:
    """Those without others first. A name that is only mentioned does no harm: at worst an order that is not needed."""
    done: set[str] = set()

    def with_needed(view: str) -> Iterator[str]:
        if view in done:
            return
        done.add(view)
        for other in created:
            if other != view and other in created[view][1]:
                yield from with_needed(other)
        yield view

    for view in created:
        yield from with_needed(view)
