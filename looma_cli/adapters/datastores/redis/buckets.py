"""Keys that expire, divided by when: the nearer the finer, so that only what may be gone by now is left out of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from looma_cli.model.backup import Fingerprint

FIRST_MS = 60_000
BOUNDS = 31  # the last one about 2000 years away
_BEFORE, _AFTER = " expiring before ", " expiring from "
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


def bounds_after(now: int) -> list[int]:
    """In ms, each twice as far away as the one before: a minute, two, four, …"""
    return [now + (FIRST_MS << i) for i in range(BOUNDS)]


# By replication id: a leader and its follower, of which moments are compared, must be divided at the same times.
_begins: dict[str, int] = {}


def begin_of_bounds(history: str, now: int, leads: bool) -> int:
    """For a moment of a leader ``now``, for one of its follower what the leader's last one got in this process. In ms."""
    if leads:
        _begins[history] = now
    return _begins.get(history, now)


def bounds_like(like: Fingerprint, database: int) -> list[int]:
    """Those in the names of its parts."""
    texts = [part.name.removeprefix(f"database {database}") for part in like.parts if part.name.startswith(f"database {database} ")]
    return sorted({_milliseconds(text.removeprefix(_BEFORE).removeprefix(_AFTER)) for text in texts})


def part_name(database: int, bucket: int, bounds: Sequence[int]) -> str:
    """Bucket 0 holds what does not expire, bucket N what does before bound N, and the last one all that does later."""
    if bucket == 0:
        return f"database {database}"
    if bucket <= len(bounds):
        return f"database {database}{_BEFORE}{_text(bounds[bucket - 1])}"
    return f"database {database}{_AFTER}{_text(bounds[-1] if bounds else 0)}"


def time_of(milliseconds: int) -> datetime | None:
    """None for -1; what no calendar holds is its end."""
    if milliseconds < 0:
        return None
    try:
        return min(_EPOCH + timedelta(milliseconds=milliseconds), _LATEST)
    except OverflowError:
        return _LATEST


def _text(milliseconds: int) -> str:
    return (time_of(milliseconds) or _LATEST).isoformat(timespec="milliseconds")


def _milliseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
