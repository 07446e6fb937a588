"""Hosts listed, shown and checked."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.host.arguments import HostKey, Name, Names
from looma_cli.cli.commands.host.keys import agreed_key
from looma_cli.cli.commands.host.noun import noun
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.session import Session
from looma_cli.errors import UsageError

EditionOfForecast = Annotated[
    str | None, typer.Option("-e", "--edition", help="Edition that the forecast counts; the first of the catalogue.", **options.EDITION)
]


@noun.verb(
    "list",
    example="""
looma host list
looma host list -o json | jq -r '.hosts[] | select(.status == "ready") | .name'""",
)
def list_(session: Session) -> Listing:
    """List hosts with their tenants, from the state."""
    return Listing("hosts", session.looma.hosts.list(), "There are no hosts.")


@noun.verb(
    "show",
    example="""
looma host show h1
looma host show h1 --edition pro --profile full -o json | jq '.forecast'""",
)
def show(session: Session, name: Name, edition: EditionOfForecast = None, profile: options.Profile = None) -> Any:
    """Show all that is recorded of a host, and at which tenant it is full."""
    return session.looma.hosts.show(name, edition, profile)


@noun.verb(
    "check",
    example="""
looma host check
looma host check h1 h2
looma host check h1 --host-key SHA256:Y2hhbmdlZCBvbiBwdXJwb3NlLCBzbyBwaW4gdGhpcyE""",
)
def check(session: Session, names: Names = None, host_key: HostKey = None, yes: options.Yes = False) -> Page:
    """Look at hosts now, all at once, and record what was found. Exit 5 if something is wrong.

    A host that was added offline has its key shown and pinned first. With `--host-key` the pinned key is replaced by that one.
    """
    if host_key is not None and len(names or []) != 1:
        raise UsageError("--host-key is the key of one host", "looma host check HOST --host-key SHA256:…")
    hosts = session.looma.hosts
    if host_key is not None:
        [host] = hosts.reached_by_ssh(names or [])
        hosts.pin(host.name, agreed_key(session, host.name, host.url, host_key, yes), again=True)
    for host in hosts.unpinned(names or []):
        hosts.pin(host.name, agreed_key(session, host.name, host.url, None, yes))
    reports = hosts.check(names or [])
    if any(report.failed for report in reports):
        session.exit_code = 5
    return Page(reports, "hosts.checked", {"hosts": reports})
