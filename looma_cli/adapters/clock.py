"""The real clock: the only place that asks the machine for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path

LOCAL_ZONE = Path("/etc/localtime")  # localtime(5); TZ of one shell is not what timers of the machine go by


class SystemClock:
    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)

    def zone(self) -> tzinfo:
        """The machine's own; UTC where none is set, as the C library has it."""
        from zoneinfo import ZoneInfo

        try:
            with LOCAL_ZONE.open("rb") as file:
                return ZoneInfo.from_file(file)
        except (OSError, ValueError):
            return UTC

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
