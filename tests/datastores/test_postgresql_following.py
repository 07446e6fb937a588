"""One PostgreSQL follows another: the shared promises, and what is PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload
from tests.datastores.following import PROMISES, Pair
from tests.datastores.postgresql_pair import pair_of, two

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def servers(engine_required: EngineApi) -> Iterator[tuple[Workload, Workload]]:
    with two(engine_required) as servers:
        yield servers


@pytest.fixture(scope="module")
def pair(engine_required: EngineApi, servers: tuple[Workload, Workload]) -> Pair:
    return pair_of(engine_required, *servers)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(pair: Pair, promise: Callable[[Pair], None]) -> None:
    promise(pair)
