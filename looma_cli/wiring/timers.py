"""What a timer starts: this looma, in this home, with these settings."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from looma_cli.settings import Settings

if TYPE_CHECKING:
    from looma_cli.model.schedule import Schedule, ScheduledRun

# What a run by a timer needs beside looma's own settings: where programs are, which engine, and how places for backups are reached.
PASSED_ON = re.compile(
    r"PATH|HOME|DOCKER_(HOST|CONTEXT|CONFIG|CERT_PATH|TLS_VERIFY)|AWS_[A-Z_]+|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy"
)
SCRIPT, LOG = "backup-run.sh", "logs/backup-run.log"


def scheduled_run(schedule: Schedule, settings: Settings, installation: str, environment: Mapping[str, str]) -> ScheduledRun:
    """What the timer of a home starts: this looma, with the settings that no file in LOOMA_HOME says."""
    from looma_cli.model.schedule import ScheduledRun

    named = [(name, value) for name, value, source in settings.items() if source in ("environment", "flag")]
    given = {f"LOOMA_{name.upper()}": _from_anywhere(value) for name, value in named}
    passed = {name: value for name, value in environment.items() if PASSED_ON.fullmatch(name)}
    home = Path(settings.home)
    return ScheduledRun(
        f"looma-backup-{installation}",
        (*_this_looma(), "backup", "run", "--due"),
        {**passed, **given, **_places(settings), "LOOMA_HOME": str(home)},
        tuple(schedule.slots()),
        str(home / SCRIPT),
        str(home / LOG),
    )


def _from_anywhere(value: Any) -> str:
    """A setting as it is, a file by its full path: a timer runs in another folder."""
    return os.path.abspath(value) if isinstance(value, Path) else str(value)


def _places(settings: Settings) -> dict[str, str]:
    """The places for backups, where the environment names them, as they are meant here."""
    named = {name: getattr(settings, name) for name in ("backup_repository", "backup_copy")}
    return {f"LOOMA_{name.upper()}": place(text) for name, text in named.items() if text and settings.sources[name] == "environment"}


def place(text: str) -> str:
    """Where repositories are; a folder by its full path, since it is written down and read from elsewhere."""
    from looma_cli.model.validation import is_remote

    return text if is_remote(text) else os.path.abspath(text)


def _this_looma() -> tuple[str, ...]:
    """By full paths: the command beside this Python, else this Python with the package (``-P``: whatever folder it runs in)."""
    command = Path(sys.executable).with_name("looma")
    return (str(command),) if os.access(command, os.X_OK) else (sys.executable, "-P", "-m", "looma_cli")
