"""What became of each tenant's turn, where a verb goes through several."""

from collections.abc import Sequence
from typing import Any

from looma_cli.cli.documents import document
from looma_cli.cli.failures import envelope, explain
from looma_cli.cli.present import Page
from looma_cli.cli.session import Session
from looma_cli.errors import Held, LoomaError, Paused
from looma_cli.model.operation import Plan


def result(tenant: str, error: LoomaError | None, status: str, **done: Any) -> dict[str, Any]:
    """``{tenant, status, …, error}``; ``status`` is what it is called when there is no error. What has to be gone on with is paused, what
    somebody else works on is held; any other error is a failure."""
    return {
        "tenant": tenant,
        "status": _status(error) if error else status,
        **{key: document(value) for key, value in done.items()},
        "error": failed_result(error) if error else None,
    }


def _status(error: LoomaError) -> str:
    return "paused" if isinstance(error, Paused) else "held" if isinstance(error, Held) else "failed"


def failed_result(error: LoomaError) -> dict[str, Any]:
    """``{code, message, hint}``, with ``details`` where there are any."""
    return envelope(explain(error))["error"]


class Results:
    """Collects results, says each as it comes, and sets the exit code to the worst: ``failing`` if one failed, 8 if one is paused. One
    that is held by somebody else is no failure."""

    def __init__(self, session: Session, *, failing: int = 1) -> None:
        self._session = session
        self._failing = failing
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        error = row["error"]
        self._session.reporter.note(f"{row['tenant']}: {row['status']}{' (' + error['message'] + ')' if error else ''}")
        worst = {"failed": self._failing, "paused": Paused.exit_code}.get(row["status"], 0)
        self._session.exit_code = max(self._session.exit_code, worst)

    def page(self, view: str, empty: str) -> Page:
        self._session.close()
        if not self._rows:
            self._session.tell(empty)
        return Page(self._rows, view, {"results": self._rows})


def joined(kind: str, plans: Sequence[Plan | None]) -> Plan:
    """The plans of several tenants as one, for ``--dry-run``."""
    given = [plan for plan in plans if plan is not None]
    if len(given) == 1:
        return given[0]
    steps = tuple(step for plan in given for step in plan.steps)
    changes = tuple(change for plan in given for change in plan.changes)
    warnings = tuple(dict.fromkeys(warning for plan in given for warning in plan.warnings))
    return Plan(kind, "", steps, 0, changes, warnings if given else ("there is nothing to do",))
