"""The contract of Scheduler: on the fake, on systemd of the system and of a user, on cron's own folder and on a user's crontab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.adapters.scheduler import open_scheduler
from looma_cli.adapters.scheduler.machine import Machine
from looma_cli.errors import CommandFailed, InvalidValue, NotAllowed
from looma_cli.model.protocols import Scheduler
from looma_cli.model.schedule import ScheduledRun
from tests.contract.schedulers import machine
from tests.fakes.scheduler import FakeScheduler

NASTY = "it's 100% $HOME `id` \"quoted\" \\ 中文\nsecond line"
KINDS: dict[str, Callable[[Path], Scheduler]] = {
    "fake": lambda root: FakeScheduler(),
    "systemd": lambda root: open_scheduler(machine(root, uid=0, systemd=True, cron=True)),
    "systemd-user": lambda root: open_scheduler(machine(root, uid=1000, systemd=True, cron=True)),
    "cron": lambda root: open_scheduler(machine(root, uid=0, cron=True)),
    "crontab": lambda root: open_scheduler(machine(root, uid=1000, cron=True)),
}


def a_run(root: Path, name: str = "looma-backup-0123", **more: object) -> ScheduledRun:
    home = root / "loo ma's 50% $X"
    values = {"command": ("/opt/looma/bin/looma", "backup", "run", "--due"), "environment": {"LOOMA_HOME": str(home), "LOOMA_X": NASTY}}
    values |= {"times": ((3, 30), (9, 30), (15, 30), (21, 30)), "script": str(home / "run.sh"), "log": str(home / "logs/run.log")}
    return ScheduledRun(name, **{**values, **more})  # type: ignore[arg-type]


@pytest.fixture(params=KINDS)
def scheduler(request: pytest.FixtureRequest, tmp_path: Path) -> Scheduler:
    return KINDS[request.param](tmp_path / "machine")


def test_what_is_installed_runs_until_it_is_removed(scheduler: Scheduler, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert scheduler.problem(run)
    scheduler.install(run)
    assert scheduler.problem(run) == ""
    scheduler.install(replace(run, times=((4, 0),)))
    assert scheduler.problem(run) == ""
    scheduler.remove(run)
    assert scheduler.problem(run)
    scheduler.remove(run)


def test_another_installation_keeps_its_own(scheduler: Scheduler, tmp_path: Path) -> None:
    first, second = a_run(tmp_path), a_run(tmp_path, "looma-backup-4567", script=str(tmp_path / "two.sh"))
    scheduler.install(first)
    scheduler.install(second)
    scheduler.remove(first)
    assert (scheduler.problem(first) != "", scheduler.problem(second)) == (True, "")


@pytest.mark.parametrize(("kind", "files"), [("systemd", 3), ("systemd-user", 3), ("cron", 2), ("crontab", 1)])
def test_what_would_be_written_is_what_is_written(kind: str, files: int, tmp_path: Path) -> None:
    scheduler, run = KINDS[kind](tmp_path / "machine"), a_run(tmp_path)
    wanted = scheduler.files(run)
    scheduler.install(run)
    written = {path: Path(path).read_text(encoding="utf-8") for path in wanted if path != "crontab"}
    assert len(written) == files
    assert written | ({"crontab": (tmp_path / "machine/tab").read_text()} if kind == "crontab" else {}) == dict(wanted)


def test_a_machine_with_neither(tmp_path: Path) -> None:
    for uid in (0, 1000):
        bare = Machine(tmp_path, uid, "somebody", {"PATH": str(tmp_path), "HOME": str(tmp_path)})
        with pytest.raises(NotAllowed, match="neither systemd nor cron") as refused:
            open_scheduler(bare)
        assert "backup run --due" in refused.value.hint


@pytest.mark.parametrize("kind", ["systemd", "systemd-user", "cron", "crontab"])
def test_a_path_that_no_timer_can_be_told_is_refused_and_nothing_written(kind: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, script=str(tmp_path / "new\nline/run.sh"))
    with pytest.raises(InvalidValue):
        KINDS[kind](tmp_path / "machine").install(run)
    assert not Path(run.script).exists()


@pytest.mark.parametrize("kind", ["systemd", "systemd-user"])
@pytest.mark.parametrize("verb", ["daemon-reload", "enable", "restart"])
def test_an_install_that_systemd_refuses_leaves_nothing(kind: str, verb: str, tmp_path: Path) -> None:
    scheduler = KINDS[kind](tmp_path / "machine")
    folder = next(path for path in (tmp_path / "machine").rglob("systemd/*") if path.name in ("system", "user") and "run" not in path.parts)
    (folder / f"refuse-{verb}").touch()
    with pytest.raises(CommandFailed, match="no bus"):
        scheduler.install(a_run(tmp_path))
    assert [path.name for path in folder.glob("looma-*")] == []
    assert not Path(a_run(tmp_path).script).exists()


def test_an_install_that_systemd_refuses_puts_the_earlier_one_back(tmp_path: Path) -> None:
    scheduler = KINDS["systemd"](tmp_path / "machine")
    run = a_run(tmp_path)
    scheduler.install(run)
    (tmp_path / "machine/etc/systemd/system/refuse-enable").touch()
    with pytest.raises(CommandFailed):
        scheduler.install(replace(run, times=((4, 0),)))
    text = (tmp_path / "machine/etc/systemd/system/looma-backup-0123.timer").read_text()
    assert "OnCalendar=*-*-* 03:30:00" in text
    assert scheduler.problem(run) == ""


def test_a_crontab_that_is_refused(tmp_path: Path) -> None:
    scheduler = KINDS["crontab"](tmp_path / "machine")
    (tmp_path / "machine/refuse").touch()
    with pytest.raises(CommandFailed, match="may not use"):
        scheduler.install(a_run(tmp_path))
    assert not Path(a_run(tmp_path).script).exists()


def test_the_other_lines_of_a_crontab_stay_byte_for_byte(tmp_path: Path) -> None:
    scheduler = KINDS["crontab"](tmp_path / "machine")
    tab = tmp_path / "machine/tab"
    theirs = "# mine\nMAILTO=me\n\n*/5 * * * *\techo 'a%b' # other\n"
    tab.write_text(theirs)
    scheduler.install(a_run(tmp_path))
    assert tab.read_text().startswith(theirs)
    assert len(tab.read_text().splitlines()) == len(theirs.splitlines()) + 1
    scheduler.remove(a_run(tmp_path))
    assert tab.read_text() == theirs


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    for kind in ("systemd", "cron", "crontab"):
        scheduler, run = KINDS[kind](tmp_path / kind), a_run(tmp_path)
        scheduler.install(run)
        Path(run.script).unlink()
        assert scheduler.problem(run) == f"{run.script} is gone"


def test_a_timer_that_was_stopped_is_told(tmp_path: Path) -> None:
    scheduler, run = KINDS["systemd"](tmp_path / "machine"), a_run(tmp_path)
    scheduler.install(run)
    (tmp_path / "machine/etc/systemd/system/looma-backup-0123.timer.is-active").unlink()
    assert scheduler.problem(run) == "the timer is inactive"


def test_advice(tmp_path: Path) -> None:
    assert KINDS["systemd"](tmp_path / "one").advice() == ""
    assert "enable-linger somebody" in KINDS["systemd-user"](tmp_path / "two").advice()
    assert "does not seem to run" in KINDS["cron"](tmp_path / "three").advice()
    (tmp_path / "three/run").mkdir()
    (tmp_path / "three/run/crond.pid").touch()
    assert open_scheduler(Machine(tmp_path / "three", 0, "root", {"PATH": str(tmp_path / "three/bin")}), "cron").advice() == ""
