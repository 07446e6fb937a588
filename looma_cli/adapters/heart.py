"""One thread that renews all leases which a process holds: a thread for each would cost more than taking the lease."""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol


class Renewed(Protocol):
    def renew(self) -> None: ...


class Heart:
    """Beats every ``seconds`` while something is held, for each of it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pid = os.getpid()
        self._changing = threading.Lock()
        self._held: list[Renewed] = []
        self._beating = False

    def of_this_process(self) -> Heart:
        """Itself, or a new one in a process that was forked meanwhile: no thread came along."""
        return self if self._pid == os.getpid() else Heart(self._seconds)

    def add(self, lease: Renewed) -> None:
        """From now on it is renewed, for the first time after ``seconds`` at the latest."""
        with self._changing:
            self._held.append(lease)
            if not self._beating:
                threading.Thread(target=self._beat, name="leases", daemon=True).start()
                self._beating = True

    def remove(self, lease: Renewed) -> None:
        """A beat for it may be under way: the lease itself knows that it has ended."""
        with self._changing:
            self._held.remove(lease)

    def _beat(self) -> None:
        try:
            while held := self._held_after_a_while():
                for lease in held:
                    lease.renew()
        except BaseException:
            self._beating = False  # a lease that comes later gets another thread
            raise

    def _held_after_a_while(self) -> list[Renewed]:
        time.sleep(self._seconds)
        with self._changing:
            self._beating = bool(self._held)
            return list(self._held)
