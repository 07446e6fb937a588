"""Proofs: a backup is restored for a look, and compared."""

from typing import Annotated, Any

import typer

from looma_cli.cli.commands.backup.arguments import BackupOrTenant
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.commands.backup.results import Results, joined, result
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.errors import NotFound, Unhealthy
from looma_cli.model import validation

Quick = Annotated[bool, typer.Option("--quick", help="Check the repository's structure, not every byte of it.")]
Budget = Annotated[str, typer.Option("--budget", metavar="DURATION", help="Begin no further proof after that time.")]


@noun.verb(
    "verify",
    changes=True,
    waits=False,
    example="""
looma backup verify acme
looma backup verify bk-1a2b3c4d5e --quick""",
)
def verify(session: Session, backup: BackupOrTenant, quick: Quick = False) -> Any:
    """Prove a backup: read all of it, restore it into a scratch stack, compare every table and key space.

    The scratch stack is alone on a network of its own and is removed again; the tenant is not touched.
    """
    proven = session.looma.backups.verify(_id(session, backup), quick=quick, dry_run=session.dry_run)
    return proven if session.dry_run else Page(proven, "backups.brief")


def _id(session: Session, text: str) -> str:
    """A backup's id as it is; a tenant's name stands for its newest complete backup."""
    backups = session.looma.backups
    try:
        return backups.show(text).id
    except NotFound:
        if not validation.is_tenant_name(text):
            raise
        if not backups.list(text):
            session.looma.tenants.show(text)
        return backups.newest(text).id


@noun.verb(
    "drill",
    changes=True,
    waits=False,
    example="""
looma backup drill
looma backup drill --budget 30m -o json""",
)
def drill(session: Session, budget: Budget = "30m") -> Any:
    """Prove the newest backup of each tenant, those with the oldest proof first, until the time is up; at least one.

    One that fails or has to wait for you does not stop the others. Exit code 5 if a proof failed, 8 if one is paused.
    """
    outcomes = session.looma.backups.drill(validation.duration(budget), dry_run=session.dry_run)
    if session.dry_run:
        return joined("backup.drill", [outcome.plan for outcome in outcomes])
    results = Results(session, failing=Unhealthy.exit_code)
    for outcome in outcomes:
        results.add(result(outcome.tenant, outcome.error, "proven", backup=outcome.backup))
    return results.page("backups.drilled", "There is nothing to prove: no tenant has a backup.")
