"""The state as a whole: audit it both ways, rebuild it from what runs, migrate it, say where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from looma_cli.usecases.context import Context

if TYPE_CHECKING:
    from looma_cli.model.operation import Plan
    from looma_cli.usecases.audit import AuditReport
    from looma_cli.usecases.rebuild import RebuildReport


class StateUseCases:
    def __init__(self, context: Context, location: Mapping[str, str]) -> None:
        self._context = context
        self._location = dict(location)

    def audit(self) -> AuditReport:
        """Compare every host's labelled objects with the state. Raises Unreachable for a host that cannot be asked."""
        from looma_cli.usecases.audit import Audit

        return Audit(self._context).report()

    def rebuild(self, *, installation: str | None = None, dry_run: bool = False) -> Plan | RebuildReport:
        """Recreate lost records from what runs; nothing on an engine is changed. ``installation`` is whose objects to take over.

        Raises NotFound, Conflict, NotAllowed (see ``Rebuild.run``)."""
        from looma_cli.usecases.rebuild import Rebuild

        return Rebuild(self._context).run(installation, dry_run=dry_run)

    def migrate(self) -> dict[str, str]:
        """The state is migrated whenever it is opened; says at which revision it is."""
        return {"revision": self._context.world.store.revision()}

    def path(self) -> dict[str, str]:
        """Where the state is: ``home``, ``database``, ``stacks``, ``secret_key``."""
        return dict(self._location)
