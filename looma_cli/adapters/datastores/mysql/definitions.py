"""What is defined beside rows, as parts of a fingerprint: tables, views, routines, triggers, events and schema defaults."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from looma_cli.adapters.datastores.mysql.events import without_mark
from looma_cli.adapters.datastores.mysql.inventory import VIEW, Inventory
from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import Row, identifier, literal
from looma_cli.model.backup import FingerprintPart

# the next number is no part of a snapshot, and differs after a restore where the last rows were deleted
_NEXT_NUMBER = re.compile(r"^(\) ENGINE=\S+) AUTO_INCREMENT=\d+", re.MULTILINE)


def definitions(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    return [
        *_defaults(session, inventory),
        *_tables(session, inventory),
        *_views(session, inventory),
        *(
            part
            for schema in inventory.schemas
            for part in (_routines(session, schema), _triggers(session, schema), _events(session, schema))
        ),
    ]


def part(name: str, texts: Iterable[Sequence[str]]) -> FingerprintPart:
    """Definitions as one part: how many, and a hash that does not depend on their order."""
    lines = sorted("\0".join(text).encode("utf-8", errors="surrogateescape") for text in texts)
    return FingerprintPart(name, len(lines), hashlib.sha256(b"\n\0".join(lines)).hexdigest()[:16], definition=True)


def _defaults(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    found = session.each([f"SHOW CREATE DATABASE {identifier(name)}" for name in inventory.schemas])
    return [part(f"schema {name}", rows) for name, rows in zip(inventory.schemas, found, strict=True)]


def _tables(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    tables = [table for table in inventory.tables if table.kind != VIEW]
    found = session.each([f"SHOW CREATE TABLE {table.identifier}" for table in tables])
    lists: dict[str, list[Row]] = {name: [] for name in inventory.schemas}
    for table, ((name, text),) in zip(tables, found, strict=True):
        lists[table.schema].append((name, _NEXT_NUMBER.sub(r"\1", text)))
    return [part(f"tables of {name}", texts) for name, texts in lists.items()]


def _views(session: Session, inventory: Inventory) -> list[FingerprintPart]:
    views = [table for table in inventory.tables if table.kind == VIEW]
    found = session.each([f"SHOW CREATE VIEW {view.identifier}" for view in views])
    lists: dict[str, list[Row]] = {name: [] for name in inventory.schemas}
    for view, rows in zip(views, found, strict=True):
        lists[view.schema].extend(rows)
    return [part(f"views of {name}", texts) for name, texts in lists.items()]


def _routines(session: Session, schema: str) -> FingerprintPart:
    named = session.rows(f"SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = {literal(schema)}")
    found = session.each([f"SHOW CREATE {kind} {identifier(schema, name)}" for kind, name in named])
    return part(f"routines of {schema}", ((kind, *rows[0]) for (kind, _), rows in zip(named, found, strict=True)))


def _triggers(session: Session, schema: str) -> FingerprintPart:
    """Their order matters where a table has several; the time at which they were created does not."""
    columns = "trigger_name, action_order, sql_mode, character_set_client, collation_connection, database_collation"
    named = session.rows(f"SELECT {columns} FROM information_schema.triggers WHERE trigger_schema = {literal(schema)}")
    found = session.each([f"SHOW CREATE TRIGGER {identifier(schema, row[0])}" for row in named])
    return part(f"triggers of {schema}", ((*row, rows[0][2]) for row, rows in zip(named, found, strict=True)))


def _events(session: Session, schema: str) -> FingerprintPart:
    named = session.rows(f"SELECT event_name FROM information_schema.events WHERE event_schema = {literal(schema)}")
    found = session.each([f"SHOW CREATE EVENT {identifier(schema, name)}" for (name,) in named])
    return part(f"events of {schema}", (tuple(map(without_mark, rows[0])) for rows in found))
