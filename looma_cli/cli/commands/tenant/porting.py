"""A tenant as one file, and back."""

from typing import Annotated, Any

import typer

from looma_cli.cli import completion, options
from looma_cli.cli.commands.tenant.create import created
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.model import validation

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="The file.", callback=options.checked(validation.file_name), show_default=False),
]
Backup = Annotated[
    str | None,
    typer.Option(
        "--backup",
        metavar="BACKUP",
        help="This backup instead of a fresh one.",
        callback=options.checked(validation.backup_id),
        autocompletion=completion.backups,
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")]
As = Annotated[
    str | None,
    typer.Option("--as", help="Name of the new tenant; the one it had if not given.",
                 **{**options.TENANT, "autocompletion": None, "metavar": "NEW"}),
]  # fmt: skip


@noun.verb(
    "export",
    changes=True,
    example="""
looma tenant export acme acme.looma
looma tenant export acme /mnt/usb/acme.looma --backup bk-1a2b3c4d5e --force""",
)
def export(session: Session, name: options.Tenant, file: File, backup: Backup = None, force: Force = False) -> Any:
    """Write a tenant into one file: a fresh backup of it, with data, files, configuration and secrets, encrypted.

    The passphrase of the backups opens it: take that along, by another way.
    """
    exported = session.looma.porting.export(name, file, backup=backup, force=force, **session.change)
    return exported if session.dry_run else Page(exported, "tenants.exported", following=f"looma tenant import {file} --as NEW")


@noun.verb(
    "import",
    changes=True,
    example="""
looma tenant import acme.looma
looma tenant import acme.looma --as acme-copy""",
)
def import_(session: Session, file: File, new_name: As = None) -> Any:
    """Make a tenant from a file of `tenant export`. What fails is put back.

    LOOMA_BACKUP_PASSPHRASE_FILE must name the passphrase of the installation that wrote it.
    """
    return created(session, session.looma.porting.import_(file, new_name, **session.change))
