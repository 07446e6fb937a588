"""How expiring keys are divided, so that only what may be gone by now is left out of a comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from looma_cli.adapters.datastores.redis.buckets import bounds_after, bounds_like, part_name, time_of
from looma_cli.model.backup import Fingerprint, FingerprintPart

NOW = 1_800_000_000_123


def test_bounds_come_back_from_the_names_of_parts() -> None:
    bounds = bounds_after(NOW)
    names = [part_name(3, bucket, bounds) for bucket in (0, 2, 5, len(bounds), len(bounds) + 1)]
    like = Fingerprint(tuple(FingerprintPart(name, 1, "x") for name in (*names, part_name(31, 9, bounds))))
    assert bounds_like(like, 3) == [bounds[1], bounds[4], bounds[-1]]
    again = bounds_like(like, 3)
    assert [part_name(3, bucket, again) for bucket in range(5)] == names
    assert bounds_like(like, 4) == []


def test_without_bounds_all_that_expires_is_one_part() -> None:
    assert part_name(0, 0, []) == "database 0"
    assert part_name(0, 1, []) == "database 0 expiring from 1970-01-01T00:00:00.000+00:00"


def test_there_are_at_most_32_parts_and_the_first_is_a_minute() -> None:
    bounds = bounds_after(NOW)
    assert len(bounds) + 1 <= 32
    assert bounds == sorted(set(bounds))
    assert bounds[0] == NOW + 60_000


def test_times_that_no_calendar_holds() -> None:
    assert time_of(-1) is None
    assert time_of(NOW) == datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(milliseconds=123)
    assert time_of(1 << 62) == time_of(300_000_000_000_000) == datetime(9999, 12, 31, tzinfo=UTC)
