"""Have the machine take backups by itself: install, show and remove the timer, and know since when it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from looma_cli.model.protocols import Scheduler
from looma_cli.model.schedule import BACKUPS, EVERY_HOURS, FULL_AT, Schedule, ScheduledRun
from looma_cli.usecases.context import Context

_SECRET = ("SECRET", "PASSWORD", "TOKEN", "KEY", "DATABASE_URL")
LEASE = "schedule:backup"


@dataclass(frozen=True, slots=True)
class ScheduleReport:
    """``schedule`` None: there is none. ``files``: path -> text, secrets masked. ``problem``: why it will not run."""

    schedule: Schedule | None
    files: Mapping[str, str]
    next_run_at: datetime | None = None
    problem: str = ""
    advice: str = ""


class ScheduleUseCases:
    """``scheduler`` opens the machine's, or the one of that kind (raises NotAllowed where there is none); ``describe`` is the run that a
    schedule means, for this home with the settings in force."""

    def __init__(
        self, context: Context, scheduler: Callable[[str | None], Scheduler], describe: Callable[[Schedule], ScheduledRun]
    ) -> None:
        self._context = context
        self._world = context.world
        self._scheduler = scheduler
        self._describe = describe

    def show(self) -> ScheduleReport:
        schedule = self.installed()
        if schedule is None:
            return ScheduleReport(None, {})
        scheduler = self._scheduler(schedule.by)
        return self._report(schedule, scheduler, scheduler.problem(self._describe(schedule)))

    def installed(self) -> Schedule | None:
        with self._world.store.read() as state:
            return state.schedule(BACKUPS)

    def install(self, full_at: str = FULL_AT, every_hours: int = EVERY_HOURS, *, dry_run: bool = False) -> ScheduleReport:
        """In place of an earlier one. The same again keeps its date and mends what is missing.

        Raises NotAllowed, CommandFailed, NotPermitted; then everything is as it was.
        """
        scheduler = self._scheduler(None)
        wanted = Schedule(BACKUPS, full_at, every_hours, scheduler.by, self._world.clock.now())
        if dry_run:
            return self._report(wanted, scheduler)
        with self._world.leases.hold(LEASE, None, "backup schedule install"):
            before = self.installed()
            if before and before.specification() == wanted.specification():
                wanted = before
            if before and before.by != wanted.by:
                self._scheduler(before.by).remove(self._describe(before))
            scheduler.install(self._describe(wanted))
            with self._world.store.write() as state:
                state.save_schedule(wanted)
        return self._report(wanted, scheduler)

    def remove(self, *, dry_run: bool = False) -> ScheduleReport:
        """Returns what was there. Nothing there is no error."""
        with self._world.leases.hold(LEASE, None, "backup schedule remove"):
            schedule = self.installed()
            if schedule is None:
                return ScheduleReport(None, {})
            scheduler = self._scheduler(schedule.by)
            report = self._report(schedule, scheduler)
            if not dry_run:
                scheduler.remove(self._describe(schedule))
                with self._world.store.write() as state:
                    state.remove_schedule(BACKUPS)
        return report

    def _report(self, schedule: Schedule, scheduler: Scheduler, problem: str = "") -> ScheduleReport:
        now = self._world.clock.now().astimezone(self._world.clock.zone())
        run = self._describe(schedule)
        files = scheduler.files(replace(run, environment=masked(run.environment)))
        return ScheduleReport(schedule, files, schedule.next_slot(now), problem, scheduler.advice())


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """Fit to be shown."""

    def shown(name: str, value: str) -> str:
        return "***" if any(part in name for part in _SECRET) and not name.endswith("_FILE") else value

    return {name: shown(name, value) for name, value in environment.items()}
