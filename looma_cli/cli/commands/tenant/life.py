"""Starting, stopping and suspending tenants."""

from typing import Any

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session


@noun.verb("start", changes=True, example="looma tenant start acme")
def start(session: Session, name: options.Tenant) -> Any:
    """Start a created or stopped tenant and wait until it is healthy."""
    return _brief(session, session.looma.tenants.start(name, **session.change))


@noun.verb("stop", changes=True, example="looma tenant stop acme --wait 5m")
def stop(session: Session, name: options.Tenant) -> Any:
    """Stop a tenant's containers; data, ports and routes stay its own."""
    return _brief(session, session.looma.tenants.stop(name, **session.change))


@noun.verb("restart", changes=True, example="looma tenant restart acme")
def restart(session: Session, name: options.Tenant) -> Any:
    """Stop a tenant and start it again."""
    return _brief(session, session.looma.tenants.restart(name, **session.change))


@noun.verb("suspend", changes=True, example="looma tenant suspend acme")
def suspend(session: Session, name: options.Tenant) -> Any:
    """Answer 503 for a tenant at the edge; its stack runs on and its data stays."""
    return _brief(session, session.looma.tenants.suspend(name, **session.change))


@noun.verb("resume", changes=True, example="looma tenant resume acme")
def resume(session: Session, name: options.Tenant) -> Any:
    """Serve a suspended tenant again."""
    return _brief(session, session.looma.tenants.resume(name, **session.change))


def _brief(session: Session, result: Any) -> Any:
    return result if session.dry_run else Page(result, "tenants.brief")
