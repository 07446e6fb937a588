"""``looma state``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.cli.words import plural
from looma_cli.errors import Unhealthy
from looma_cli.model import validation

Installation = Annotated[
    str | None,
    typer.Option(
        "--installation",
        metavar="ID",
        help="Whose objects to take over, where several installations share an engine.",
        callback=options.checked(validation.installation_id),
        show_default=False,
    ),
]
noun = Noun("state", "Check, rebuild and find looma's own state.")


@noun.verb("audit", example="looma state audit")
def audit(session: Session) -> Any:
    """Compare the state with what the engines have, both ways. Changes nothing. Exit code 5 if they differ."""
    report = session.looma.state.audit()
    if not report.ok:
        session.exit_code = Unhealthy.exit_code
    return report


@noun.verb("rebuild", changes=True, waits=False, example="looma state rebuild --dry-run")
def rebuild(session: Session, installation: Installation = None, yes: options.Yes = False) -> Any:
    """Recreate a lost state from what runs. Changes nothing on any host. Exit code 5 if something could not be known."""
    state = session.looma.state
    if not yes and not session.dry_run:
        plan = state.rebuild(installation=installation, dry_run=True)
        session.confirm(f"Take over {plural(len(plan.changes), 'record')} from what runs? (--dry-run lists them)", yes)
    report = state.rebuild(installation=installation, dry_run=session.dry_run)
    if not session.dry_run and report.problems:
        session.exit_code = Unhealthy.exit_code
    return report


@noun.verb("migrate", example="looma state migrate")
def migrate(session: Session) -> Page:
    """Bring a state of an older release up to this one. Also done on first use, after a copy is kept."""
    return Page(session.looma.state.migrate(), "locations.page")


@noun.verb("path", example="looma state path -o json | jq -r .home")
def path(session: Session) -> Page:
    """Show where the state, the rendered files and the key are."""
    return Page(session.looma.state.path(), "locations.page")
