"""Walks a journaled plan forward or back. Knows no step by name.

Every step is marked before and after. A step on the state commits together with its mark; the mark that a step on the world is done
commits with whatever is written next, since nothing lies between: a process that dies there leaves it begun, and it runs again. Before
the pivot a failure undoes what was done, newest first; after it there is only forward. An outcome that is *unknown* (the host went away)
pauses; it is no failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from looma_cli.errors import Cancelled, Conflict, Held, LoomaError, NotAllowed, OperationFailed, Paused, Unreachable, UsageError
from looma_cli.model.operation import NOT_AS_BEFORE, Operation, StepRecord, freezes_writes, put_back
from looma_cli.model.protocols import State
from looma_cli.model.reporting import Reporter
from looma_cli.model.world import World
from looma_cli.steps.base import StateStep, WorldStep, read_step


class StopRequested(BaseException):
    """Raised at a safe point inside a step after Ctrl-C: the step may run again. No ``Exception``, so that nothing swallows it."""


class Runner:
    """Runs one operation at a time. ``stop_requested`` answers whether the user asked to end (Ctrl-C, SIGTERM), ``lease_lost`` whether
    another looma has taken the tenant over because this one was taken for dead. ``release_lease`` is called in the transaction that ends
    the operation."""

    def __init__(
        self,
        world: World,
        reporter: Reporter,
        stop_requested: Callable[[], bool] = lambda: False,
        lease_lost: Callable[[], bool] = lambda: False,
        release_lease: Callable[[State], None] = lambda state: None,
    ) -> None:
        self._world = world
        self._reporter = reporter
        self._stop_requested = stop_requested
        self._lease_lost = lease_lost
        self._release_lease = release_lease
        self._unwritten: Callable[[State], None] | None = None  # the mark of the step that was done last

    def begin(self, state: State, operation: Operation) -> Operation:
        """Save a new operation, its leading steps on the state already done, in the transaction in which it was decided: nobody can take
        in between what they reserve. The first step on the world is marked begun there too, if there is a way back from it. Nothing is
        saved when a step raises.
        """
        operation = replace(operation, status="running")
        for index, planned in enumerate(operation.plan.steps):
            step, began = read_step(planned.name, planned.params), self._world.clock.now()
            if isinstance(step, WorldStep):
                return _begin_on_world(state, operation, index, began)
            detail = step.do(self._world, state)
            operation = _with_step(operation, index, StepRecord(planned.name, "done", began, self._since(began), detail))
        state.add_operation(operation)
        return operation

    def first(self, operation: Operation) -> Operation:
        """Run an operation that has just begun; as ``forward``."""
        self._reporter.operation_started(operation)
        for index, record in enumerate(operation.steps):
            if record.status == "done":
                self._reporter.step_started(index, operation.plan.steps[index], _step_of(operation, index).title(), undoing=False)
                self._reporter.step_finished(index, "done", record.duration_ms, record.detail)
        return self._go(operation)

    def forward(self, operation: Operation) -> Operation:
        """Run what is not done yet. Returns the finished operation.

        Raises OperationFailed or the step's own Conflict/Unreachable after a complete undo, Paused where the operation waits for a
        resume, Cancelled after Ctrl-C.
        """
        operation = self._save(replace(operation, status="running", direction="forward", error=None))
        self._reporter.operation_started(operation)
        return self._go(operation)

    def _go(self, operation: Operation) -> Operation:
        for index, record in enumerate(operation.steps):
            if record.status == "done":
                continue
            self._pause_if_asked(operation)
            self._refuse_if_lost(operation)
            try:
                operation = self._do(operation, index)
            except StopRequested:
                self._pause_if_asked(operation)
            except LoomaError as error:
                self._fail(self._read(operation.id), index, error)
            except Exception as error:  # noqa: BLE001  a defect of ours or of a library: the world is put back all the same
                self._fail(self._read(operation.id), index, OperationFailed(f"{type(error).__name__}: {error}", "see --debug"), error)
        return self._finish(operation, "done")

    def back(self, operation: Operation) -> Operation:
        """Undo what was done or begun, newest first. What was made on another host than the operation's own is left where that host cannot
        be reached, and the step's detail says so. Raises NotAllowed past the pivot, Paused when an undo fails."""
        if pivot_passed(operation):
            raise NotAllowed(
                f"operation {operation.id} is past its point of no return: it can only go forward", f"looma operation resume {operation.id}"
            )
        operation = self._save(replace(operation, status="running", direction="back"))
        self._reporter.operation_started(operation)
        operation = self._undo_all(operation, leaving=True)
        return self._finish(operation, "rolled_back")

    # forward, one step
    def _do(self, operation: Operation, index: int) -> Operation:
        planned = operation.plan.steps[index]
        step = read_step(planned.name, planned.params)
        began = self._world.clock.now()
        self._reporter.step_started(index, planned, step.title(), undoing=False)
        if isinstance(step, StateStep):
            with self._write() as state:
                detail = step.do(self._world, state)
                self._mark(state, operation, index, "done", began, detail)
        else:
            if operation.steps[index].status != "started":
                with self._write() as state:
                    state.mark_step(operation.id, index, "started", at=began)
            detail = step.do(self._world, self._progress(index))
            self._unwritten = lambda state: self._mark(state, operation, index, "done", began, detail)
        duration = self._since(began)
        self._reporter.step_finished(index, "done", duration, detail)
        return _with_step(operation, index, StepRecord(planned.name, "done", began, duration, detail))

    # back
    def _undo_all(self, operation: Operation, *, leaving: bool = False) -> Operation:
        for index in reversed(range(len(operation.steps))):
            if operation.steps[index].status in ("todo", "undone"):
                continue
            try:
                operation = self._undo(operation, index, leaving)
            except Exception as error:  # a defect in an undo must leave the way on as well
                message = error.message if isinstance(error, LoomaError) else f"{type(error).__name__}: {error}"
                self._save(replace(operation, status="paused", error=message))
                raise Paused(
                    f"operation {operation.id} could not be put back yet: {message}",
                    f"mend that, then: looma operation rollback {operation.id}",
                    operation=operation.id,
                ) from error
        return operation

    def _undo(self, operation: Operation, index: int, leaving: bool) -> Operation:
        planned = operation.plan.steps[index]
        step = read_step(planned.name, planned.params)
        began = self._world.clock.now()
        self._reporter.step_started(index, planned, step.title(), undoing=True)
        if isinstance(step, WorldStep):
            with self._world.store.write() as state:
                state.mark_step(operation.id, index, "undoing", at=began)
            detail = self._undone(step, index, leaving and planned.params.get("host", operation.host) != operation.host)
            with self._world.store.write() as state:
                self._mark(state, operation, index, "undone", began, detail)
        else:
            with self._world.store.write() as state:
                detail = step.undo(self._world, state)
                self._mark(state, operation, index, "undone", began, detail)
        duration = self._since(began)
        self._reporter.step_finished(index, "undone", duration, detail)
        return _with_step(operation, index, StepRecord(planned.name, "undone", began, duration, detail))

    def _undone(self, step: WorldStep, index: int, elsewhere: bool) -> str:
        try:
            return step.undo(self._world, self._quiet_progress(index))
        except Unreachable as error:
            if not elsewhere:
                raise
            return f"{NOT_AS_BEFORE}what was made there is left ({error.message}); looma state audit lists it once it answers"

    # failing
    def _fail(self, operation: Operation, index: int, error: LoomaError, cause: BaseException | None = None) -> None:
        """Undo, or pause where that is not possible or the outcome is unknown. Always raises."""
        unknown = isinstance(error, Unreachable) and isinstance(_step_of(operation, index), WorldStep)
        with self._write() as state:
            state.mark_step(operation.id, index, "started" if unknown else "failed", detail=error.message)
        self._reporter.step_finished(index, "failed", None, error.message)
        operation = self._read(operation.id)
        if unknown or pivot_passed(operation):
            self._save(replace(operation, status="paused", error=error.message))
            raise Paused(
                f"{error.message} (operation {operation.id} is paused{_meanwhile(operation)})",
                f"mend that, then: {_ways(operation)}",
                operation=operation.id,
            ) from error
        operation = self._save(replace(operation, direction="back", error=error.message))
        operation = self._undo_all(operation)
        self._finish(replace(operation, error=error.message), "failed")
        raise _as_failure(operation, error) from (cause or error)

    def _pause_if_asked(self, operation: Operation) -> None:
        if not self._stop_requested():
            return
        self._save(replace(operation, status="paused", error="interrupted"))
        operation = self._read(operation.id)
        raise Cancelled(
            f"interrupted; operation {operation.id} is paused{_meanwhile(operation)}",
            f"go on with: {_ways(operation)}",
            operation=operation.id,
        )

    def _refuse_if_lost(self, operation: Operation) -> None:
        """Another process runs this operation now: touch neither the world nor the journal."""
        if self._lease_lost():
            raise Held(f"operation {operation.id} was taken over by another looma", f"looma operation show {operation.id}")

    # journal
    def _progress(self, index: int) -> Callable[[str], None]:
        def progress(text: str) -> None:
            if self._stop_requested():
                raise StopRequested
            self._reporter.step_progress(index, text)

        return progress

    def _quiet_progress(self, index: int) -> Callable[[str], None]:
        return lambda text: self._reporter.step_progress(index, text)

    def _mark(self, state: State, operation: Operation, index: int, status: str, began: datetime, detail: str) -> None:
        state.mark_step(operation.id, index, status, at=began, duration_ms=self._since(began), detail=detail)

    def _since(self, began: datetime) -> int:
        return round((self._world.clock.now() - began).total_seconds() * 1000)

    @contextmanager
    def _write(self) -> Iterator[State]:
        """A transaction that also writes the mark of the step that was done before it."""
        with self._world.store.write() as state:
            if self._unwritten is not None:
                self._unwritten(state)
            yield state
        self._unwritten = None

    def _save(self, operation: Operation) -> Operation:
        with self._write() as state:
            state.save_operation(operation)
        return operation

    def _read(self, id: str) -> Operation:
        with self._world.store.read() as state:
            return state.operation(id)

    def _finish(self, operation: Operation, status: str) -> Operation:
        operation = replace(operation, status=status, finished_at=self._world.clock.now())
        with self._write() as state:
            state.save_operation(operation)
            self._release_lease(state)
        self._reporter.operation_finished(operation)
        return operation


def pivot_passed(operation: Operation) -> bool:
    """Whether the plan's pivot step was done or begun to be done on the world: from there it goes only forward."""
    if operation.plan.pivot >= len(operation.steps):
        return False
    status = operation.steps[operation.plan.pivot].status
    if isinstance(_step_of(operation, operation.plan.pivot), StateStep):
        return status == "done"
    return status in ("started", "done", "failed")


def _ways(operation: Operation) -> str:
    """How a paused operation goes on."""
    forward = f"looma operation resume {operation.id}"
    return forward if pivot_passed(operation) else f"{forward}, or: looma operation rollback {operation.id}"


def _meanwhile(operation: Operation) -> str:
    return ", and writes are refused until it goes on" if freezes_writes(operation) else ""


def _begin_on_world(state: State, operation: Operation, index: int, began: datetime) -> Operation:
    if index < operation.plan.pivot:
        operation = _with_step(operation, index, StepRecord(operation.plan.steps[index].name, "started", began))
    state.add_operation(operation)
    return operation


def _step_of(operation: Operation, index: int) -> StateStep | WorldStep:
    planned = operation.plan.steps[index]
    return read_step(planned.name, planned.params)


def _with_step(operation: Operation, index: int, record: StepRecord) -> Operation:
    return replace(operation, steps=(*operation.steps[:index], record, *operation.steps[index + 1 :]))


def _as_failure(operation: Operation, error: LoomaError) -> LoomaError:
    """What the caller sees after a complete undo: what keeps its own exit code as itself, the rest as a failed operation with
    the error's own code as ``details['cause']``."""
    if isinstance(error, (Conflict, Unreachable, UsageError)):
        error.details.setdefault("operation", operation.id)
        return error
    hint = error.hint or f"looma operation show {operation.id}"
    facts = {"cause": error.code, **error.details, "operation": operation.id}
    return OperationFailed(f"{error.message} ({put_back(operation)})", hint, **facts)
