"""Small words that several views share: states with their dots, times, sizes, durations."""

from __future__ import annotations

from datetime import UTC, datetime

from looma_cli.cli.layout import Painted

_LOOKS = {
    ("●", "green"): "running healthy ready done serving ok bound",
    ("◐", "cyan"): "provisioning switching pending started draining restarting",
    ("○", "cyan"): "reserved planned",
    ("◐", "yellow"): "suspended deleting paused interrupted cordoned undoing held",
    ("○", "yellow"): "undone rolled_back",
    ("●", "yellow"): "warning quarantined",
    ("●", "red"): "failed unhealthy unreachable exited dead failing overdue unproven",
    ("○", "red"): "absent",
}
_DOTS = {word: look for look, words in _LOOKS.items() for word in words.split()}


def state(word: str) -> Painted:
    """A coloured dot and the word; an unknown or idle state gets an empty dot."""
    dot, style = _DOTS.get(word, ("○", "dim"))
    return Painted(f"{dot} {word.replace('_', ' ')}", style, head=True)


def ago(then: datetime | None, now: datetime | None = None) -> str:
    """``3m ago``, in one unit; ``never`` for None."""
    if then is None:
        return "never"
    seconds = max(((now or datetime.now(UTC)) - then).total_seconds(), 0)
    if seconds < 2:
        return "just now"
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (unit != "d" and seconds >= length):
            return f"{seconds // length:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"


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
    """Bytes as KiB, MiB or GiB."""
    if not count:
        return ""
    if count >= 1 << 30:
        return f"{count / (1 << 30):.4g} GiB"
    if count >= 1 << 20:
        return f"{count / (1 << 20):.0f} MiB"
    return f"{count / (1 << 10):.0f} KiB" if count >= 1 << 10 else f"{count} B"


def number(value: float) -> str:
    """``4`` and ``0.5``, not ``4.0``."""
    return f"{value:g}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
