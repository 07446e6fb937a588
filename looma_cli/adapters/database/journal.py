"""Operations with their steps, and leases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError

from looma_cli.adapters.database import rows
from looma_cli.adapters.database.columns import LEASES, OPERATIONS, STEPS
from looma_cli.adapters.database.faults import violated
from looma_cli.adapters.database.section import Section
from looma_cli.errors import AlreadyExists, Conflict, Held, NotFound
from looma_cli.model.operation import OPEN_STATUSES, Lease, Operation, StepRecord

IS_OPEN = OPERATIONS.c.status.in_(OPEN_STATUSES)
NEWEST_FIRST = (OPERATIONS.c.started_at.desc(), OPERATIONS.c.id.desc())


class JournalSection(Section):
    def add_operation(self, operation: Operation) -> None:
        """Raises Held when the tenant has an unfinished one, AlreadyExists for its id."""
        row = rows.operation_row(operation) | {"plan": rows.plan_json(operation.plan)}
        try:
            with self._connection.begin_nested():
                self._insert(OPERATIONS, [row])
        except IntegrityError as error:
            raise self._refusal(operation, violated(error)) from error
        self._insert(STEPS, [rows.step_row(operation.id, position, step) for position, step in enumerate(operation.steps)])

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
        found = self._operations((OPERATIONS.c.id == id,), None)
        if not found:
            raise no_operation(id)
        return found[0]

    def operations(self, *, tenant: str | None = None, open_only: bool = False, limit: int | None = None) -> list[Operation]:
        """Newest first; two queries, however many there are."""
        where: list[ColumnElement[bool]] = [IS_OPEN] if open_only else []
        if tenant is not None:
            where.append(OPERATIONS.c.tenant == tenant)
        return self._operations(where, limit)

    def open_operation(self, tenant: str) -> Operation | None:
        found = self._operations((OPERATIONS.c.tenant == tenant, IS_OPEN), None)
        return found[0] if found else None

    def _operations(self, where: Iterable[ColumnElement[bool]], limit: int | None) -> list[Operation]:
        chosen = select(*rows.OPERATION_COLUMNS).where(*where).order_by(*NEWEST_FIRST).limit(limit)
        found = self._connection.execute(chosen).all()
        ids = select(OPERATIONS.c.id).where(*where).order_by(*NEWEST_FIRST).limit(limit)
        steps: defaultdict[str, list[StepRecord]] = defaultdict(list)
        if found:
            for row in self._rows(rows.STEP_COLUMNS, STEPS.c.operation.in_(ids), order=(STEPS.c.operation, STEPS.c.position)):
                steps[row[0]].append(rows.step(row[1:]))
        return [rows.operation(row._mapping, steps[row.id]) for row in found]

    def save_operation(self, operation: Operation) -> None:
        """Everything but the plan and the steps. Raises NotFound; Held when it would open again beside another."""
        row = rows.operation_row(operation)
        try:
            with self._connection.begin_nested():
                changed = self._update(OPERATIONS, row, OPERATIONS.c.id == operation.id)
        except IntegrityError as error:
            raise self._refusal(operation, violated(error)) from error
        if not changed:
            raise no_operation(operation.id)

    def mark_step(
        self, id: str, index: int, status: str, *, at: datetime | None = None, duration_ms: int | None = None, detail: str = ""
    ) -> None:
        """Sets what is given, keeps what is not. Raises NotFound for a step that the operation does not have."""
        given: dict[str, Any] = {"status": status, "started_at": at, "duration_ms": duration_ms, "detail": detail or None}
        values = {name: value for name, value in given.items() if value is not None}
        if not self._update(STEPS, values, STEPS.c.operation == id, STEPS.c.position == index):
            raise NotFound(f"operation {id} has no step {index}", "looma operation show lists its steps", operation=id)

    def lease(self, resource: str) -> Lease | None:
        row = self._row(rows.LEASE_COLUMNS, LEASES.c.resource == resource)
        return rows.lease(row) if row is not None else None

    def leases(self) -> list[Lease]:
        return [rows.lease(row) for row in self._rows(rows.LEASE_COLUMNS, order=LEASES.c.resource)]

    def save_lease(self, lease: Lease) -> None:
        self._upsert(LEASES, ("resource",), [rows.lease_row(lease)])

    def remove_lease(self, resource: str) -> None:
        self._delete(LEASES, LEASES.c.resource == resource)


def no_operation(id: str) -> NotFound:
    return NotFound(f"there is no operation {id}", "looma operation list shows the operations", operation=id)
