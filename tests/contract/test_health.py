"""What every Health must do: the same tests on the fake and on the real probes, against servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from looma_cli.adapters.health import AsyncHealth
from looma_cli.model import protocols
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeTarget
from tests.contract.answering import answering, closes, hangs, http_answer, says
from tests.fakes.health import FakeHealth

LOOPBACK = "127.0.0.1"


def target(component: str, port: int, kind: str = "http", **probe: object) -> ProbeTarget:
    return ProbeTarget(component, "service", Probe(kind, "port", **probe), LOOPBACK, port)  # type: ignore[arg-type]


class HealthRig(Protocol):
    health: protocols.Health

    def healthy(self) -> int:
        """Port of a service that is well."""
        ...

    def unhealthy(self) -> int:
        """Port of a service that says "warming up"."""
        ...

    def absent(self) -> int: ...


class FakeHealthRig:
    def __init__(self, stack: ExitStack) -> None:
        self.health = FakeHealth()
        self._port = 20000

    def healthy(self) -> int:
        self._port += 1
        return self._port

    def unhealthy(self) -> int:
        self.health.unhealthy[(LOOPBACK, self.healthy())] = "HTTP 503: warming up"
        return self._port

    def absent(self) -> int:
        self.health.absent.add((LOOPBACK, self.healthy()))
        return self._port


class AsyncHealthRig:
    def __init__(self, stack: ExitStack) -> None:
        self.health = AsyncHealth()
        self._stack = stack

    def healthy(self) -> int:
        return self._stack.enter_context(answering(says(b"", http_answer(200, b"ok"))))

    def unhealthy(self) -> int:
        return self._stack.enter_context(answering(says(b"", http_answer(503, b"warming\n up"))))

    def absent(self) -> int:
        with socket.create_server((LOOPBACK, 0)) as server:
            return server.getsockname()[1]


@pytest.fixture(params=[FakeHealthRig, AsyncHealthRig])
def rig(request: pytest.FixtureRequest) -> Iterator[HealthRig]:
    with ExitStack() as stack:
        make: Callable[[ExitStack], HealthRig] = request.param
        yield make(stack)


def test_nothing_asked_is_nothing_answered(rig: HealthRig) -> None:
    assert rig.health.probe([]) == []


def test_one_result_per_target_in_order(rig: HealthRig) -> None:
    kinds = [("a", rig.healthy()), ("b", rig.absent()), ("c", rig.unhealthy()), ("d", rig.healthy())]
    results = rig.health.probe([target(name, port) for name, port in kinds])
    assert [(r.component, r.healthy) for r in results] == [("a", True), ("b", False), ("c", False), ("d", True)]


def test_a_healthy_component_has_a_latency_and_nothing_to_say(rig: HealthRig) -> None:
    (result,) = rig.health.probe([target("a", rig.healthy())])
    assert result.healthy
    assert result.detail == ""
    assert result.latency_ms is not None
    assert 0 < result.latency_ms < 2000


def test_an_unhealthy_one_says_why(rig: HealthRig) -> None:
    (result,) = rig.health.probe([target("a", rig.unhealthy())])
    assert (result.healthy, result.detail) == (False, "HTTP 503: warming up")
    assert result.latency_ms is not None


def test_an_absent_one_has_no_latency(rig: HealthRig) -> None:
    (result,) = rig.health.probe([target("a", rig.absent())], timeout_seconds=0.5)
    assert (result.healthy, result.latency_ms, result.detail) == (False, None, "connection refused")


# --- the real one's limits --------------------------------------------------------------------------------------------


def test_all_are_asked_at_once() -> None:
    """200 servers' worth of waiting (0.5 s each) in the time of a few."""
    with answering(hangs) as port:
        results = AsyncHealth().probe([target(str(n), port) for n in range(200)], timeout_seconds=0.5)
    assert {r.detail for r in results} == {"no complete answer within 0.5 s"}
    assert len(results) == 200


def test_more_targets_than_turns_all_get_theirs() -> None:
    with answering(says(b"", http_answer(200))) as port:
        results = AsyncHealth(at_once=3).probe([target(str(n), port) for n in range(30)])
    assert [r.component for r in results if r.healthy] == [str(n) for n in range(30)]


def test_waiting_for_a_turn_is_not_counted() -> None:
    with answering(hangs) as hanging, answering(says(b"", http_answer(200))) as port:
        targets = [target("hangs", hanging), target("fine", port)]
        results = AsyncHealth(at_once=1).probe(targets, timeout_seconds=0.4)
    assert [r.healthy for r in results] == [False, True]


@pytest.mark.parametrize("kind", ["http", "mysql", "redis", "postgresql", "bolt", "tcp"])
def test_a_proxy_in_front_of_nothing_is_not_healthy(kind: str) -> None:
    with answering(closes) as port:
        (result,) = AsyncHealth().probe([target("a", port, kind)])
    assert not result.healthy
    assert result.detail


def test_an_unknown_kind_is_a_result_too() -> None:
    with answering(hangs) as port:
        (result,) = AsyncHealth().probe([target("a", port, "carrier-pigeon")])
    assert (result.healthy, result.detail) == (False, "no probe of kind 'carrier-pigeon'")
