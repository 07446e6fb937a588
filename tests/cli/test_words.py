"""Times, durations, sizes and states as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from looma_cli.cli.words import ago, moment, plural, size, span, state
from looma_cli.model.operation import OPERATION_STATUSES, STEP_STATUSES
from looma_cli.model.tenant import ALLOCATION_STATES, TENANT_STATUSES

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (1, "just now"), (5, "5s ago"), (59, "59s ago"), (60, "1m ago"), (3599, "59m ago"), (3600, "1h ago"),
     (90_000, "25h ago"), (172_800, "2d ago"), (8_640_000, "100d ago")],
)  # fmt: skip
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words
    assert ago(None) == "never"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0s"), (9.94, "9.9s"), (12, "12s"), (59.6, "1m 0s"), (190, "3m 10s"), (7500, "2h 5m"), (200_000, "2d")]
)
def test_durations(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_sizes_and_counts() -> None:
    assert [size(n) for n in (None, 0, 128 << 20, 12 << 30, 3 << 29)] == ["", "", "128 MiB", "12 GiB", "1.5 GiB"]
    assert [size(n) for n in (1, 1023, 1024, 100 << 10)] == ["1 B", "1023 B", "1 KiB", "100 KiB"]
    assert (plural(1, "port"), plural(0, "port")) == ("1 port", "0 ports")
    assert moment(NOW) == "2026-01-31 08:00:00 UTC"


@pytest.mark.parametrize(
    "word", [*TENANT_STATUSES, *OPERATION_STATUSES, *STEP_STATUSES, *ALLOCATION_STATES, "healthy", "unhealthy", "unknown"]
)
def test_every_state_has_a_dot_and_its_word(word: str) -> None:
    shown = state(word)
    assert shown[0] in "●◐○"
    assert shown[2:] == word.replace("_", " ")
    assert shown.style in ("green", "cyan", "yellow", "red", "dim")


def test_good_and_bad_states_differ_in_more_than_colour() -> None:
    assert state("healthy")[2:] != state("unhealthy")[2:]
    assert (state("healthy").style, state("unhealthy").style) == ("green", "red")
