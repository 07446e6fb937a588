"""What several verbs of ``backup`` take."""

import os
from typing import Annotated

import typer

from looma_cli.cli import completion, options
from looma_cli.model import validation


def place(text: str) -> str:
    """Where repositories are; a folder as a full path, since it is written down and read from elsewhere."""
    validation.repository(text)
    return text if validation.is_remote(text) else os.path.abspath(text)


_BACKUP = {"callback": options.checked(validation.backup_id), "show_default": False}
_TENANT = {**options.TENANT, "autocompletion": completion.backed_up}
PLACE = {"metavar": "REPOSITORY", "callback": options.checked(place), "show_default": False}

BackupId = Annotated[str, typer.Argument(metavar="BACKUP", help="Id of the backup.", autocompletion=completion.backups, **_BACKUP)]
OptionalBackupId = Annotated[
    str | None,
    typer.Argument(
        metavar="BACKUP", help="Id of the backup; the newest complete one if not given.", autocompletion=completion.backups, **_BACKUP
    ),
]
BackupOrTenant = Annotated[
    str,
    typer.Argument(
        metavar="BACKUP|TENANT",
        help="Id of the backup, or a tenant: its newest complete one.",
        autocompletion=completion.backups_and_tenants,
        **_BACKUP,
    ),
]
OptionalTenant = Annotated[str | None, typer.Argument(help="Only this tenant's; also one that is deleted.", **_TENANT)]
TenantToRestore = Annotated[str | None, typer.Argument(help="Whose backup it is. Not needed with --from.", **_TENANT)]
From = Annotated[
    str | None,
    typer.Option("--from", help="Read this repository instead of the state: a folder, sftp:… or s3:….", **PLACE),
]
