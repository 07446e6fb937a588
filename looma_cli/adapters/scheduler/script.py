"""The small script that a timer starts: settings and command, quoted by one rule (the shell's), whatever they hold.

It is private to its owner, since settings may hold a password (``LOOMA_DATABASE_URL``, the credentials of an S3 server); unit files and
crontabs, which others may read, name only the script.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from looma_cli.adapters.scheduler.machine import File
from looma_cli.errors import InvalidValue
from looma_cli.model.schedule import ScheduledRun

HEAD = "# Written by `looma backup schedule install`; `looma backup schedule remove` removes it."


def script(run: ScheduledRun) -> str:
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(run.environment.items())]
    return "\n".join(["#!/bin/sh", HEAD, *exports, f"exec {shlex.join(run.command)}", ""])


def script_file(run: ScheduledRun) -> File:
    return File(Path(run.script), script(run), 0o600)


def single_line(path: str) -> str:
    """Neither a unit file nor a crontab can say a line break. Raises InvalidValue."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        raise InvalidValue(f"no timer can be told the path {path!r}", "set LOOMA_HOME to a folder without control characters in its name")
    return path
