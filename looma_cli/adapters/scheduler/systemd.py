"""A systemd service with its timer: of the system for root, of the user's own manager otherwise (systemd.unit(5), systemd.timer(5))."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from looma_cli.adapters.scheduler.machine import File, Machine, put_back, remove_all, write_all
from looma_cli.adapters.scheduler.script import HEAD, script_file, single_line
from looma_cli.errors import LoomaError
from looma_cli.model.schedule import ScheduledRun

HINT = "systemctl must reach the manager: log in as that user (not with su), or do it as root"


def quoted(text: str) -> str:
    """One argument of ExecStart: quotes, no specifiers (%), no variables ($)."""
    plain = single_line(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'


def service(run: ScheduledRun, *, of_system: bool) -> str:
    """``KillMode``: the whole group would be told to end with looma, restic in the middle of a backup too."""
    online = ["After=network-online.target docker.service", "Wants=network-online.target"] if of_system else []
    return "\n".join(
        [
            HEAD,
            "[Unit]",
            f"Description=Backups of looma tenants that are due ({run.name})",
            *online,
            "",
            "[Service]",
            "Type=oneshot",
            f"ExecStart=/bin/sh {quoted(run.script)}",
            "KillMode=mixed",
            "TimeoutStopSec=5min",
            "",
        ]
    )


def timer(run: ScheduledRun) -> str:
    """``Persistent``: what the machine slept through is made up for when it is up again."""
    times = [f"OnCalendar=*-*-* {hour:02}:{minute:02}:00" for hour, minute in sorted(run.times)]
    head = [HEAD, "[Unit]", f"Description=Times of the backups of looma tenants ({run.name})", "", "[Timer]"]
    return "\n".join([*head, *times, "Persistent=true", "", "[Install]", "WantedBy=timers.target", ""])


class SystemdScheduler:
    """Implements ``Scheduler``."""

    by = "systemd"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @property
    def _folder(self) -> Path:
        if self._machine.is_root:
            return self._machine.root / "etc/systemd/system"
        return Path(self._machine.environment.get("XDG_CONFIG_HOME") or self._machine.home / ".config") / "systemd/user"

    def _files(self, run: ScheduledRun) -> list[File]:
        units = {"service": service(run, of_system=self._machine.is_root), "timer": timer(run)}
        return [script_file(run), *(File(self._folder / f"{run.name}.{kind}", text) for kind, text in units.items())]

    def files(self, run: ScheduledRun) -> Mapping[str, str]:
        return {str(file.path): file.text for file in self._files(run)}

    def install(self, run: ScheduledRun) -> None:
        before = write_all(self._files(run))
        try:
            self._manager("daemon-reload")
            self._manager("enable", f"{run.name}.timer")
            self._manager("restart", f"{run.name}.timer")
        except LoomaError:
            is_new = all(content is None for content in before.values())
            if is_new:
                self._ask("disable", "--now", f"{run.name}.timer")
            put_back(before)
            self._ask("daemon-reload")
            if not is_new:
                self._ask("restart", f"{run.name}.timer")
            raise

    def remove(self, run: ScheduledRun) -> None:
        files = self._files(run)
        if any(file.path.exists() for file in files[1:]):
            self._manager("disable", "--now", f"{run.name}.timer")
        remove_all([file.path for file in files])
        self._manager("daemon-reload")

    def problem(self, run: ScheduledRun) -> str:
        missing = [str(file.path) for file in self._files(run) if not file.path.exists()]
        if missing:
            return f"{missing[0]} is gone"
        for word in ("enabled", "active"):
            answer = self._ask(f"is-{word}", f"{run.name}.timer")
            if answer != word:
                return f"the timer is {answer or 'not ' + word}"
        return ""

    def advice(self) -> str:
        user = self._machine.user
        if self._machine.is_root or (self._machine.root / "var/lib/systemd/linger" / user).exists():
            return ""
        return f"timers of a user run only while {user} is logged in: sudo loginctl enable-linger {user}"

    def _command(self, *arguments: str) -> list[str]:
        return ["systemctl", *([] if self._machine.is_root else ["--user"]), *arguments]

    def _manager(self, *arguments: str) -> None:
        self._machine.call(*self._command(*arguments), hint=HINT)

    def _ask(self, *arguments: str) -> str:
        return self._machine.run(*self._command(*arguments)).stdout.strip()
