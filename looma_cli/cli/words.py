"""Small words that several views share: states with their dots, times, sizes, durations."""

from __future__ import annotations

from datetime import UTC, datetime

from looma_cli.cli.layout import Painted

_DOTS = {
    "running": ("●", "green"), "healthy": ("●", "green"), "ready": ("●", "green"), "done": ("●", "green"), "serving": ("●", "green"),
    "ok": ("●", "green"), "bound": ("●", "green"),
    "provisioning": ("◐", "cyan"), "switching": ("◐", "cyan"), "pending": ("◐", "cyan"), "started": ("◐", "cyan"), "draining": ("◐", "cyan"),
    "restarting": ("◐", "cyan"), "reserved": ("○", "cyan"),
    "suspended": ("◐", "yellow"), "deleting": ("◐", "yellow"), "paused": ("◐", "yellow"), "interrupted": ("◐", "yellow"),
    "cordoned": ("◐", "yellow"), "warning": ("●", "yellow"), "undone": ("○", "yellow"), "undoing": ("◐", "yellow"),
    "rolled_back": ("○", "yellow"), "quarantined": ("●", "yellow"),
    "failed": ("●", "red"), "unhealthy": ("●", "red"), "unreachable": ("●", "red"), "exited": ("●", "red"), "dead": ("●", "red"),
    "failing": ("●", "red"), "absent": ("○", "red"),
}  # fmt: skip


def state(word: str) -> Painted:
    """A coloured dot and the word; an unknown or idle state gets an empty dot."""
    dot, style = _DOTS.get(word, ("○", "dim"))
    return Painted(f"{dot} {word.replace('_', ' ')}", style, head=True)


def ago(then: datetime | None, now: datetime | None = None) -> str:
    """``3m ago``; ``never`` for None."""
    if then is None:
        return "never"
    seconds = max(((now or datetime.now(UTC)) - then).total_seconds(), 0)
    return "just now" if seconds < 2 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """``0.4s``, ``12s``, ``3m 10s``, ``2h 5m``, ``4d``: as much as a person cares for."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    if whole < 172_800:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86_400}d"


def moment(value: datetime | None) -> str:
    """``2026-01-31 08:00:00 UTC``."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(count: int | None) -> str:
    """Bytes as MiB or GiB."""
    if not count:
        return ""
    return f"{count / (1 << 30):.4g} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"


def number(value: float) -> str:
    """``4`` and ``0.5``, not ``4.0``."""
    return f"{value:g}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
