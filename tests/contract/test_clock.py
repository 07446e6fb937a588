"""The contract of Clock, on the real one and on the fake."""

from __future__ import annotations

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
