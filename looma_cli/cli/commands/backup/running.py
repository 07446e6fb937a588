"""Backups by themselves: the timer, and what it calls."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.commands.backup.results import failed_result
from looma_cli.cli.documents import document
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.errors import InvalidValue, Unhealthy, UsageError
from looma_cli.model import validation

ACTIONS = ("install", "show", "remove")
Action = Annotated[str, typer.Argument(help="What to do with it.", **options.one_of("ACTION", ACTIONS))]
FullAt = Annotated[
    str | None,
    typer.Option(
        "--full-at",
        metavar="HH:MM",
        help="When the full one is made, in the machine's time; 03:00 if not given.",
        callback=options.checked(validation.time_of_day),
    ),
]
Every = Annotated[
    str | None,
    typer.Option(
        "--every",
        metavar="HOURS",
        help="Then an incremental one every so many hours: 1h to 24h; 6h if not given.",
        callback=options.checked(validation.hours_of_day),
    ),
]
Due = Annotated[bool, typer.Option("--due", help="All tenants whose backup is due.")]
Parallel = Annotated[str, typer.Option("--parallel", metavar="N", help="How many tenants at once, at most.")]
MOST_PARALLEL = 16


@noun.verb(
    "schedule",
    changes=True,
    waits=False,
    example="""
looma backup schedule install
looma backup schedule install --full-at 02:30 --every 4h
looma backup schedule show
looma backup schedule remove""",
)
def schedule(session: Session, action: Action = "show", full_at: FullAt = None, every: Every = None) -> Any:
    """Have the machine take backups by itself: a full one each day, incremental ones between, as `looma backup run --due`.

    By a systemd timer, or by cron where there is no systemd. From then on a backup that should have run and did not is unhealthy.
    """
    if action != "install" and (full_at or every):
        raise UsageError("--full-at and --every belong to install", "looma backup schedule install --full-at 03:00 --every 6h")
    schedules = session.looma.schedules
    if action == "show":
        return _shown(session, schedules.show())
    if action == "install":
        given = {"full_at": full_at, "every_hours": every}
        report = schedules.install(**{name: value for name, value in given.items() if value is not None}, dry_run=session.dry_run)
        return _planned(report, "+") if session.dry_run else _shown(session, report)
    report = schedules.remove(dry_run=session.dry_run)
    if report.schedule is None:
        session.tell("There is no schedule to remove.")
    return _planned(report, "-") if session.dry_run else Page(report, "schedules.removed", {"installed": False})


def _shown(session: Session, report: Any) -> Page:
    if report.problem:
        session.exit_code = Unhealthy.exit_code
    if report.advice:
        session.reporter.warn(report.advice)
    return Page(report, "schedules.card", following="" if report.schedule else "looma backup schedule install")


def _planned(report: Any, sign: str) -> Page:
    plan = {"kind": "backup.schedule", "tenant": None, "steps": [], "changes": [f"{sign} {path}" for path in report.files]}
    return Page((report, sign), "schedules.planned", {"plan": {**plan, "warnings": []}, "files": dict(report.files)})


@noun.verb(
    "run",
    changes=True,
    waits=False,
    example="""
looma backup run --due
looma backup run --due --parallel 4 -o json""",
)
def run(session: Session, due: Due = False, parallel: Parallel = "2") -> Any:
    """Back up every tenant whose backup is due, copy it to LOOMA_BACKUP_COPY if that is set, and forget what is older than 30 days.

    This is what the schedule runs. A tenant's failure does not stop the others; exit code 1 if one failed. One that another operation
    holds is reported and left alone.
    """
    from looma_cli.cli.progress import BatchReporter

    if not due:
        raise UsageError("nothing says what to run", "looma backup run --due; for one tenant: looma backup create TENANT")
    count = validation.count("tenants at once", parallel)
    if not 1 <= count <= MOST_PARALLEL:
        raise InvalidValue(f"--parallel {parallel} is not from 1 to {MOST_PARALLEL}", "2 if not given")
    session.reporter = BatchReporter(session.reporter, running=not session.dry_run, doing="saving")
    rows = []
    for result in session.looma.due_backups.run(parallel=count, dry_run=session.dry_run):
        rows.append(_row(result))
        session.reporter.note(_line(rows[-1]))
    if any(row["status"] == "failed" for row in rows):
        session.exit_code = 1
    session.close()
    if not rows:
        session.tell("No tenant runs.")
    return Page(rows, "schedules.results", {"results": rows})


def _row(result: Any) -> dict[str, Any]:
    errors = [failed_result(error) for error in result.errors]
    return {
        "tenant": result.tenant,
        "status": result.status,
        "kind": result.kind or None,
        "backup": document(result.backup),
        "copied": result.copied,
        "forgotten": list(result.forgotten),
        **({"plan": document(result.plan)["plan"]} if result.plan else {}),
        "error": errors[0] if errors else None,
        **({"errors": errors} if len(errors) > 1 else {}),
    }


def _line(row: dict[str, Any]) -> str:
    messages: Sequence[dict[str, str]] = row.get("errors") or ([row["error"]] if row["error"] else [])
    return f"{row['tenant']}: {row['status'].replace('_', ' ')}" + (f" ({'; '.join(m['message'] for m in messages)})" if messages else "")
