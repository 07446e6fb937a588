"""When a backup is due, and when one is missed: on plain days and on those when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from looma_cli.model.schedule import Schedule

INSTALLED = datetime(2026, 1, 1, tzinfo=UTC)
SEEDS = Schedule("backup", "03:00", 6, "systemd", INSTALLED)


class Berlin(tzinfo):
    """Central European time in 2026, as the zone's own rules have it: summer from 29 March to 25 October, 01:00 UTC."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        assert at is not None
        plain = at.replace(tzinfo=None)
        begins, ends = datetime(2026, 3, 29, 2), datetime(2026, 10, 25, 3 if not at.fold else 2)
        return timedelta(hours=2 if begins <= plain < ends else 1)

    def dst(self, at: datetime | None) -> timedelta:
        return self.utcoffset(at) - timedelta(hours=1)

    def tzname(self, at: datetime | None) -> str:
        return "CEST" if self.dst(at) else "CET"

    def fromutc(self, at: datetime) -> datetime:
        plain = at.replace(tzinfo=None)
        summer = datetime(2026, 3, 29, 1) <= plain < datetime(2026, 10, 25, 1)
        local = plain + timedelta(hours=2 if summer else 1)
        return local.replace(tzinfo=self, fold=int(not summer and plain < datetime(2026, 10, 25, 2) and plain >= datetime(2026, 10, 25, 1)))


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "slot", "kind"),
    [
        ("2026-03-10 03:00", "2026-03-10 03:00", "full"),
        ("2026-03-10 02:59", "2026-03-09 21:00", "incremental"),
        ("2026-03-10 14:59", "2026-03-10 09:00", "incremental"),
        ("2026-03-01 00:00", "2026-02-28 21:00", "incremental"),
    ],
)
def test_the_newest_slot(now: str, slot: str, kind: str) -> None:
    assert SEEDS.last_slot(at(now)) == (at(slot), kind)


def test_slots_are_times_of_the_machines_zone() -> None:
    shanghai = timezone(timedelta(hours=8))
    now = at("2026-03-09 20:00").astimezone(shanghai)  # 04:00 there
    assert SEEDS.last_slot(now) == (at("2026-03-09 19:00"), "full")
    assert SEEDS.next_slot(now) == at("2026-03-10 01:00")


def test_overdue_an_hour_after_its_time() -> None:
    last = at("2026-03-10 03:01")
    assert not SEEDS.is_overdue(last, INSTALLED, at("2026-03-10 09:59"))
    assert SEEDS.is_overdue(last, INSTALLED, at("2026-03-10 10:00"))
    assert not SEEDS.is_overdue(at("2026-03-10 09:00"), INSTALLED, at("2026-03-10 10:00"))


def test_nobody_owed_a_slot_before_the_tenant_or_the_schedule() -> None:
    now = at("2026-03-10 10:30")
    assert SEEDS.is_overdue(None, INSTALLED, now)
    assert not SEEDS.is_overdue(None, at("2026-03-10 09:30"), now)
    late = Schedule("backup", "03:00", 6, "cron", at("2026-03-10 09:30"))
    assert not late.is_overdue(None, INSTALLED, now)


@pytest.mark.parametrize("night", ["2026-03-28", "2026-10-24"])
def test_no_backup_is_missed_or_made_twice_in_the_night_when_the_clocks_change(night: str) -> None:
    """A set is made at 21:00 and, the next day, at 03:00 of the new time; looked at every ten minutes."""
    zone = Berlin()
    now = at(f"{night} 21:00", zone).astimezone(UTC)
    last, made = now, [now]
    while now < made[0] + timedelta(hours=13, minutes=30):
        local = now.astimezone(zone)
        assert not SEEDS.is_overdue(last, INSTALLED, local), local
        if SEEDS.is_due(last, local):
            last = now
            made.append(now)
        now += timedelta(minutes=10)
    assert [(each.astimezone(zone).hour, each.astimezone(zone).minute) for each in made] == [(21, 0), (3, 0), (9, 0)]


@given(
    st.datetimes(datetime(2026, 1, 2), datetime(2027, 1, 1)),
    st.sampled_from((1, 2, 3, 4, 6, 8, 12, 24)),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_there_is_always_one_newest_slot_and_one_next(when: datetime, every: int, hour: int, minute: int) -> None:
    schedule, now = Schedule("backup", f"{hour:02}:{minute:02}", every, "cron", INSTALLED), when.replace(tzinfo=UTC)
    slot, kind = schedule.last_slot(now)
    assert slot <= now < schedule.next_slot(now)
    assert schedule.next_slot(now) - slot == timedelta(hours=every)
    assert (kind == "full") == ((slot.hour, slot.minute) == (hour, minute))
    assert not schedule.is_due(slot, now)
    assert schedule.is_due(slot - timedelta(seconds=1), now)
