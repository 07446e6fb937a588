"""The texts of units, crontabs and the script: judged by the programs that read them, with the nastiest of paths and settings."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from looma_cli.adapters.scheduler import open_scheduler
from looma_cli.adapters.scheduler.script import script
from looma_cli.adapters.scheduler.systemd import quoted, service, timer
from looma_cli.model.schedule import Schedule
from tests.contract.schedulers import machine
from tests.contract.test_scheduler import NASTY, a_run
from tests.factories import NOW


def test_the_script_hands_on_what_it_was_given(tmp_path: Path) -> None:
    told = tmp_path / "told 'so' $x.sh"
    told.write_text('#!/bin/sh\nprintf "%s|%s|%s" "$LOOMA_X" "$LOOMA_HOME" "$*"\n')
    told.chmod(0o755)
    run = a_run(tmp_path, command=(str(told), "backup", "run", "--due"))
    said = subprocess.run(["/bin/sh"], input=script(run), env={}, capture_output=True, text=True, check=True).stdout
    assert said == f"{NASTY}|{run.environment['LOOMA_HOME']}|backup run --due"


def test_only_its_owner_reads_the_script(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    open_scheduler(machine(tmp_path / "machine", uid=0, cron=True)).install(run)
    assert stat.S_IMODE(Path(run.script).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "machine/etc/cron.d/looma-backup-0123").stat().st_mode) == 0o644
    assert NASTY not in (tmp_path / "machine/etc/cron.d/looma-backup-0123").read_text()


def cron_command(line: str, fields: int) -> str:
    """What cron gives to the shell: after the fields, up to the first bare per cent sign (crontab(5))."""
    command = line.split(None, fields)[fields]
    text, escaped = "", False
    for letter in command:
        if letter == "%" and not escaped:
            return text
        text = text[:-1] + letter if escaped and letter == "%" else text + letter
        escaped = letter == "\\" and not escaped
    return text


@pytest.mark.parametrize(("uid", "fields"), [(0, 6), (1000, 5)])
def test_a_line_of_cron_runs_the_script_and_keeps_its_output(uid: int, fields: int, tmp_path: Path) -> None:
    run = a_run(tmp_path, environment={"LOOMA_X": "said"}, command=("/bin/sh", "-c", "echo $LOOMA_X"))
    scheduler = open_scheduler(machine(tmp_path / "machine", uid=uid, cron=True))
    scheduler.install(run)
    text = next(text for path, text in scheduler.files(run).items() if path != run.script)
    line = text.splitlines()[-1]
    times = line.split()[:5]
    assert times == ["30", "3,9,15,21", "*", "*", "*"]
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", cron_command(line, fields)], check=True, env={}, capture_output=True)
    assert Path(run.log).read_text() == "said\nsaid\n"


def test_units_say_when_and_what(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    times = [line for line in timer(run).splitlines() if line.startswith("OnCalendar=")]
    assert times == [f"OnCalendar=*-*-* {hour:02}:30:00" for hour in (3, 9, 15, 21)]
    assert "Persistent=true" in timer(run)
    assert "network-online.target" in service(run, of_system=True)
    assert "network-online.target" not in service(run, of_system=False)
    assert quoted('a"b\\c%d$e') == '"a\\"b\\\\c%%d$$e"'


def test_systemd_takes_the_units_as_they_are(tmp_path: Path) -> None:
    """Where systemd's own checker is at hand; the texts are the same everywhere (see above)."""
    run = a_run(tmp_path)
    for name, text in ((f"{run.name}.service", service(run, of_system=False)), (f"{run.name}.timer", timer(run))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    checker = shutil.which("systemd-analyze")
    judged = "" if checker is None else _judged(checker, tmp_path, run.name)
    assert [line for line in judged.splitlines() if run.name in line] == []


def _judged(checker: str, folder: Path, name: str) -> str:
    paths = [str(folder / f"{name}.{kind}") for kind in ("service", "timer")]
    done = subprocess.run([checker, "verify", "--man=no", *paths], capture_output=True, text=True, check=False, timeout=60)
    return done.stderr


def test_the_times_of_a_schedule() -> None:
    schedule = Schedule("backup", "22:15", 8, "cron", NOW)
    assert schedule.slots() == [(22, 15), (6, 15), (14, 15)]
