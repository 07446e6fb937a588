"""Tenants listed and shown, from the state."""

from collections.abc import Mapping
from typing import Any

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.session import Session
from looma_cli.errors import LoomaError


@noun.verb(
    "list",
    example="""
looma tenant list
looma tenant list -o json | jq -r '.tenants[].url'""",
)
def list_(session: Session, host: options.Host = None) -> Listing:
    """List tenants, from the state."""
    tenants = session.looma.tenants.list(host, ports="none" if session.output == "table" else "listed")
    extra = {"titles": _titles(session)} if tenants else {}
    return Listing("tenants", tenants, "There are no tenants yet.", "looma tenant create NAME --edition basic", extra=extra)


@noun.verb("show", example="looma tenant show acme -o yaml")
def show(session: Session, name: options.Tenant) -> Any:
    """Show all that is recorded of a tenant: ports, subnets, settings, times, and what is under way or waits for somebody."""
    tenant = session.looma.tenants.show(name)
    if session.output != "table":
        return tenant
    return Page((tenant, session.looma.operations.list(name)), "tenants.card_under_way")


def _titles(session: Session) -> Mapping[str, str]:
    """Editions' titles, where a person looks; a broken manifest must not hide the tenants."""
    if session.output != "table" or not session.terminal.out.is_terminal:
        return {}
    try:
        return {edition.name: edition.title for edition in session.looma.editions.list()}
    except LoomaError:
        return {}
