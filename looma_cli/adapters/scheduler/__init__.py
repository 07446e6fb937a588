"""Timers of the machine: systemd's, or cron's."""

from looma_cli.adapters.scheduler.choice import open_scheduler

__all__ = ["open_scheduler"]
