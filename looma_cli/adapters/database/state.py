"""The state inside one transaction: all sections on one connection."""

from __future__ import annotations

from sqlalchemy import select

from looma_cli.adapters.database.columns import INSTALLATION
from looma_cli.adapters.database.files import FileSection
from looma_cli.adapters.database.journal import JournalSection
from looma_cli.adapters.database.ports import PortSection


class DatabaseState(PortSection, JournalSection, FileSection):
    """Implements ``State``; made by ``DatabaseStore`` only."""

    def installation(self) -> str:
        return str(self._connection.scalars(select(INSTALLATION.c.id)).one())
