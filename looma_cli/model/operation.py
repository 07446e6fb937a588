"""Operations: a journaled plan, its steps and marks, and the lease under which it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

OPERATION_STATUSES = ("pending", "running", "paused", "interrupted", "done", "failed", "rolled_back")
ABOUT = "about"  # in ``Operation.result``: see ``about``
OPEN_STATUSES = ("pending", "running", "paused", "interrupted")
NOT_AS_BEFORE = "not as before: "  # begins the detail of a step whose undo ended well, but not where the operation began
STEP_STATUSES = ("todo", "started", "done", "undoing", "undone", "failed")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as it is saved and shown: the name selects the class, ``params`` are its fields (JSON-safe)."""

    name: str
    params: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, decided once. ``pivot`` is the index of the step after whose success there is only forward;
    the number of steps where all of it can be put back until its end.

    ``changes`` are lines for people (``+ container ...``), ``warnings`` likewise. Resume reads the steps back and never re-plans.
    """

    kind: str
    tenant: str
    steps: tuple[PlannedStep, ...]
    pivot: int
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    name: str
    status: str = "todo"
    started_at: datetime | None = None
    duration_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """A plan under way or ended. ``direction`` is forward, or back once an undo has begun."""

    id: str
    kind: str
    tenant: str
    host: str
    status: str
    plan: Plan
    steps: tuple[StepRecord, ...]
    started_at: datetime
    finished_at: datetime | None = None
    direction: str = "forward"
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def about(operation: Operation) -> str:
    """The tenant that an operation is about: of a proof or a rehearsal, which run under the name of a scratch stack so that they hold
    nobody's tenant, the one whose set or switch it is."""
    return str(operation.result.get(ABOUT, operation.tenant))


def put_back(operation: Operation) -> str:
    """What a complete undo came to, in words: everything, or what is not as it was before."""
    return next((record.detail for record in operation.steps if record.detail.startswith(NOT_AS_BEFORE)), "everything was put back")


def attempted(operation: Operation) -> str:
    """Name of the last step that was begun: the one that failed, where the operation failed."""
    return next((record.name for record in reversed(operation.steps) if record.status != "todo"), "")


def measured(operation: Operation) -> dict[str, int]:
    """What the journal tells of an operation: ``write_freeze_ms``, from before writes were refused until after they were let in again.
    Nothing for one that froze nothing, or is not through yet."""
    began = ended = None
    for planned, record in zip(operation.plan.steps, operation.steps, strict=True):
        if planned.name not in ("set-route-mode", "rehearse-route-mode") or record.status != "done" or record.started_at is None:
            continue
        if planned.params["mode"] == "frozen":
            began = record.started_at
        elif planned.params["previous"] == "frozen":
            ended = record.started_at + timedelta(milliseconds=record.duration_ms or 0)
    return {"write_freeze_ms": round((ended - began).total_seconds() * 1000)} if began and ended else {}


def freezes_writes(operation: Operation) -> bool:
    """Whether writes to its tenant are refused for as long as it stands still: it began to freeze them, and has not let them in again."""
    modes = [
        (planned.params["mode"], record.status)
        for planned, record in zip(operation.plan.steps, operation.steps, strict=True)
        if planned.name == "set-route-mode"
    ]
    frozen = any(mode == "frozen" and status in ("started", "done", "failed", "undoing") for mode, status in modes)
    return frozen and not any(mode != "frozen" and status == "done" for mode, status in modes)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: a process (pid with its start time, so that a reused pid is not mistaken) on a machine."""

    owner: str  # operating-system user
    machine: str
    pid: int
    process_started: int  # clock ticks since boot, from /proc/PID/stat


@dataclass(frozen=True, slots=True)
class Lease:
    """Exclusive right to change ``resource`` (``tenant:acme``, ``edge:local``) until ``expires_at``, renewed by heartbeat."""

    resource: str
    holder: Holder
    operation: str | None
    why: str
    acquired_at: datetime
    expires_at: datetime
    child: int | None = None  # pid of an outside program that must be ended before someone else takes over
    child_started: int | None = None
