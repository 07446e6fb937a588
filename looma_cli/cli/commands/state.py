"""``looma state``."""

from typing import Any

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.errors import Unhealthy

noun = Noun("state", "Check, rebuild and find looma's own state.")


@noun.verb("audit", example="looma state audit")
def audit(session: Session) -> Any:
    """Compare the state with what the engines have, both ways. Changes nothing. Exit code 5 if they differ."""
    report = session.looma.state.audit()
    if not report.ok:
        session.exit_code = Unhealthy.exit_code
    return report


@noun.verb("rebuild", changes=True, waits=False, example="looma state rebuild --dry-run")
def rebuild(session: Session, yes: options.Yes = False) -> Any:
    """Recreate a lost state from the labels of what runs."""
    session.confirm("Rebuild the state from what runs?", yes)
    return session.looma.state.rebuild(dry_run=session.dry_run)


@noun.verb("migrate", example="looma state migrate")
def migrate(session: Session) -> Page:
    """Bring a state of an older release up to this one. Also done on first use, after a copy is kept."""
    return Page(session.looma.state.migrate(), "locations.page")


@noun.verb("path", example="looma state path -o json | jq -r .home")
def path(session: Session) -> Page:
    """Show where the state, the rendered files and the key are."""
    return Page(session.looma.state.path(), "locations.page")
