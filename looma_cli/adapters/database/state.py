"""The state inside one transaction: all sections on one connection."""

from __future__ import annotations

import re

from looma_cli.adapters.database.backups import BackupSection
from looma_cli.adapters.database.columns import INSTALLATION, TENANTS
from looma_cli.adapters.database.files import FileSection
from looma_cli.adapters.database.hosts import HostSection
from looma_cli.adapters.database.journal import JournalSection
from looma_cli.adapters.database.ports import PortSection
from looma_cli.errors import InvalidValue, NotAllowed


class DatabaseState(PortSection, HostSection, JournalSection, FileSection, BackupSection):
    """Implements ``State``; made by ``DatabaseStore`` only."""

    def installation(self) -> str:
        [(id,)] = self._find((INSTALLATION.c.id,))
        return str(id)

    def adopt_installation(self, id: str) -> None:
        """See ``State``. The tenants of two installations would otherwise be under one label."""
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", id):
            raise InvalidValue(f"{id[:60]!r} is no installation's id", "it is the value of the label looma.installation")
        if id == self.installation():
            return
        if self._find((TENANTS.c.name,)):
            raise NotAllowed(
                f"this state has tenants of its own: it cannot become installation {id}", "use an empty LOOMA_HOME for the other one"
            )
        self._change(INSTALLATION, {"id": id})
