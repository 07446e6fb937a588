"""FakeScheduler: implements ``Scheduler`` in memory; calling it opens it, as ``World.scheduler`` does."""

from __future__ import annotations

from collections.abc import Mapping

from looma_cli.errors import CommandFailed, LoomaError
from looma_cli.model.schedule import ScheduledRun


class FakeScheduler:
    """``runs`` is what is installed, by name. ``error`` makes installing fail, ``absent`` opening it."""

    by = "systemd"

    def __init__(self) -> None:
        self.runs: dict[str, ScheduledRun] = {}
        self.error: LoomaError | None = None
        self.absent: LoomaError | None = None

    def __call__(self, by: str | None) -> FakeScheduler:
        if self.absent is not None:
            raise self.absent
        if by not in (None, self.by):
            raise CommandFailed(f"there is no {by}")
        return self

    def files(self, run: ScheduledRun) -> Mapping[str, str]:
        return {run.script: "\n".join(f"{name}={value}" for name, value in run.environment.items())}

    def install(self, run: ScheduledRun) -> None:
        if self.error is not None:
            raise self.error
        self.runs[run.name] = run

    def remove(self, run: ScheduledRun) -> None:
        self.runs.pop(run.name, None)

    def problem(self, run: ScheduledRun) -> str:
        return "" if run.name in self.runs else "it is gone"

    def advice(self) -> str:
        return ""
