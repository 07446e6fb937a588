"""``looma operation``."""

from typing import Annotated, Any

import typer

from looma_cli.cli import options
from looma_cli.cli.command import Noun
from looma_cli.cli.present import Listing
from looma_cli.cli.session import Session
from looma_cli.model.operation import Operation, Plan

noun = Noun("operation", "Look at, finish or undo interrupted operations.")


@noun.verb(
    "list",
    example="""
looma operation list
looma operation list --tenant acme --all""",
)
def list_(
    session: Session,
    tenant: options.TenantOption = None,
    all_: Annotated[bool, typer.Option("-a", "--all", help="Past operations too, not only unfinished ones.")] = False,
) -> Listing:
    """List unfinished operations, the newest first."""
    empty = "There are no operations." if all_ else "No operation is unfinished."
    return Listing("operations", session.looma.operations.list(tenant, all=all_), empty, "" if all_ else "looma operation list --all")


@noun.verb("show", example="looma operation show op-1a2b3c4d5e")
def show(session: Session, id: options.OperationId) -> Operation:
    """Show an operation with each step, its state and how long it took."""
    return session.looma.operations.show(id)


@noun.verb("resume", changes=True, example="looma operation resume op-1a2b3c4d5e")
def resume(session: Session, id: options.OperationId) -> Any:
    """Go on with an interrupted or paused operation, in the direction in which it went."""
    if session.dry_run:
        operation = session.looma.operations.show(id)
        return remaining(operation, back=operation.direction == "back")
    return session.looma.operations.resume(id, wait_seconds=session.wait_seconds)


@noun.verb("rollback", changes=True, example="looma operation rollback op-1a2b3c4d5e")
def rollback(session: Session, id: options.OperationId, yes: options.Yes = False) -> Any:  # --yes: accepted, for scripts
    """Undo what an interrupted or paused operation did, the newest step first. Never asks: it brings back what was."""
    if session.dry_run:
        return remaining(session.looma.operations.show(id), back=True)
    return session.looma.operations.rollback(id, wait_seconds=session.wait_seconds)


def remaining(operation: Operation, *, back: bool) -> Plan:
    """The steps that a resume or a rollback would run, as a plan."""
    pairs = list(zip(operation.plan.steps, operation.steps, strict=True))
    if back:
        steps = [step for step, record in reversed(pairs) if record.status not in ("todo", "undone")]
    else:
        steps = [step for step, record in pairs if record.status != "done"]
    kind = "operation.rollback" if back else "operation.resume"
    return Plan(kind, operation.tenant, tuple(steps), len(steps) - 1, (), () if steps else ("nothing is left to do",))
