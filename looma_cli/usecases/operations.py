"""Interrupted and past operations: list, show, finish, undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from looma_cli.errors import LoomaError, NotAllowed
from looma_cli.model.operation import OPEN_STATUSES, Operation, about
from looma_cli.model.protocols import State
from looma_cli.runner import pivot_passed
from looma_cli.usecases.context import Context

BESIDE = ("backup.verify", "edition.rehearse")  # kinds that run in a scratch stack, under its name


class OperationUseCases:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._world = context.world

    def list(self, tenant: str | None = None, all: bool = False) -> list[Operation]:
        """Open operations, or with ``all`` the past ones too, newest first; a running one whose holder is dead reads interrupted. Those of
        a tenant, and those about it that run under the name of a scratch stack."""
        with self._world.store.read() as state:
            found = state.operations(tenant=tenant, open_only=not all)
            if tenant is not None:
                found = sorted((*found, *_beside(state, tenant, all)), key=lambda one: (one.started_at, one.id), reverse=True)
            return [self._judged(state, operation) for operation in found]

    def show(self, id: str) -> Operation:
        with self._world.store.read() as state:
            return self._judged(state, state.operation(id))

    def resume(self, id: str, *, wait_seconds: float = 0) -> Operation:
        """Go on in the direction in which it was going: forward, or back once an undo had begun."""

        def go(operation: Operation) -> Operation:
            runner = self._context.runner()
            return runner.back(operation) if operation.direction == "back" and not pivot_passed(operation) else runner.forward(operation)

        return self._take_over(id, "resume", go, wait_seconds)

    def rollback(self, id: str, *, wait_seconds: float = 0) -> Operation:
        """Undo it. Raises NotAllowed past the pivot."""
        return self._take_over(id, "rollback", lambda operation: self._context.runner().back(operation), wait_seconds)

    def _take_over(self, id: str, verb: str, go: Callable[[Operation], Operation], wait_seconds: float) -> Operation:
        operation = self.show(id)
        if operation.status not in OPEN_STATUSES:
            raise NotAllowed(f"operation {id} is {operation.status}: nothing to {verb}", f"looma operation show {id}")
        with self._world.leases.hold(f"tenant:{operation.tenant}", id, f"{verb} of {operation.kind}", wait_seconds=wait_seconds) as lease:
            self._context.children.lease = lease
            try:
                go(self._reread(id))
            except LoomaError as error:
                self._note_failed_proof(operation, error)
                raise
            finally:
                self._context.children.lease = None
        return self.show(id)

    def _note_failed_proof(self, operation: Operation, error: LoomaError) -> None:
        from looma_cli.steps.backups import RecordProof  # a status that only lists operations needs neither
        from looma_cli.usecases.backups import note_problem

        proof = next((step for step in operation.plan.steps if step.name == RecordProof.name), None)
        if proof is not None:
            note_problem(self._world, proof.params["backup"], error)

    def _reread(self, id: str) -> Operation:
        with self._world.store.read() as state:
            operation = state.operation(id)
        if operation.status not in OPEN_STATUSES:
            raise NotAllowed(f"operation {id} is {operation.status} by now", f"looma operation show {id}")
        return operation

    def _judged(self, state: State, operation: Operation) -> Operation:
        return judged(self._context, state, operation)


def judged(context: Context, state: State, operation: Operation) -> Operation:
    """A running one whose holder is dead reads interrupted."""
    if operation.status not in ("pending", "running"):
        return operation
    lease = state.lease(f"tenant:{operation.tenant}")
    held = lease is not None and lease.operation == operation.id and context.world.leases.alive(lease)
    return operation if held else replace(operation, status="interrupted")


def _beside(state: State, tenant: str, all: bool) -> list[Operation]:
    """Those about a tenant that run under another name."""
    found = [one for kind in BESIDE for one in state.operations(kind=kind, open_only=not all)]
    return [one for one in found if one.tenant != tenant and about(one) == tenant]
