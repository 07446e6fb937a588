"""File systems that are full or read-only: a process in a mount namespace of its own, which any user may make on Linux."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def run_on(mounts: str, code: str) -> list[str]:
    """The lines that Python ``code`` prints, run after the shell commands ``mounts`` in a user and mount namespace.

    Everything that was mounted is gone with the process. Raises AssertionError with its standard error when it fails.
    """
    script = f"set -e; {mounts}; exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def small(folder: Path, kibibytes: int) -> str:
    """An empty file system of that size on an existing folder."""
    return f"mount -t tmpfs -o size={kibibytes}k none {shlex.quote(str(folder))}"


def read_only(folder: Path) -> str:
    path = shlex.quote(str(folder))
    return f"mount --bind {path} {path}; mount -o remount,ro,bind {path}"
