"""A clock that stands still until it is moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, tzinfo

from tests.factories import NOW


class FakeClock:
    """Implements ``Clock``: ``sleep`` moves the time and returns at once."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._moving = threading.Lock()
        self.local: tzinfo = UTC

    def now(self) -> datetime:
        with self._moving:
            return self._now

    def zone(self) -> tzinfo:
        return self.local

    def sleep(self, seconds: float) -> None:
        with self._moving:
            self._now += timedelta(seconds=seconds)
