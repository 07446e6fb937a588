"""The docker command, where it does what the engine's API alone cannot: BuildKit builds with secrets, saving and loading."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from looma_cli.errors import CommandFailed, EngineUnavailable, LoomaError

SETUP = Path(__file__).resolve().parents[2] / "setup" / "engine.sh"
SETUP_HINT = f"run: sh {SETUP} --images"
LOG_LINES = 40
_NOT_THERE = (
    "cannot connect to the docker daemon",
    "error during connect",
    "failed to connect to the docker",
    "permission denied while trying",
)
_NO_BUILDKIT = (
    "buildx component is missing",
    "--mount option requires buildkit",
    "unknown flag: --secret",
    "'buildx' is not a docker command",
)


class Docker:
    """Runs programs with one environment; several threads may. ``stop`` ends all that still run."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, "LC_ALL": "C.UTF-8", "DOCKER_CLI_HINTS": "false"}
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def output(self, *arguments: str, to: IO[bytes] | None = None, accept: Sequence[int] = (0,)) -> str:
        """Standard output of ``docker ARGUMENTS``, or "" when it goes ``to`` a file. Raises EngineUnavailable, CommandFailed."""
        command = ["docker", *arguments]
        try:
            answer = subprocess.run(command, env=self._environment, stdout=to or subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except FileNotFoundError as error:
            raise EngineUnavailable("the docker command is not installed", SETUP_HINT) from error
        errors = answer.stderr.decode(errors="replace").splitlines()
        if answer.returncode not in accept or _means(errors, _NOT_THERE):
            raise failure(f"docker {arguments[0]}", answer.returncode, errors)
        return (answer.stdout or b"").decode(errors="replace")

    def follow(self, command: Sequence[str], on_line: Callable[[str], None], environment: Mapping[str, str]) -> None:
        """Runs a long command and hands on each line that it writes. Raises EngineUnavailable, CommandFailed with the last lines
        as ``details['log']``."""
        last: deque[str] = deque(maxlen=LOG_LINES)
        try:
            process = self._start(command, environment)
        except FileNotFoundError as error:
            raise EngineUnavailable(f"{command[0]} is not installed", SETUP_HINT) from error
        try:
            assert process.stdout is not None  # asked for as a pipe
            for line in process.stdout:
                last.append(line.rstrip())
                on_line(line.rstrip())
            process.wait()
        finally:
            self._end(process)
        if process.returncode:
            raise failure(" ".join(command[:2]), process.returncode, list(last))

    def stop(self) -> None:
        """Ends what runs and starts nothing more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _terminate(process)

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """In a session of its own: Ctrl-C reaches looma alone, which then stops it."""
        with self._lock:
            if self._stopped:
                raise CommandFailed("the build was stopped")
            process = subprocess.Popen(
                command,
                env={**self._environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def _end(self, process: subprocess.Popen[str]) -> None:
        _terminate(process)
        process.wait()
        with self._lock:
            self._running.discard(process)
        if process.stdout is not None:
            process.stdout.close()


def failure(what: str, code: int, lines: Sequence[str]) -> LoomaError:
    """The error that a program's exit code and last lines mean."""
    said = [line for line in lines if line.strip()]
    last = said[-1].strip() if said else f"exit code {code}"
    if _means(said, _NOT_THERE):
        return EngineUnavailable(f"the container engine does not answer: {last}", SETUP_HINT)
    if _means(said, _NO_BUILDKIT):
        return EngineUnavailable("docker's buildx plugin is not installed", SETUP_HINT)
    return CommandFailed(f"{what}: {last}", "the lines before say more", log=said)


def _means(lines: Sequence[str], phrases: Sequence[str]) -> bool:
    return any(phrase in line.lower() for line in lines for phrase in phrases)


def _terminate(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
