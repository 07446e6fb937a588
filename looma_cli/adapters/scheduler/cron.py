"""A line of cron: a file in /etc/cron.d for root, a line in the user's own crontab otherwise (crontab(5))."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from looma_cli.adapters.scheduler.machine import File, Machine, put_back, remove_all, write_all
from looma_cli.adapters.scheduler.script import HEAD, script_file, single_line
from looma_cli.errors import CommandFailed, LoomaError
from looma_cli.model.schedule import ScheduledRun

RUNNING = ("run/crond.pid", "var/run/crond.pid", "run/cron.pid", "run/crond/crond.pid")


def line(run: ScheduledRun, user: str = "") -> str:
    """``user`` is the sixth field, which only system files have. cron itself reads ``%`` as the end of the command."""
    hours = ",".join(str(hour) for hour in sorted(hour for hour, _ in run.times))
    script, log = (shlex.quote(single_line(path)) for path in (run.script, run.log))
    command = f"/bin/sh {script} >>{log} 2>&1 {_mark(run)}".replace("%", "\\%")
    return f"{run.times[0][1]} {hours} * * * {user + ' ' if user else ''}{command}"


def _mark(run: ScheduledRun) -> str:
    """A comment of the shell's: it tells our line from all others."""
    return f"# {run.name}"


class CronScheduler:
    """Implements ``Scheduler``."""

    by = "cron"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def _file(self, run: ScheduledRun) -> File:
        text = "\n".join([HEAD, "SHELL=/bin/sh", line(run, "root"), ""])
        return File(self._machine.root / "etc/cron.d" / run.name, text)

    def files(self, run: ScheduledRun) -> Mapping[str, str]:
        script = script_file(run)
        if self._machine.is_root:
            return {str(file.path): file.text for file in (script, self._file(run))}
        return {str(script.path): script.text, "crontab": line(run) + "\n"}

    def install(self, run: ScheduledRun) -> None:
        self._make_log_folder(run)
        if self._machine.is_root:
            write_all([script_file(run), self._file(run)])
            return
        text = line(run)
        before = write_all([script_file(run)])
        try:
            self._save([*self._others(run), text])
        except LoomaError:
            put_back(before)
            raise

    def remove(self, run: ScheduledRun) -> None:
        if self._machine.is_root:
            remove_all([self._file(run).path, script_file(run).path])
            return
        lines, others = self._crontab(), self._others(run)
        if lines != others:
            self._save(others)
        remove_all([script_file(run).path])

    def problem(self, run: ScheduledRun) -> str:
        script = script_file(run).path
        if not script.exists():
            return f"{script} is gone"
        if self._machine.is_root:
            path = self._file(run).path
            return "" if path.exists() else f"{path} is gone"
        return "" if self._others(run) != self._crontab() else "its line in the crontab is gone"

    def advice(self) -> str:
        if any((self._machine.root / path).exists() for path in RUNNING):
            return ""
        return "cron does not seem to run: start it (service cron start)"

    def _make_log_folder(self, run: ScheduledRun) -> None:
        try:
            Path(run.log).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandFailed(f"{Path(run.log).parent} cannot be made: {error.strerror}", "look at that folder") from error

    # the user's crontab
    def _crontab(self) -> list[str]:
        """Its lines; none where there is no crontab yet, which crontab(1) calls a failure."""
        done = self._machine.run("crontab", "-l")
        if done.returncode and "no crontab" not in done.stderr:
            raise CommandFailed(f"crontab -l: {done.stderr.strip() or done.returncode}", "look whether this user may use cron")
        return [] if done.returncode else done.stdout.splitlines()

    def _others(self, run: ScheduledRun) -> list[str]:
        return [each for each in self._crontab() if not each.endswith(_mark(run))]

    def _save(self, lines: list[str]) -> None:
        self._machine.call("crontab", "-", given="".join(f"{each}\n" for each in lines), hint="look whether this user may use cron")
