"""What the shell offers for a half-typed name. Fast, and never an error: whatever goes wrong, nothing is offered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

Completer = Callable[[str], list[str]]


def of(values: Iterable[str]) -> Completer:
    """A fixed list."""
    values = tuple(values)

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


def tenants(incomplete: str) -> list[str]:
    """Names of tenants, straight from looma.db."""
    return _column("SELECT name FROM tenants WHERE platform = 0 AND name LIKE ? ESCAPE '\\' ORDER BY name LIMIT 200", incomplete)


def hosts(incomplete: str) -> list[str]:
    """Names of hosts, straight from looma.db, and ``local``, which needs no record."""
    added = _column("SELECT name FROM hosts WHERE name LIKE ? ESCAPE '\\' ORDER BY name LIMIT 200", incomplete)
    return sorted({*added, *of(("local",))(incomplete)})


def operations(incomplete: str) -> list[str]:
    """Ids of the latest operations, straight from looma.db."""
    return _column("SELECT id FROM operations WHERE id LIKE ? ESCAPE '\\' ORDER BY started_at DESC LIMIT 50", incomplete)


def backups(incomplete: str) -> list[str]:
    """Ids of the latest backups, straight from looma.db."""
    return _column("SELECT id FROM backups WHERE id LIKE ? ESCAPE '\\' ORDER BY created_at DESC LIMIT 50", incomplete)


def backed_up(incomplete: str) -> list[str]:
    """Names of tenants, and of those that are gone and have left backups."""
    left = _column("SELECT DISTINCT tenant FROM backups WHERE tenant LIKE ? ESCAPE '\\' ORDER BY tenant LIMIT 200", incomplete)
    return sorted({*tenants(incomplete), *left})


def backups_and_tenants(incomplete: str) -> list[str]:
    return [*backups(incomplete), *backed_up(incomplete)]


def editions(incomplete: str) -> list[str]:
    """Names of manifests, from their file names."""
    from looma_cli.settings import data_directory

    try:
        names = sorted(entry.name.removesuffix(".yaml") for entry in os.scandir(data_directory("editions")) if entry.name.endswith(".yaml"))
    except OSError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def tenant_editions(incomplete: str) -> list[str]:
    """Names of the editions that a tenant can have: not the platform's."""
    return [name for name in editions(incomplete) if not _is_platform(name)]


def _is_platform(name: str) -> bool:
    """By the manifest's own line, without the time that it takes to load a YAML parser."""
    from looma_cli.settings import data_directory

    try:
        with open(data_directory("editions") / f"{name}.yaml", encoding="utf-8") as manifest:
            return any(line.split("#")[0].split() == ["kind:", "platform"] for line in manifest)
    except (OSError, UnicodeDecodeError):
        return True


def _column(query: str, incomplete: str) -> list[str]:
    """First column of a query on the SQLite state, read-only and without waiting for a lock."""
    import sqlite3

    from looma_cli.settings import home

    if os.environ.get("LOOMA_DATABASE_URL"):
        return []  # a team's PostgreSQL is too far away for a keystroke
    pattern = incomplete.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    try:
        connection = sqlite3.connect(f"{(home() / 'looma.db').as_uri()}?mode=ro", uri=True, timeout=0.1)
        try:
            return [str(row[0]) for row in connection.execute(query, (pattern,))]
        finally:
            connection.close()
    except (sqlite3.Error, OSError, ValueError):
        return []
