"""``looma tenant delete``."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session


@noun.verb(
    "delete",
    changes=True,
    example="""
looma tenant delete acme
looma tenant delete acme --no-backup --yes""",
)
def delete(
    session: Session,
    name: options.Tenant,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Take no last backup: what no earlier one has is gone.")] = False,
    yes: options.Yes = False,
) -> Any:
    """Take a last backup of a tenant, delete it with its data, and free its ports, subnets and volumes.

    When the backup fails, the tenant serves on. The backups of a deleted tenant stay.
    """
    tenant = session.looma.tenants.show(name)
    fate = "and all its data, without a backup" if no_backup else "and its data, after a last backup"
    session.confirm(f"Delete tenant {name} ({tenant.edition} {tenant.release}, {tenant.status}) {fate}?", yes)
    result = session.looma.tenants.delete(name, backup=not no_backup, **session.change)
    return result if session.dry_run else Page(replace(result, status="deleting"), "tenants.deleted")
