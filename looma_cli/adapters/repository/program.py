"""restic as an outside program: bound to looma, its streams never in each other's way, nothing secret on its command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from looma_cli.adapters.children import LivePids, Outcome, end, spawn
from looma_cli.adapters.repository.failures import RESTIC_HINT
from looma_cli.adapters.repository.location import Location, ssh_options
from looma_cli.errors import RepositoryUnreachable

PIECE = 1 << 20
KEPT = 1 << 20
GRACE_SECONDS = 2.0  # for restic to remove its lock
# Settings of the caller's own restic that would lead it to another repository or passphrase.
_FOREIGN = ("REPOSITORY", "REPOSITORY_FILE", "PASSWORD", "PASSWORD_COMMAND", "KEY_HINT", "HOST", "PROGRESS_FPS")


class Drain:
    """Reads a stream to its end in a thread and keeps the last mebibyte of it, so that the program that writes it never waits."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._run, name="restic's words", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while piece := os.read(self._stream.fileno(), 1 << 16):
            self._kept = (self._kept + piece)[-KEPT:]

    def text(self) -> str:
        """Once the program has ended."""
        self._thread.join()
        return self._kept.decode("utf-8", errors="replace")


class Running:
    """A restic that runs. ``close`` must be called, after whatever happened."""

    def __init__(self, process: subprocess.Popen[bytes], pids: LivePids) -> None:
        self._process = process
        self._pids = pids
        assert process.stdout is not None
        assert process.stderr is not None
        self._output = process.stdout
        self._errors = Drain(process.stderr)
        self._closed = False
        self._gave_up = False

    def read(self) -> bytes:
        """A piece of its output; empty at the end."""
        return os.read(self._output.fileno(), PIECE)

    def finish(self) -> Outcome:
        """Waits for its end; ``output`` is the end of what was not read yet."""
        output = Drain(self._output)
        code = self._process.wait()
        if self._gave_up:
            return Outcome(1, output.text(), f"{self._errors.text()}\nFatal: it timed out")
        return Outcome(code, output.text(), self._errors.text())

    def give_up(self) -> None:
        """From another thread: whoever reads finds its end, with what it said so far."""
        self._gave_up = True
        end(self._process)

    def close(self) -> None:
        """It has ended afterwards. Idempotent."""
        if self._closed:
            return
        self._closed = True
        end(self._process, GRACE_SECONDS)
        self._pids.end(self._process.pid)
        self._errors.text()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


class Restic:
    """The restic command on one repository. ``environment`` is the process' own: PATH, the credentials, RESTIC_CACHE_DIR."""

    def __init__(
        self, location: Location, passphrase_file: Path, environment: Mapping[str, str], on_child: Callable[[int | None], None] | None
    ) -> None:
        self.location = location
        self._environment = _environment(location, passphrase_file, environment)
        self._pids = LivePids(on_child)

    def start(self, arguments: Sequence[str], *, beside: Location | None = None, **options: Any) -> Running:
        """``beside`` is the repository to copy from. Raises RepositoryUnreachable where restic or the server is missing."""
        program = self._program()
        locations = [self.location, *([beside] if beside else [])]
        for location in locations:
            location.probe(self._environment)
        environment = {**self._environment, **({"RESTIC_FROM_REPOSITORY": beside.restic} if beside else {})}
        cache = [] if "RESTIC_CACHE_DIR" in environment else ["--no-cache"]
        options.setdefault("stdin", subprocess.DEVNULL)
        process = spawn([program, *ssh_options(*locations), *cache, *arguments], environment, **options)
        running = Running(process, self._pids)
        try:
            self._pids.begin(process.pid)
        except BaseException:
            running.close()
            raise
        return running

    def run(self, *arguments: str, beside: Location | None = None, limit_seconds: float | None = None) -> Outcome:
        """To its end, or to the limit; the outcome, with a code of 1 at the limit, is the caller's to judge."""
        running = self.start(arguments, beside=beside)
        limit = threading.Timer(limit_seconds or threading.TIMEOUT_MAX, running.give_up)
        limit.daemon = True
        limit.start()
        try:
            return _whole(running)
        finally:
            limit.cancel()
            running.close()

    def _program(self) -> str:
        program = shutil.which("restic", path=self._environment.get("PATH"))
        if program is None:
            raise RepositoryUnreachable("restic, which keeps the backups, is not installed", RESTIC_HINT)
        return program


def _whole(running: Running) -> Outcome:
    output = b"".join(iter(running.read, b""))
    outcome = running.finish()
    return Outcome(outcome.code, output.decode("utf-8", errors="replace"), outcome.errors)


def _environment(location: Location, passphrase_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Times are UTC; English words, which are judged; a report of progress every ten seconds at most, which nobody reads."""
    foreign = {f"RESTIC_{middle}{name}" for name in _FOREIGN for middle in ("", "FROM_")}
    kept = {name: value for name, value in environment.items() if name not in foreign}
    return {
        **kept,
        "RESTIC_REPOSITORY": location.restic,
        "RESTIC_PASSWORD_FILE": str(passphrase_file),
        "RESTIC_FROM_PASSWORD_FILE": str(passphrase_file),
        "RESTIC_PROGRESS_FPS": "0.1",
        "TZ": "UTC",
        "LC_ALL": "C",
    }
