"""Backups listed and shown."""

from typing import Any

from looma_cli.cli.backup_documents import backup_details
from looma_cli.cli.commands.backup.arguments import BackupId, From, OptionalTenant
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.session import Session


@noun.verb(
    "list",
    example="""
looma backup list acme
looma backup list --from sftp:backup@nas.example:/looma/acme""",
)
def list_(session: Session, tenant: OptionalTenant = None, from_: From = None) -> Listing:
    """List backups, the newest first: from the state, or as a repository has them.

    Backups of a deleted tenant stay listed.
    """
    found = session.looma.backups.list(tenant, location=from_)
    if tenant and from_ is None and not found:
        session.looma.tenants.show(tenant)  # a name that nothing has is an error, not an empty list
    return Listing("backups", found, "There are no backups yet.", f"looma backup create {tenant or 'TENANT'}")


@noun.verb("show", example="looma backup show bk-1a2b3c4d5e")
def show(session: Session, id: BackupId) -> Any:
    """Show a backup: when, what, where, its proof, and each datastore with its tables or key spaces."""
    backup = session.looma.backups.show(id)
    return Page(backup, "backups.card", backup_details(backup))
