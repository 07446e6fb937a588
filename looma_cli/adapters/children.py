"""Outside programs (compose, docker, restic): they never outlive looma, and Ctrl-C at the terminal never reaches them by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended: its exit code and what it wrote."""

    code: int
    output: str
    errors: str


class LivePids:
    """Tells ``on_child`` the pid of a program that runs, and None once none does: a lease has room for one of several."""

    def __init__(self, on_child: Callable[[int | None], None] | None) -> None:
        self._on_child = on_child or (lambda pid: None)
        self._pids: list[int] = []
        self._changing = threading.Lock()

    def begin(self, pid: int) -> None:
        with self._changing:
            self._pids.append(pid)
            self._on_child(pid)

    def end(self, pid: int) -> None:
        """Idempotent."""
        with self._changing:
            if pid in self._pids:
                self._pids.remove(pid)
                self._on_child(self._pids[-1] if self._pids else None)


def spawn(arguments: Sequence[str], environment: Mapping[str, str], **options: Any) -> subprocess.Popen[Any]:
    """In a session of its own: signals of the terminal go to looma alone, which decides what becomes of the program. ``options`` are
    Popen's; output and errors are pipes."""
    pipe = subprocess.PIPE
    command = [*_bound_to_parent(), *arguments]
    return subprocess.Popen(command, env=dict(environment), stdout=pipe, stderr=pipe, start_new_session=True, **options)


def _bound_to_parent() -> list[str]:
    """``setpriv`` asks the kernel (PR_SET_PDEATHSIG) to kill the program with looma (more exactly: with the thread that started it),
    then becomes that program.

    Not ``preexec_fn``: that runs Python between fork and exec, which is unsafe while a heartbeat thread is alive. Where
    util-linux is missing the lease's record of the child is what ends it.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def end(process: subprocess.Popen[Any], grace_seconds: float = 0.0) -> None:
    """Ends a program that has not ended: SIGINT and that long to tidy up, then SIGKILL to all of its session; after a normal end there
    is nothing to do."""
    if process.poll() is None and grace_seconds:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
