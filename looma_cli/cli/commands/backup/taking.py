"""``looma backup create``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session

KINDS = ("full", "incremental")
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", help="What it is called; both are complete sets that store only what changed.", **options.one_of("--kind", KINDS)
    ),
]


@noun.verb(
    "create",
    changes=True,
    example="""
looma backup create acme
looma backup create acme --kind incremental -o json""",
)
def create(
    session: Session,
    name: options.Tenant,
    kind: Kind = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Keep what could be saved when a datastore fails; the backup says what it lacks.")
    ] = False,
) -> Any:
    """Back up all datastores of a tenant as of one moment, with its files, configuration and secrets.

    It is complete, or it is not a backup: when one datastore fails, nothing is kept.
    """
    backup = session.looma.backups.create(name, kind=kind or KINDS[0], allow_partial=allow_partial, **session.change)
    return backup if session.dry_run else Page(backup, "backups.brief", following=f"looma backup verify {backup.id}")
