"""Namespaces that live as long as the process that made them, and commands inside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

FIRST = Path(__file__).with_name("first.py")
PYTHON = str(Path(sys.executable).resolve())  # the virtual environment cannot be seen from within a host
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
KINDS = ("--mount", "--uts", "--ipc", "--net", "--pid")
COMMAND_SECONDS = 60


class Namespace:
    """``pid`` is the first process of the new namespaces, as this process sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["unshare", *KINDS, "--fork", "--kill-child", PYTHON, "-IS", str(FIRST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,  # unshare complains of the end that we make it
            env=ENVIRONMENT,
            start_new_session=True,
            text=True,
        )
        assert self._process.stdout is not None  # asked for as a pipe
        line = self._process.stdout.readline()
        assert line, f"namespaces cannot be made here: the rig needs root with CAP_SYS_ADMIN: {self._process.communicate()[1]}"
        self.pid = int(line)

    @property
    def root(self) -> Path:
        """Its files, as they are seen from outside."""
        return Path(f"/proc/{self.pid}/root")

    def run(
        self, *command: str, input: str | None = None, check: bool = True, kinds: tuple[str, ...] = KINDS
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", *kinds, "--", *command],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0 or not check, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def shell(self, script: str, *arguments: str) -> str:
        """What the script prints; each of its commands must succeed."""
        return self.run("sh", "-euc", script, "sh", *arguments).stdout

    def end(self) -> None:
        """Every process in it has ended afterwards."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()
