"""A tenant's stack from inside: logs, exec, and what rendering would write."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.tenant.noun import noun
from looma_cli.cli.present import Page, say_document
from looma_cli.cli.session import Session
from looma_cli.errors import Cancelled, UsageError
from looma_cli.model import validation


@noun.verb(
    "logs",
    example="""
looma tenant logs acme
looma tenant logs acme mysql --tail 50 --follow""",
)
def logs(
    session: Session,
    name: options.Tenant,
    service: options.Service = None,
    tail: Annotated[str | None, typer.Option("-n", "--tail", metavar="LINES", help="Only the last lines of each container.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines until Ctrl-C.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="A duration (10m) or a time (2026-01-31T08:00:00Z).")] = None,
) -> None:
    """Print the logs of one service, or of all with the service's name before each line.

    With -o json each line is an object.
    """
    lines = session.looma.stacks.logs(
        name, service, tail=None if tail is None else validation.count("lines", tail), follow=follow, since=_since(since)
    )
    try:
        _print(session, lines, flushing=follow)
    except KeyboardInterrupt:  # the way to end it
        session.exit_code = Cancelled.exit_code


def _print(session: Session, lines: Iterable[str], *, flushing: bool) -> None:
    screen = session.terminal.out
    for line in lines:
        if session.output == "table":
            screen.line(line)
        else:
            say_document({"line": line}, session.output, screen)
        if flushing:
            screen.stream.flush()


def _since(text: str | None) -> str | None:
    """A moment in RFC 3339 for a duration or a moment."""
    if text is None:
        return None
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.now(UTC) - timedelta(seconds=validation.duration(text))
    return (moment if moment.tzinfo else moment.astimezone()).isoformat()


@noun.verb(
    "exec",
    prints=False,
    example="""
looma tenant exec acme redis -- redis-cli ping
looma tenant exec acme postgresql -- sh""",
)
def execute(
    session: Session,
    name: options.Tenant,
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="Component of the stack.", callback=options.checked(validation.component_name))
    ],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="Program and arguments, after a --.")],
) -> int:
    """Run a command in a service's container, with this terminal; its exit code becomes looma's."""
    if any("\0" in word for word in command):
        raise UsageError("an argument holds a NUL character", "leave it out")
    terminal = session.terminal
    interactive = terminal.input.isatty()
    return session.looma.stacks.execute(name, service, command, interactive=True, terminal=interactive and terminal.out.is_terminal)


@noun.verb(
    "render",
    example="""
looma tenant render acme
looma tenant render acme --diff""",
)
def render(
    session: Session,
    name: options.Tenant,
    diff: Annotated[bool, typer.Option("--diff", help="Only what differs from what is deployed.")] = False,
) -> Any:
    """Print the compose files that would be written for a tenant, secrets masked."""
    files = session.looma.stacks.render(name, diff=diff)
    if diff and not files:
        session.tell("Nothing differs from what is deployed.")
    return Page(files, "renders.diff" if diff else "renders.files", {"files": files})
