"""One Redis follows another: the shared promises, and what is Redis' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.datastores.following import PROMISES, Pair
from tests.datastores.redis_data import ask, driver
from tests.datastores.redis_pair import address_of
from tests.datastores.servers import running

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def pair(engine_required: EngineApi) -> Iterator[Pair]:
    with running(engine_required, "redis") as leader, running(engine_required, "redis") as follower:
        driver(follower)
        yield Pair(
            lambda: driver(leader),
            lambda: driver(follower),
            address_of(engine_required, leader),
            lambda name: ask(leader, "SET", name, "x"),
            lambda name: ask(follower, "SET", name, "x"),
        )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(pair: Pair, promise: Callable[[Pair], None]) -> None:
    promise(pair)
