"""Which schemas and tables a server holds beside its own."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.adapters.datastores.mysql.session import Session
from looma_cli.adapters.datastores.mysql.text import identifier, literal

SYSTEM_SCHEMAS = ("information_schema", "mysql", "performance_schema", "sys")
FOREIGN_FOLDER = "#mysql50#"  # how the server shows a folder that is no schema, such as a file system's lost+found
VIEW, SEQUENCE, VERSIONED = "VIEW", "SEQUENCE", "SYSTEM VERSIONED"


@dataclass(frozen=True, slots=True)
class Table:
    """``kind`` is BASE TABLE, VIEW, SEQUENCE or SYSTEM VERSIONED; ``transactional``: whether a snapshot covers it."""

    schema: str
    name: str
    kind: str
    transactional: bool

    @property
    def identifier(self) -> str:
        return identifier(self.schema, self.name)

    @property
    def has_rows(self) -> bool:
        return self.kind not in (VIEW, SEQUENCE)


@dataclass(frozen=True, slots=True)
class Inventory:
    """In the order of their names."""

    schemas: tuple[str, ...]
    tables: tuple[Table, ...]

    @property
    def unprotected(self) -> list[Table]:
        """Tables that no snapshot covers (MyISAM, Aria, MEMORY, …)."""
        return [table for table in self.tables if table.has_rows and not table.transactional]


def schemas(session: Session) -> tuple[str, ...]:
    found = session.rows("SELECT schema_name FROM information_schema.schemata")
    return tuple(sorted(name for (name,) in found if name not in SYSTEM_SCHEMAS and not name.startswith(FOREIGN_FOLDER)))


def inventory(session: Session) -> Inventory:
    names = schemas(session)
    transactional = {engine for (engine,) in session.rows("SELECT engine FROM information_schema.engines WHERE transactions = 'YES'")}
    found = session.each([_tables_of(name) for name in names])
    tables = (
        Table(schema, name, kind, engine in transactional) for schema, rows in zip(names, found, strict=True) for name, kind, engine in rows
    )
    return Inventory(names, tuple(sorted(tables, key=lambda table: (table.schema, table.name))))


def _tables_of(schema: str) -> str:
    return f"SELECT table_name, table_type, engine FROM information_schema.tables WHERE table_schema = {literal(schema)}"
