"""``looma health``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.session import Session
from looma_cli.errors import Unhealthy, UsageError

noun = Noun("health", "Check every component of tenants now.", single=True)


@noun.verb(
    "health",
    example="""
looma health acme
looma health --all -o json | jq .healthy""",
)
def health(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(help="Tenants; all that should run if none is given.", **options.TENANT)] = None,
    all_: Annotated[bool, typer.Option("--all", help="All tenants that should run.")] = False,
) -> Any:
    """Check every component now: container, probe and route, with latency. Exit code 5 if anything is not healthy."""
    if names and all_:
        raise UsageError("--all and names of tenants exclude one another", "give one of them")
    report = session.looma.health.check(list(dict.fromkeys(names or ())))
    if not report.healthy:
        session.exit_code = Unhealthy.exit_code
    if not report.tenants:
        session.hint("No tenant should be running. Next: looma tenant list")
    return report
