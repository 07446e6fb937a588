"""A route moves under load, and nobody notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from looma_cli.adapters.engine import EngineApi
from tests.contract.edge_load import Load, Service
from tests.contract.edges import NginxEdgeRig, route

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture
def rig(engine_required: EngineApi) -> Iterator[NginxEdgeRig]:
    rig = NginxEdgeRig(engine_required)
    rig.edge.ensure(rig.specification)
    yield rig
    rig.clean_up()


def test_a_route_moves_five_times_under_load_without_one_failed_request(rig: NginxEdgeRig) -> None:
    """16 kept-alive connections, every other request a POST, no retries (ENGINE.md 7: 1.22 failed 1 to 3 % of them)."""
    with Service("gen-0") as first:
        here = route(rig, upstreams=(first.upstream,))
        rig.edge.apply(here)
        services = [first]
        with Load(here.public_port, connections=16, pace_seconds=0.02) as load:
            load.wait_for_requests(200)
            started = time.monotonic()
            for number in range(1, 6):
                services.append(Service(f"gen-{number}").__enter__())
                rig.edge.apply(replace(here, upstreams=(services[-1].upstream,)))
                assert rig.edge.drain(35)
                services[-2].kill()  # at once: nobody may be on it any more
            seconds = time.monotonic() - started
            load.wait_for_requests(load.sent + 200)
        services[-1].kill()
    print(f"{load.sent} requests, {len(load.failures)} failed, 5 moves in {seconds:.1f} s, answered by {dict(load.answered_by)}")
    assert load.failures == []
    assert set(load.answered_by) == {f"gen-{number}" for number in range(6)}
