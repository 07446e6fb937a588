"""Starting, stopping, suspending and deleting tenants."""

from dataclasses import replace
from typing import Annotated, Any

import typer

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


@noun.verb("delete", changes=True, example="looma tenant delete acme --no-backup --yes")
def delete(
    session: Session,
    name: options.Tenant,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Take no last backup: the data is gone for good.")] = False,
    yes: options.Yes = False,
) -> Any:
    """Delete a tenant with its data, and free its ports, subnets and volumes."""
    tenant = session.looma.tenants.show(name)
    fate = "and all its data, without a backup" if no_backup else "and its data, after a last backup"
    session.confirm(f"Delete tenant {name} ({tenant.edition} {tenant.release}, {tenant.status}) {fate}?", yes)
    result = session.looma.tenants.delete(name, backup=not no_backup, **session.change)
    return result if session.dry_run else Page(replace(result, status="deleting"), "tenants.deleted")


def _brief(session: Session, result: Any) -> Any:
    return result if session.dry_run else Page(result, "tenants.brief")
