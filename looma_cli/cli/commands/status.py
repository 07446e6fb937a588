"""``looma status``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.session import Session
from looma_cli.errors import InvalidValue
from looma_cli.model.validation import duration

noun = Noun("status", "Show tenants, hosts and pending operations at a glance.", single=True)
Interval = Annotated[str, typer.Option("--interval", metavar="DURATION", help="How often --watch looks.")]


@noun.verb(
    "status",
    example="""
looma status
looma status acme --live
looma status --watch --interval 5s""",
)
def status(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Only this tenant.", **options.TENANT)] = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Refresh in place until Ctrl-C.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Ask the hosts first instead of saying what is recorded.")] = False,
    interval: Interval = "2s",
) -> Any:
    """Show tenants, hosts and pending operations at a glance, from the state with the time of each check."""

    def look() -> Any:
        use_cases = session.looma.status
        return use_cases.tenant(name, live) if name else use_cases.fleet(live, ports="none" if session.output == "table" else "listed")

    seconds = duration(interval)
    if seconds < 0.2:
        raise InvalidValue(f"every {seconds:g} seconds is too often", "--interval 0.2s or more")
    if not watch:
        return look()
    from looma_cli.cli.following import watch as follow

    follow(session, look, seconds)
    return None
