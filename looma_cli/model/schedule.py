"""When backups are due. The default is the seeds': a full one daily at 03:00 of the host, an incremental one every 6 hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

BACKUPS = "backup"
FULL_AT = "03:00"
EVERY_HOURS = 6
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """``full_at`` is local time of the machine that runs it (HH:MM); ``every_hours`` counts from there; ``by`` is systemd or cron."""

    name: str
    full_at: str
    every_hours: int
    by: str
    installed_at: datetime

    def specification(self) -> Mapping[str, Any]:
        return {"full_at": self.full_at, "every_hours": self.every_hours, "by": self.by}

    def slots(self) -> list[tuple[int, int]]:
        """(hour, minute) of each run of a day, the full one first."""
        hour, minute = map(int, self.full_at.split(":"))
        return [((hour + offset) % 24, minute) for offset in range(0, 24, self.every_hours)]

    def last_slot(self, now: datetime) -> tuple[datetime, str]:
        """The newest time at or before ``now`` (aware, in the machine's zone) at which a set was due, and its kind."""
        days = [now.date(), now.date() - timedelta(days=1)]
        times = [
            (now.replace(year=day.year, month=day.month, day=day.day, hour=hour, minute=minute, second=0, microsecond=0), index)
            for day in days
            for index, (hour, minute) in enumerate(self.slots())
        ]
        at, index = max((time, index) for time, index in times if time <= now)
        return at, "full" if index == 0 else "incremental"

    def next_slot(self, now: datetime) -> datetime:
        """The first time after ``now`` (aware, in the machine's zone) at which a set is due."""
        days = [now + timedelta(days=ahead) for ahead in (0, 1)]
        times = [day.replace(hour=hour, minute=minute, second=0, microsecond=0) for day in days for hour, minute in self.slots()]
        return min(time for time in times if time > now)

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """Whether the newest slot has no set yet."""
        return last is None or last < self.last_slot(now)[0]

    def is_overdue(self, last: datetime | None, since: datetime, now: datetime) -> bool:
        """Whether a set should have been made and was not, an hour after its time. ``since``: when the tenant came into being; a slot
        before that, or before the schedule was installed, was nobody's duty."""
        slot, _ = self.last_slot(now - GRACE)
        return slot > max(since, self.installed_at) and (last is None or last < slot)


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """What runs by itself: ``command`` (absolute) with ``environment``, at each of ``times`` (hour, minute) of the machine's zone.

    ``name`` (letters, digits, hyphens) tells it from the runs of other installations. ``script`` and ``log`` are full paths: the file that
    holds environment and command, and where the output goes if the scheduler keeps none.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    times: tuple[tuple[int, int], ...]
    script: str
    log: str
