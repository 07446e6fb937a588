"""The engine's outside programs (compose, docker), run to their end one at a time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from looma_cli.adapters.children import Outcome, end, spawn
from looma_cli.adapters.engine.api import BUSY_HINT
from looma_cli.errors import TimedOut


class Children:
    """Starts outside programs one at a time and tells ``on_child`` the pid of each, and None once it has ended."""

    def __init__(self, on_child: Callable[[int | None], None] | None) -> None:
        self._on_child = on_child or (lambda pid: None)

    def run(self, arguments: Sequence[str], *, environment: Mapping[str, str], text: str = "", limit_seconds: float = 60.0) -> Outcome:
        """Runs to the end, with ``text`` as standard input. Raises TimedOut past the limit, FileNotFoundError.

        The program gets its input only after ``on_child`` has recorded its pid: if looma dies before that, it finds its input
        empty and does nothing; after that, the kernel ends it together with looma.
        """
        with spawn(arguments, environment, stdin=subprocess.PIPE, text=True, errors="replace") as process:
            try:
                self._on_child(process.pid)
                output, errors = process.communicate(text, timeout=limit_seconds)
            except subprocess.TimeoutExpired as error:
                name = os.path.basename(arguments[0])
                raise TimedOut(f"{name} did not end within {limit_seconds:.0f} s", BUSY_HINT, output=_said(error)) from error
            finally:
                end(process)
                self._on_child(None)
        return Outcome(process.returncode, output, errors)


def _said(error: subprocess.TimeoutExpired) -> str:
    """What had come of both streams; bytes, whatever they were opened as."""
    return b"".join(part for part in (error.stdout, error.stderr) if isinstance(part, bytes)).decode("utf-8", errors="replace")


def foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a program with looma's own standard streams and terminal; its exit code, 128 + n after signal n."""
    code = subprocess.call(list(arguments), env=dict(environment))
    return code if code >= 0 else 128 - code
