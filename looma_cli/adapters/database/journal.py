"""Operations with their steps, and leases.

Two marks are on the disk before anything else happens: that a deed begins (without it, a power failure would leave an orphan that no
rollback finds), and that an operation has ended (which a person was told). All others follow with the next of those; what is lost with
them is done again, and every deed may run twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import IS_OPEN, LEASES, OPERATIONS, STEPS
from looma_cli.adapters.database.faults import violated
from looma_cli.adapters.database.section import Section
from looma_cli.errors import AlreadyExists, Conflict, Held, NotFound
from looma_cli.model.operation import Lease, Operation, StepRecord

OPEN_OF_TENANT = select(*rows.OPERATION_COLUMNS).where(OPERATIONS.c.tenant == bindparam("tenant"), IS_OPEN)
NEWEST_FIRST = (OPERATIONS.c.started_at.desc(), OPERATIONS.c.id.desc())


class JournalSection(Section):
    def add_operation(self, operation: Operation) -> None:
        """Raises Held when the tenant has an unfinished one, AlreadyExists for its id."""
        row = rows.operation_row(operation) | {"plan": rows.plan_json(operation.plan)}
        try:
            with self._statement():
                self._add(OPERATIONS, [row])
        except IntegrityError as error:
            raise self._refusal(operation, violated(error)) from error
        self._add(STEPS, [rows.step_row(operation.id, position, step) for position, step in enumerate(operation.steps)])
        self.durable |= any(step.status == "started" for step in operation.steps)

    def _refusal(self, operation: Operation, constraint: str) -> Conflict:
        if constraint == "operations.id":
            return AlreadyExists(f"operation {operation.id} exists", "run the command again", operation=operation.id)
        other = self.open_operation(operation.tenant)
        if other is None:
            return Held(f"tenant {operation.tenant} has an unfinished operation", "looma operation list shows it")
        return Held(
            f"tenant {other.tenant} has an unfinished operation: {other.kind} {other.id} ({other.status}, "
            f"since {other.started_at:%Y-%m-%dT%H:%M:%SZ})",
            f"looma operation resume {other.id}, or looma operation rollback {other.id}",
            operation=other.id,
            kind=other.kind,
            tenant=other.tenant,
            since=other.started_at.isoformat(),
        )

    def operation(self, id: str) -> Operation:
        found = self._find(rows.OPERATION_COLUMNS, id=id)
        if not found:
            raise no_operation(id)
        return self._with_steps(found[0])

    def operations(
        self, *, tenant: str | None = None, kind: str | None = None, open_only: bool = False, limit: int | None = None
    ) -> list[Operation]:
        """Newest first; two queries, however many there are."""
        given = {OPERATIONS.c.tenant: tenant, OPERATIONS.c.kind: kind}
        of_tenant = [column == value for column, value in given.items() if value is not None]
        of_status = (IS_OPEN,) if open_only else ()
        chosen = select(*rows.OPERATION_COLUMNS).where(*of_tenant, *of_status).order_by(*NEWEST_FIRST).limit(limit)
        ids = chosen.with_only_columns(OPERATIONS.c.id)
        of_chosen = select(*rows.STEP_COLUMNS).where(STEPS.c.operation.in_(ids)).order_by(STEPS.c.operation, STEPS.c.position)
        steps: defaultdict[str, list[StepRecord]] = defaultdict(list)
        for row in self._connection.execute(of_chosen):
            steps[row[0]].append(rows.step(row[1:]))
        return [rows.operation(row, steps[row[0]]) for row in self._connection.execute(chosen)]

    def open_operation(self, tenant: str) -> Operation | None:
        found = self._rows(OPEN_OF_TENANT, {"tenant": tenant})
        return self._with_steps(found[0]) if found else None

    def _with_steps(self, row: Sequence[Any]) -> Operation:
        found = self._find(rows.STEP_COLUMNS, (STEPS.c.position,), operation=row[0])
        return rows.operation(row, (rows.step(step[1:]) for step in found))

    def save_operation(self, operation: Operation) -> None:
        """Everything but the plan and the steps. Raises NotFound; Held when it would open again beside another."""
        row = rows.operation_row(operation)
        try:
            with self._statement():
                changed = self._change(OPERATIONS, row, id=operation.id)
        except IntegrityError as error:
            raise self._refusal(operation, violated(error)) from error
        if not changed:
            raise no_operation(operation.id)
        self.durable |= operation.status not in ("pending", "running")

    def mark_step(
        self, id: str, index: int, status: str, *, at: datetime | None = None, duration_ms: int | None = None, detail: str = ""
    ) -> None:
        """Sets what is given, keeps what is not. Raises NotFound for a step that the operation does not have."""
        self.durable |= status in ("started", "undoing")
        given: dict[str, Any] = {"status": status, "started_at": at, "duration_ms": duration_ms, "detail": detail or None}
        values = {name: value for name, value in given.items() if value is not None}
        if not self._change(STEPS, values, operation=id, position=index):
            raise NotFound(f"operation {id} has no step {index}", "looma operation show lists its steps", operation=id)

    def lease(self, resource: str) -> Lease | None:
        return next((rows.lease(row) for row in self._find(rows.LEASE_COLUMNS, resource=resource)), None)

    def leases(self) -> list[Lease]:
        return [rows.lease(row) for row in self._find(rows.LEASE_COLUMNS, (LEASES.c.resource,))]

    def save_lease(self, lease: Lease) -> None:
        self._put(LEASES, ("resource",), [rows.lease_row(lease)])

    def remove_lease(self, resource: str) -> None:
        self._remove(LEASES, resource=resource)


def no_operation(id: str) -> NotFound:
    return NotFound(f"there is no operation {id}", "looma operation list shows the operations", operation=id)
