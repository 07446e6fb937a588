"""Hosts that take no new tenants, take them again, or leave the pool."""

from typing import Any

from looma_cli.cli import options
from looma_cli.cli.commands.host.arguments import Name
from looma_cli.cli.commands.host.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session


@noun.verb("cordon", changes=True, waits=False, example="looma host cordon h1")
def cordon(session: Session, name: Name) -> Any:
    """Keep new tenants away from a host. Those that are there stay and run."""
    return _said(session, session.looma.hosts.cordon(name, cordoned=True, dry_run=session.dry_run))


@noun.verb("uncordon", changes=True, waits=False, example="looma host uncordon h1")
def uncordon(session: Session, name: Name) -> Any:
    """Let a host take new tenants again."""
    return _said(session, session.looma.hosts.cordon(name, cordoned=False, dry_run=session.dry_run))


@noun.verb("remove", changes=True, waits=False, example="looma host remove h1 --yes")
def remove(session: Session, name: Name, yes: options.Yes = False) -> Any:
    """Forget a host that nothing lives on. Nothing is changed on the machine itself."""
    hosts = session.looma.hosts
    plan = hosts.remove(name, dry_run=True)  # whatever is in the way is said before anything is asked
    if session.dry_run:
        return plan
    session.confirm(f"Forget host {name} and its pinned key?", yes)
    return Page(hosts.remove(name), "hosts.removed")


def _said(session: Session, result: Any) -> Any:
    return result if session.dry_run else Page(result, "hosts.changed")
