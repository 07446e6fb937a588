"""``looma tenant upgrade`` and ``rollback``: another release of the same edition."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.apply import saved
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.model import validation

Release = Annotated[
    str,
    typer.Option(
        "--release",
        metavar="RELEASE",
        help="Release of the tenant's edition.",
        callback=options.checked(validation.release),
        show_default=False,
    ),
]


@noun.verb(
    "upgrade",
    changes=True,
    example="""
looma tenant upgrade acme --release 1.5.0
looma tenant upgrade acme --release 1.5.0 --dry-run
looma tenant upgrade acme --release 1.5.0 --plan-out acme-1.5.json""",
)
def upgrade(session: Session, name: options.Tenant, release: Release, plan_out: options.PlanOut = None) -> Any:
    """Move a tenant to another release while it serves; no request fails.

    The new services start beside the old ones on the same data, migrate once, and take over when they are healthy. A release that is broken
    leaves the old one serving.
    """
    if plan_out:
        return saved(session.looma.saved_plans.upgrade(name, release, plan_out), plan_out)
    result = session.looma.upgrades.upgrade(name, release, **session.change)
    return result if session.dry_run else Page(result, "tenants.brief", following=f"looma health {name}, looma tenant rollback {name}")


@noun.verb("rollback", changes=True, example="looma tenant rollback acme")
def rollback(session: Session, name: options.Tenant) -> Any:
    """Move a tenant back to the release that it had before, in the same way. What the newer one did to the data stays."""
    result = session.looma.upgrades.rollback(name, **session.change)
    return result if session.dry_run else Page(result, "tenants.brief", following=f"looma health {name}")
