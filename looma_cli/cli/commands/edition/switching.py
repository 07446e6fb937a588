"""Moving a tenant to another edition, back again, and letting go of the old one."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.commands.apply import saved
from looma_cli.cli.commands.edition.noun import noun
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session, only_one
from looma_cli.errors import InvalidValue
from looma_cli.model import validation

DATA = ("clone", "reuse")
Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        metavar="RELEASE",
        help="Release of the edition; the newest if not given.",
        callback=options.checked(validation.release),
        show_default=False,
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data", help="Give the target its own copy of the data (clone), or the data layer (reuse).", **options.one_of("--data", DATA)
    ),
]
Keep = Annotated[str, typer.Option("--keep", metavar="DURATION", help="How long the old layers stay, stopped, for the way back.")]
NoBackup = Annotated[bool, typer.Option("--no-backup", help="Take no backup of the present first.")]
AcceptLoss = Annotated[
    str | None,
    typer.Option("--accept-loss", metavar="TOKEN", help="Agree to the loss that the refusal names by this token.", show_default=False),
]
RestoreLeft = Annotated[
    bool, typer.Option("--restore-left", help="Bring back what an earlier switch has left in a backup, for datastores that are new now.")
]
FreezeLimit = Annotated[
    str,
    typer.Option(
        "--freeze-limit", metavar="DURATION", help="How long migrate may keep writes waiting; past it the switch is put back."
    ),
]


@noun.verb(
    "switch",
    changes=True,
    example="""
looma edition switch acme pro
looma edition switch acme pro --dry-run
looma edition switch acme basic --data reuse --keep 24h
looma edition switch acme future --restore-left
looma edition switch acme pro --plan-out acme-pro.json
looma edition switch acme pro --rehearse""",
)
def switch(
    session: Session,
    tenant: options.Tenant,
    edition: options.Edition,
    release: Release = None,
    data: Data = "clone",
    keep: Keep = "1h",
    no_backup: NoBackup = False,
    accept_loss: AcceptLoss = None,
    restore_left: RestoreLeft = False,
    freeze_limit: FreezeLimit = "30s",
    plan_out: options.PlanOut = None,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Try it on a shadow copy, and say what it takes.")] = False,
) -> Any:
    """Move a tenant to another edition, up or down, while it serves.

    The target's layers start beside the old ones and take over when they are proven. Reads go on all the time; writes get 503 with
    Retry-After for a few seconds (clone), or none does (reuse). Until the change-over a failure leaves the tenant as it was.
    """
    from looma_cli.model.switch import SwitchRequest

    request = SwitchRequest(
        tenant,
        edition,
        release,
        data,
        validation.duration(keep),
        safety=not no_backup,
        accepted=accept_loss,
        freeze_seconds=_freeze_seconds(freeze_limit),
        restore_left=restore_left,
    )
    only_one("--plan-out and --rehearse", plan_out, rehearse)
    if rehearse:
        tried = session.looma.rehearsals.rehearse(request, **session.change)
        return tried if session.dry_run else _rehearsed(tried)
    if plan_out:
        return saved(session.looma.saved_plans.switch(request, plan_out), plan_out)
    result = session.looma.switches.switch(request, **session.change)
    if session.dry_run:
        return result
    return _switched(session, result, keep)


def _switched(session: Session, operation: Any, keep: str) -> Page:
    """With what stayed in a backup at an earlier switch, and is not there yet."""
    from looma_cli.cli.documents import operation as shape_of
    from looma_cli.plan.losses import offers, restore_command

    tenant, shape = operation.tenant, shape_of(operation)
    behind = session.looma.switches.still_behind(operation)
    edition = behind and session.looma.tenants.show(tenant).edition
    if behind:
        shape["result"]["in_backups"] = [
            {"datastore": one.store, "rows": one.rows, "backup": one.backup.id, "restore": restore_command(tenant, edition, one) or None}
            for one in behind
        ]
    for line in offers(tenant, edition, behind):
        session.tell(line)
    return Page(operation, "operations.page", shape, following=f"looma health {tenant}, looma edition rollback {tenant} within {keep}")


def _freeze_seconds(text: str) -> float:
    seconds = validation.duration(text)
    if seconds < 1:
        raise InvalidValue(f"--freeze-limit {text} leaves migrate no time", "at least 1s; 30s if not given")
    return seconds


def _rehearsed(tried: Any) -> Page:
    names = ("write_freeze_ms", "migrate_ms", "duration_ms", "disk_bytes", "memory_bytes", "rows", "warnings", "operation", "backup")
    shape = {"tenant": tried.tenant, "from": tried.source, "to": tried.target, **{name: getattr(tried, name) for name in names}}
    next_step = f"looma edition switch {tried.tenant} {tried.target}"
    return Page(tried, "rehearsals.page", shape={"rehearsal": shape}, following=next_step)


@noun.verb(
    "rollback",
    changes=True,
    example="""
looma edition rollback acme
looma edition rollback acme --carry""",
)
def rollback(
    session: Session,
    tenant: options.Tenant,
    carry: Annotated[bool, typer.Option("--carry", help="Bring along what was written since the switch.")] = False,
    keep: Keep = "1h",
    freeze_limit: FreezeLimit = "30s",
    yes: options.Yes = False,
) -> Any:
    """Move a tenant back to the edition that it came from, while the old layers are kept.

    Without --carry they serve again with the data of then: it asks first, and says what would not be there.
    """
    switches = session.looma.switches
    if not carry and not session.dry_run:
        _ask(session, tenant, yes)
    seconds = _freeze_seconds(freeze_limit)
    result = switches.rollback(tenant, carry=carry, keep_seconds=validation.duration(keep), freeze_seconds=seconds, **session.change)
    if session.dry_run:
        return result
    return Page(result, "operations.page", following=f"looma health {tenant}, looma edition finalize {tenant}")


def _ask(session: Session, tenant: str, yes: bool) -> None:
    """Where something would be lost, and not before it is known that there is a way back."""
    from looma_cli.plan.back import loss_lines

    back = session.looma.switches.way_back(tenant)
    lines = loss_lines(session.looma.switches.lost(tenant))
    for line in lines:
        session.tell(f"  {line}")
    if lines:
        session.confirm(f"Move tenant {tenant} back to {back.edition} {back.release} as it was left?", yes)


@noun.verb("finalize", changes=True, waits=False, example="looma edition finalize acme")
def finalize(session: Session, tenant: options.Tenant, yes: options.Yes = False) -> Any:
    """Let go of the layers that a tenant has left, before their time is over. There is no way back then."""
    session.confirm(f"Remove what tenant {tenant} has left, with its data?", yes)
    return session.looma.switches.finalize(tenant, dry_run=session.dry_run)
