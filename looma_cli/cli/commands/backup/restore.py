"""``looma backup restore``."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.backup.arguments import From, OptionalBackupId, TenantToRestore
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.layout import facts
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.cli.words import ago, plural
from looma_cli.errors import UsageError
from looma_cli.model import validation

As = Annotated[
    str | None,
    typer.Option("--as", help="Make another tenant of it.", **{**options.TENANT, "autocompletion": None, "metavar": "NEW"}),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="DATASTORE",
        help="Bring back only this datastore; repeatable.",
        callback=options.checked(validation.component_name),
    ),
]
Keep = Annotated[str, typer.Option("--keep", metavar="DURATION", help="How long the layers that are left stay, for the way back.")]
NoBackup = Annotated[bool, typer.Option("--no-backup", help="Take no safety backup of the present first.")]


@noun.verb(
    "restore",
    changes=True,
    example="""
looma backup restore acme
looma backup restore acme bk-1a2b3c4d5e --only mysql
looma backup restore acme --as acme-copy
looma backup restore --from /mnt/backups/acme""",
)
def restore(
    session: Session,
    tenant: TenantToRestore = None,
    backup: OptionalBackupId = None,
    new_name: As = None,
    host: options.Host = None,
    only: Only = None,
    from_: From = None,
    keep: Keep = "1h",
    no_backup: NoBackup = False,
    yes: options.Yes = False,
) -> Any:
    """Bring a backup back: into its tenant, as another tenant, or from a repository alone.

    In place, it is restored beside what runs and proven before anything changes over; until then a failure leaves the tenant as it was.
    """
    from looma_cli.usecases.restoring import RestoreRequest

    if tenant is None and from_ is None:
        raise UsageError("TENANT is missing", "looma backup restore TENANT, or --from REPOSITORY")
    request = RestoreRequest(
        tenant, backup, new_name, host, tuple(only or ()), from_, safety=not no_backup, keep_seconds=validation.duration(keep)
    )
    if not session.dry_run and not yes:
        request = _asked(session, request, keep)
    operation = session.looma.restores.restore(request, **session.change)
    if session.dry_run:
        return operation
    backups = "list" if new_name is None else "create"
    return Page(operation, "operations.page", following=f"looma health {operation.tenant}, looma backup {backups} {operation.tenant}")


def _asked(session: Session, request: Any, keep: str) -> Any:
    """Asks where a tenant's data is replaced, and not before it is known to be possible; the set asked about is the one restored."""
    restores = session.looma.restores
    backup, present = restores.chosen(request)
    request = replace(request, backup=backup.id)
    if present is not None:
        restores.restore(request, dry_run=True)
        if session.terminal.can_ask:
            for line in facts(_facts(backup, present, request, keep), session.terminal.err, "  "):
                session.tell(line)
        session.confirm(f"Replace the data of tenant {present.name} by backup {backup.id}?", yes=False)
    return request


def _facts(backup: Any, present: Any, request: Any, keep: str) -> list[tuple[str, str]]:
    stores = [store for store in backup.datastores if store.name in request.only or not request.only]
    rows = plural(sum(store.fingerprint.rows for store in stores), "row")
    return [
        ("tenant", f"{present.name}, {present.edition} {present.release}, {present.status}"),
        ("backup", f"{backup.id}, {ago(backup.created_at)}, {_proven(backup)}"),
        ("replaces", f"{', '.join(store.name for store in stores)}: {rows}"),
        ("before", "a backup of the present" if request.safety else "no backup of the present is taken"),
        ("after", f"the old layers stay for {keep}"),
    ]


def _proven(backup: Any) -> str:
    return f"proven {ago(backup.verified_at)}" if backup.verified_at and not backup.problem else "not proven"
