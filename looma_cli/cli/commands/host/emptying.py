"""``looma host drain`` and ``evacuate``: all tenants away from a host that runs, or from one that is gone."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from looma_cli.cli import completion, options
from looma_cli.cli.commands.fleet import MaxFailures, Parallel, exit_code_of, parallel_of, tell
from looma_cli.cli.commands.host.arguments import Name
from looma_cli.cli.commands.host.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.model import validation

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="HOST",
        help="Where they go, by name; placement chooses for each if none is given.",
        callback=options.checked(validation.host_name),
        autocompletion=completion.hosts,
        show_default=False,
    ),
]
Keep = Annotated[str, typer.Option("--keep", metavar="DURATION", help="How long what is on the host stays, once it answers again.")]


@noun.verb(
    "drain",
    changes=True,
    waits=False,
    example="""
looma host drain h1 --dry-run
looma host drain h1
looma host drain h1 --to h2 --parallel 4 --max-failures 1""",
)
def drain(session: Session, name: Name, to: To = None, parallel: Parallel = "2", max_failures: MaxFailures = "0") -> Any:
    """Move all tenants away from a host, each while it serves.

    The host takes no new tenants from then on. Each move is an operation of its own; one that fails leaves its tenant where it was. The
    same command again goes on: interrupted moves are resumed first. Tenants that do not serve stay.
    """
    from looma_cli.cli.progress import BatchReporter

    most, count = validation.count("failures", max_failures), parallel_of(parallel)
    drains = session.looma.drains
    plan = drains.plan(name, to)
    if session.dry_run:
        return drains.shown(plan)
    session.reporter = BatchReporter(session.reporter, running=True, doing="moving")
    under_way = drains.drain(plan, max_failures=most, parallel=count)
    results = {}
    for result in under_way.run():
        results[result.name] = result
        tell(session, result)
    session.exit_code = exit_code_of(under_way, {result.status for result in results.values()})
    session.close()
    return _emptied(session, name, results, [(one.tenant.name, one.reason) for one in plan.left_out], under_way.stopped)


def _emptied(session: Session, name: str, results: Mapping[str, Any], staying: list[tuple[str, str]], stopped: str) -> Page:
    from looma_cli.cli.emptying_documents import emptied

    shape = emptied(name, results, staying, stopped)
    return Page(shape["drain"], "emptying.results", shape, following=f"looma host show {name}")


@noun.verb(
    "evacuate",
    changes=True,
    waits=False,
    example="""
looma host evacuate h1 --dry-run
looma host evacuate h1 --yes
looma host evacuate h1 --to h2 --yes""",
)
def evacuate(session: Session, name: Name, to: To = None, parallel: Parallel = "2", keep: Keep = "168h", yes: options.Yes = False) -> Any:
    """Bring the tenants of a host that is gone back on others, each from its last backup.

    It asks first, and says how old each backup is: what was written after it is lost. What is on the host is left and written down; once it
    answers again, looma state audit lists that, and looma edition finalize TENANT removes it.
    """
    from looma_cli.cli.progress import BatchReporter

    keep_seconds, count = validation.duration(keep), parallel_of(parallel)
    evacuations = session.looma.evacuations
    plan = evacuations.plan(name, to)
    shown = evacuations.shown(plan)
    if session.dry_run:
        return shown
    for line in (*shown.changes[1:], *shown.warnings):
        session.tell(f"  {line}")
    if plan.members:
        session.confirm(f"Bring {len(plan.members)} tenants of host {name} back from these backups?", yes)
    session.reporter = BatchReporter(session.reporter, running=True, doing="bringing back")
    under_way = evacuations.evacuate(plan, keep_seconds=keep_seconds, parallel=count)
    results = {}
    for result in under_way.run():
        results[result.name] = result
        tell(session, result)
    session.exit_code = exit_code_of(under_way, {result.status for result in results.values()}) or int(bool(plan.left_out))
    session.close()
    return _emptied(session, name, results, [(one.tenant.name, one.reason) for one in plan.left_out], under_way.stopped)
