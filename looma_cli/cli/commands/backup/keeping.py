"""Which backups stay, and where else they are."""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.backup.arguments import PLACE, OptionalTenant
from looma_cli.cli.commands.backup.noun import noun
from looma_cli.cli.commands.backup.results import Results, joined, result
from looma_cli.cli.session import Session
from looma_cli.cli.words import plural
from looma_cli.errors import Cancelled, InvalidValue, LoomaError, UsageError
from looma_cli.model import validation


def _keep(what: str) -> Any:
    return typer.Option(
        f"--keep-{what}", metavar="N", help=_HELP[what], callback=options.checked(lambda text: validation.count("backups", text))
    )


_HELP = {
    "last": "Keep that many of the newest.",
    "hourly": "Keep the last one of that many hours.",
    "daily": "Keep the last one of that many days.",
    "weekly": "Keep the last one of that many weeks.",
}
Last = Annotated[str | None, _keep("last")]
Hourly = Annotated[str | None, _keep("hourly")]
Daily = Annotated[str | None, _keep("daily")]
Weekly = Annotated[str | None, _keep("weekly")]
Within = Annotated[
    str | None,
    typer.Option(
        "--keep-within", metavar="TIME", help="Keep all of that time: 30d, 1y6m.", callback=options.checked(validation.retention_time)
    ),
]
At = Annotated[
    str | None,
    typer.Option("--from", help="Prune this repository instead of those that the settings name: a folder, sftp:… or s3:….", **PLACE),
]
To = Annotated[str | None, typer.Option("--to", help="The second place; LOOMA_BACKUP_COPY if not given.", **PLACE)]


@noun.verb(
    "prune",
    changes=True,
    waits=False,
    example="""
looma backup prune --dry-run
looma backup prune acme --keep-daily 7 --keep-weekly 4 --yes
looma backup prune --from sftp:backup@nas.example:/looma/acme""",
)
def prune(
    session: Session,
    tenant: OptionalTenant = None,
    last: Last = None,
    hourly: Hourly = None,
    daily: Daily = None,
    weekly: Weekly = None,
    within: Within = None,
    from_: At = None,
    yes: options.Yes = False,
) -> Any:
    """Forget backups that the policy does not keep (30 days if none is given), and free their space.

    Each tenant's repository as it is, also backups that this state does not know, and the second place if LOOMA_BACKUP_COPY is set. Never
    the last complete one there, the last proven one, one that an unfinished operation needs, or one that cannot be read.
    """
    policy = _policy({"last": last, "hourly": hourly, "daily": daily, "weekly": weekly, "within": within})
    places = _places(session, tenant, from_)
    backups = session.looma.backups
    if session.dry_run:
        return joined("backup.prune", [backups.prune(name, *policy, location=place, dry_run=True)[0] for name, place in places])
    if not yes:
        _ask(session, places, policy)

    def turn(name: str, place: str) -> dict[str, Any]:
        _, forgotten = backups.prune(name, *policy, location=place)
        return result(name, None, "pruned", location=place, backups=[backup.id for backup in forgotten])

    return _each(session, places, turn, only=tenant).page("backups.kept", "There are no backups yet.")


def _places(session: Session, tenant: str | None, place: str | None) -> list[tuple[str, str]]:
    """(tenant, repository) of all that is meant. Raises NotFound for a name that nothing has, and for a place where nothing is."""
    backups = session.looma.backups
    if place is not None:
        location = backups.repository_at(place, tenant)
        names = [tenant] if tenant else sorted({backup.tenant for backup in backups.list(location=location)})
        return [(name, location) for name in names]
    places = backups.prunable(tenant)
    if tenant and not places:
        session.looma.tenants.show(tenant)
    return places


def _policy(given: dict[str, Any]) -> list[Any]:
    """The retention that was asked for, as arguments; none where nothing was."""
    from looma_cli.model.backup import Retention

    values = {name: value for name, value in given.items() if value is not None}
    if values and not any(values.values()):
        raise InvalidValue("a policy that keeps nothing is none", "give a number above 0, or no --keep option: 30 days are kept")
    return [Retention(**values)] if values else []


def _ask(session: Session, places: list[tuple[str, str]], policy: list[Any]) -> None:
    """Where anything would go. What cannot be looked at is left to be reported when its turn comes."""
    concerned = []
    for name, place in places:
        with suppress(LoomaError):
            _, chosen = session.looma.backups.prune(name, *policy, location=place, dry_run=True)
            concerned += [f"{plural(len(chosen), 'backup')} of {name} in {place}"] if chosen else []
    if concerned:
        session.confirm(f"Forget {', '.join(concerned)}? There is no way back.", yes=False)


@noun.verb(
    "copy",
    changes=True,
    waits=False,
    example="""
looma backup copy acme --to sftp:backup@nas.example:/looma
looma backup copy""",
)
def copy(session: Session, tenant: OptionalTenant = None, to: To = None) -> Any:
    """Have all backups in a second place too, each tenant's in a repository of its own; what is there is not sent again."""
    target = to or session.looma.settings.backup_copy
    if not target:
        raise UsageError("there is no place to copy to", "give --to REPOSITORY, or set LOOMA_BACKUP_COPY")
    tenants = _tenants(session, tenant)
    backups = session.looma.backups
    if session.dry_run:
        return joined("backup.copy", [backups.copy(name, target, dry_run=True) for name in tenants])

    def turn(name: str, place: str) -> dict[str, Any]:
        plan = backups.copy(name, target)
        copied = plan.steps[0].params["backups"] if plan else []
        return result(name, None, "copied", location=place, backups=copied)

    places = [(name, f"{target.rstrip('/')}/{name}") for name in tenants]
    return _each(session, places, turn, only=tenant).page("backups.kept", "There are no backups yet.")


def _tenants(session: Session, tenant: str | None) -> list[str]:
    """The one named, or all that have backups. Raises NotFound for a name that nothing has."""
    having = sorted({backup.tenant for backup in session.looma.backups.list(tenant)})
    if tenant and not having:
        session.looma.tenants.show(tenant)
    return having


def _each(
    session: Session, places: list[tuple[str, str]], turn: Callable[[str, str], dict[str, Any]], *, only: str | None
) -> Results:
    """One after the other; a failure is reported and the next one tried, unless only one was asked for."""
    results = Results(session)
    for name, place in places:
        try:
            results.add(turn(name, place))
        except Cancelled:
            raise
        except LoomaError as error:
            if only and len(places) == 1:
                raise
            results.add(result(name, error, "failed", location=place))
    return results
