"""Writes ``schema.py`` from ``tables.py``: ``make schema``, or ``python -m looma_cli.adapters.database.generate_schema``.

Written ahead of time: importing SQLModel and building its classes takes as long as allocating and rendering dozens of tenants.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

GENERATED = Path(__file__).resolve().parent / "schema.py"

_HEADER = '''\
"""Generated from tables.py by `make schema`: do not edit."""

# ruff: noqa
# fmt: off
'''
VERSION = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"


def source() -> str:
    """A module with ``STATEMENTS``: name of a dialect -> the statements that make the tables, in order."""
    from sqlalchemy.dialects import postgresql, sqlite

    dialects = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}
    parts = [f'    "{name}": (\n{"".join(_quoted(text) for text in _statements(dialect))}    ),\n' for name, dialect in dialects.items()]
    return f"{_HEADER}STATEMENTS = {{\n{''.join(parts)}}}\n"


def _statements(dialect: Any) -> Iterator[str]:
    from sqlalchemy.schema import CreateIndex, CreateTable, sort_tables

    from looma_cli.adapters.database.tables import METADATA

    for table in sort_tables(METADATA.tables.values()):
        yield str(CreateTable(table).compile(dialect=dialect))
        yield from sorted(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    yield VERSION


def _quoted(statement: str) -> str:
    lines = [line.rstrip().replace("\t", "    ") for line in statement.strip().splitlines()]
    return '        """\n' + "\n".join(lines) + '\n""",\n'


if __name__ == "__main__":
    GENERATED.write_text(source(), encoding="utf-8")
