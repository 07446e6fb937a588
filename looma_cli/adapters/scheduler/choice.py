"""Which scheduler a machine has."""

from __future__ import annotations

from looma_cli.adapters.scheduler.cron import CronScheduler
from looma_cli.adapters.scheduler.machine import Machine
from looma_cli.adapters.scheduler.systemd import SystemdScheduler
from looma_cli.errors import NotAllowed
from looma_cli.model.protocols import Scheduler

KINDS: dict[str, type[SystemdScheduler] | type[CronScheduler]] = {"systemd": SystemdScheduler, "cron": CronScheduler}


def open_scheduler(machine: Machine, by: str | None = None) -> Scheduler:
    """The one called ``by``, or the one that the machine has. Raises NotAllowed where it has neither."""
    chosen = by or _had_by(machine)
    if chosen is None:
        raise NotAllowed(
            "this machine has neither systemd nor cron to run backups by",
            "install cron (apt-get install cron), or have something else run `looma backup run --due` at the times of the schedule",
        )
    return KINDS[chosen](machine)


def _had_by(machine: Machine) -> str | None:
    """systemd where it is process 1 (its own test for that: sd_booted(3)), else cron."""
    if (machine.root / "run/systemd/system").is_dir() and machine.has("systemctl"):
        return "systemd"
    if machine.is_root:
        return "cron" if (machine.root / "etc/cron.d").is_dir() and (machine.has("cron") or machine.has("crond")) else None
    return "cron" if machine.has("crontab") else None
