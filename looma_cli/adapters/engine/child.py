"""Outside programs (compose, docker): they never outlive looma, and Ctrl-C at the terminal never reaches them by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from looma_cli.adapters.engine.api import BUSY_HINT
from looma_cli.errors import CommandFailed


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended: its exit code and what it wrote."""

    code: int
    output: str
    errors: str


class Children:
    """Starts outside programs one at a time and tells ``on_child`` the pid of each, and None once it has ended."""

    def __init__(self, on_child: Callable[[int | None], None] | None) -> None:
        self._on_child = on_child or (lambda pid: None)

    def run(self, arguments: Sequence[str], *, environment: Mapping[str, str], text: str = "", limit_seconds: float = 60.0) -> Outcome:
        """Runs to the end, with ``text`` as standard input. Raises CommandFailed past the limit, FileNotFoundError.

        The program gets its input only after ``on_child`` has recorded its pid: if looma dies before that, it finds its input
        empty and does nothing; after that, the kernel ends it together with looma.
        """
        with _spawn(arguments, environment) as process:
            try:
                self._on_child(process.pid)
                output, errors = process.communicate(text, timeout=limit_seconds)
            except subprocess.TimeoutExpired as error:
                name = os.path.basename(arguments[0])
                raise CommandFailed(f"{name} did not end within {limit_seconds:.0f} s", BUSY_HINT) from error
            finally:
                _end(process)
                self._on_child(None)
        return Outcome(process.returncode, output, errors)


def _spawn(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """In a session of its own: signals of the terminal go to looma alone, which decides what becomes of the program."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*_bound_to_parent(), *arguments],
        env=dict(environment),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _bound_to_parent() -> list[str]:
    """``setpriv`` asks the kernel (PR_SET_PDEATHSIG) to kill the program with looma, then becomes that program.

    Not ``preexec_fn``: that runs Python between fork and exec, which is unsafe while a heartbeat thread is alive. Where
    util-linux is missing the lease's record of the child is what ends it.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _end(process: subprocess.Popen[str]) -> None:
    """Kills a program that has not ended, with all of its session; after a normal end there is nothing to do."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a program with looma's own standard streams and terminal; its exit code, 128 + n after signal n."""
    code = subprocess.call(list(arguments), env=dict(environment))
    return code if code >= 0 else 128 - code
