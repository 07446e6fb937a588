"""The contract of Clock, on the real one and on the fake."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, timedelta

import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.model.protocols import Clock
from tests.fakes.clock import FakeClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    return request.param()


def test_now_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_time_does_not_go_back_and_sleep_lets_it_pass(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.05)
    assert clock.now() - before >= timedelta(seconds=0.05)


def test_the_zone_says_the_same_moment_in_the_machines_time(clock: Clock) -> None:
    now = clock.now()
    assert now.astimezone(clock.zone()) == now
    assert now.astimezone(clock.zone()).utcoffset() is not None


def test_the_zone_is_the_machines_and_not_that_of_one_shell() -> None:
    """Timers of the machine know nothing of a TZ variable."""
    code = """
from datetime import datetime
from looma_cli.adapters.clock import SystemClock
print(datetime(2026, 7, 1, tzinfo=SystemClock().zone()))
"""
    said = {
        subprocess.run([sys.executable, "-c", code], env={"TZ": zone}, capture_output=True, text=True, check=True).stdout
        for zone in ("Asia/Tokyo", "America/Lima")
    }
    assert len(said) == 1
