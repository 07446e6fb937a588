"""``looma fleet``: one release for all tenants of an edition."""

from typing import Annotated, Any

import typer

from looma_cli.cli import completion, options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing, Page
from looma_cli.cli.session import Session
from looma_cli.errors import Cancelled, InvalidValue, Paused
from looma_cli.model import validation

MOST_PARALLEL = 16

noun = Noun("fleet", "Bring a release to all tenants of an edition; see who runs which.")
Edition = Annotated[
    str,
    typer.Option("-e", "--edition", help=options.EDITION_HELP, **{**options.EDITION, "autocompletion": completion.tenant_editions}),
]
Release = Annotated[
    str,
    typer.Option(
        "--release",
        metavar="RELEASE",
        help="Release of the edition.",
        callback=options.checked(validation.release),
        show_default=False,
    ),
]
Waves = Annotated[
    str,
    typer.Option("--wave", metavar="SIZES", help="Tenants in each wave: a number, or a percentage of those to upgrade; the last is rest."),
]
MaxFailures = Annotated[str, typer.Option("--max-failures", metavar="N", help="Begin no more tenants once more than N have failed.")]
Parallel = Annotated[str, typer.Option("--parallel", metavar="N", help="How many tenants at once, at most 16.")]


@noun.verb(
    "upgrade",
    changes=True,
    waits=False,
    example="""
looma fleet upgrade --edition basic --release 1.5.0 --dry-run
looma fleet upgrade --edition basic --release 1.5.0
looma fleet upgrade --edition basic --release 1.5.0 --wave 2,10%,rest --max-failures 1 --parallel 4""",
)
def upgrade(
    session: Session,
    edition: Edition,
    release: Release,
    wave: Waves = "1,5%,25%,rest",
    max_failures: MaxFailures = "0",
    parallel: Parallel = "2",
) -> Any:
    """Move all tenants of an edition to a release, wave by wave, each while it serves.

    All images are on the host before the first tenant is touched. A wave begins when the one before has ended and is healthy. A tenant
    whose upgrade fails keeps its old release, and no other is touched by that. The same command again goes on: tenants on the release
    count as done, interrupted upgrades are resumed first. Stopped tenants are left out.
    """
    from looma_cli.cli.fleet_documents import fleet as shape_of
    from looma_cli.cli.progress import BatchReporter
    from looma_cli.model.fleet import wave_sizes

    sizes, most, count = wave_sizes(wave), validation.count("failures", max_failures), parallel_of(parallel)
    session.reporter = BatchReporter(session.reporter, running=False, doing="upgrading")
    fleet = session.looma.fleet
    plan = fleet.plan(edition, release, sizes)
    if session.dry_run:
        return fleet.shown(plan)
    rollout = fleet.rollout(plan, max_failures=most, parallel=count)
    session.reporter.running = True  # until here a Ctrl-C ends at once
    results = {}
    for result in rollout.run():
        results[result.name] = result
        tell(session, result)
    session.exit_code = exit_code_of(rollout, {result.status for result in results.values()})
    session.close()
    shape = shape_of(plan, results, rollout.stopped)
    return Page(shape["fleet"], "rollouts.results", shape, following="looma fleet status")


def parallel_of(text: str) -> int:
    count = validation.count("tenants at once", text)
    if not 1 <= count <= MOST_PARALLEL:
        raise InvalidValue(f"--parallel {text} is not from 1 to {MOST_PARALLEL}", "2 if not given")
    return count


def tell(session: Session, result: Any) -> None:
    """A line for each tenant as it ends."""
    from looma_cli.cli.words import span

    if result.status == "not_begun" or (result.status == "done" and result.duration_ms is None):
        return
    took = f" in {span(result.duration_ms / 1000)}" if result.duration_ms is not None else ""
    words = f"{result.from_release} -> {result.to_release}{took}" if result.error is None else f"({result.error.message})"
    session.reporter.note(f"{result.name}: {result.status} {words}")


def exit_code_of(rollout: Any, statuses: set[str]) -> int:
    """What waits to be resumed counts for more than what was put back."""
    if rollout.interrupted:
        return Cancelled.exit_code
    if "paused" in statuses:
        return Paused.exit_code
    if "failed" in statuses:
        return 1
    return rollout.error.exit_code if rollout.error else 0


@noun.verb(
    "status",
    example="""
looma fleet status
looma fleet status -o json""",
)
def status(session: Session) -> Listing:
    """Show how many tenants of each edition run which release, which upgrades failed or are not through, and what to type next."""
    return Listing("fleets", session.looma.fleet.releases(), "There are no tenants.", "looma tenant create NAME --edition EDITION")
