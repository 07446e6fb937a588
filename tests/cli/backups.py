"""Backups for the tests of commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.conftest import Cli
from tests.stored import fill


def with_backup(cli: Cli, tenant: str = "acme", **rows: str) -> dict[str, Any]:
    """Rows in every datastore of the tenant, and a backup of them."""
    fill(cli.machine, tenant, **rows)
    return cli.json("backup", "create", tenant)


def only_backup(cli: Cli) -> dict[str, Any]:
    (backup,) = cli.json("backup", "list")["backups"]
    return backup


@contextmanager
def failing(cli: Cli, store: str) -> Iterator[None]:
    """Dumps of this datastore break off."""
    cli.machine.stores.failing.add(store)
    yield
    cli.machine.stores.failing.discard(store)
