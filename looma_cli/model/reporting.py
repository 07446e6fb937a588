"""How an operation tells the person who waits for it what it is doing. Progress only: results are returned, errors raised."""

from __future__ import annotations

from typing import Protocol

from looma_cli.model.operation import Operation, PlannedStep


class Reporter(Protocol):
    """Told of everything in the order in which it happens, from whatever thread it happens in. Never raises.

    ``index`` is the step's place in ``operation.plan.steps``. Between ``step_started`` and ``step_finished`` of a step there is any
    number of ``step_progress``; a text that begins with ``NAME:`` is about that component alone and replaces its earlier text.
    """

    def operation_started(self, operation: Operation) -> None:
        """Also on a resume, and with direction ``back`` on a rollback."""
        ...

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        """``title`` is what a person reads (``Start the data layer``)."""
        ...

    def step_progress(self, index: int, text: str) -> None: ...

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        """``status`` is done, undone or failed; ``detail`` may be empty."""
        ...

    def operation_finished(self, operation: Operation) -> None: ...

    def note(self, text: str) -> None:
        """Something worth knowing. ``NAME: DOING more`` with a word in -ing (``mysql: building app: RUN …``) is of a thing that is still
        under way: shown in its place until a note about it has another word (``mysql: built in 3 s``)."""
        ...

    def warn(self, text: str) -> None:
        """Something to act on, although the command goes on."""
        ...


class SilentReporter:
    """Says nothing: for callers that are no command line."""

    def operation_started(self, operation: Operation) -> None:
        pass

    def step_started(self, index: int, step: PlannedStep, title: str, undoing: bool) -> None:
        pass

    def step_progress(self, index: int, text: str) -> None:
        pass

    def step_finished(self, index: int, status: str, duration_ms: int | None, detail: str) -> None:
        pass

    def operation_finished(self, operation: Operation) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass
