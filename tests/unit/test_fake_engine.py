"""How the fake engine fails on purpose: what crash tests rely on."""

from __future__ import annotations

import json

import pytest

from looma_cli.errors import CommandFailed, EngineUnavailable, ImageUnavailable
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.tenant import LayerReference
from tests.fakes.daemon import FakeDaemon
from tests.fakes.engine import FakeEngine, Killed

REFERENCE = LayerReference("acme", "data", 1)


def layer(engine: FakeEngine) -> RenderedLayer:
    labels = {
        "looma.installation": engine.installation,
        "looma.tenant": "acme",
        "looma.layer": "data",
        "looma.generation": "1",
    }
    services = {name: {"image": "x:1", "labels": labels, "volumes": [f"{name}:/data"]} for name in ("one", "two")}
    document = {
        "services": services,
        "networks": {"default": {"name": REFERENCE.project, "labels": labels}},
        "volumes": {name: {"labels": labels} for name in services},
    }
    return RenderedLayer(REFERENCE, json.dumps(document))


def size(engine: FakeEngine) -> int:
    return len(engine.workloads()) + len(engine.volumes()) + len(engine.networks())


@pytest.mark.parametrize("deeds", range(1, 8))
def test_killed_after_some_deeds_leaves_exactly_those(deeds: int) -> None:
    """Network, two volumes, two containers, two starts; and removing what is there always reaches nothing."""
    engine = FakeEngine()
    engine.crash_after = deeds
    with pytest.raises(Killed):
        engine.start(layer(engine))
    assert size(engine) == min(deeds, 5)
    assert sum(w.state == "running" for w in engine.workloads()) == max(0, deeds - 5)
    engine.remove(REFERENCE, volumes=True)
    assert size(engine) == 0


def test_a_start_after_a_kill_completes_it() -> None:
    engine = FakeEngine()
    engine.crash_after = 3
    with pytest.raises(Killed):
        engine.start(layer(engine))
    engine.start(layer(engine))
    assert [w.state for w in engine.workloads()] == ["running", "running"]


def test_killed_is_no_exception_that_a_handler_might_catch() -> None:
    assert not issubclass(Killed, Exception)


def test_failures_come_at_the_asked_call_and_layer_once() -> None:
    engine = FakeEngine()
    engine.fail_on("create", CommandFailed("broken"), layer="app")
    engine.fail_on("create", CommandFailed("second"), layer="data", call=2)
    engine.create(layer(engine))
    with pytest.raises(CommandFailed, match="second"):
        engine.create(layer(engine))
    engine.create(layer(engine))
    assert [call for call in engine.calls if call[0] == "create"] == [("create", REFERENCE.project)] * 3


def test_what_can_be_pulled_is_there_afterwards() -> None:
    engine = FakeEngine(daemon=FakeDaemon(images=set()))
    engine.pullable.add("x:1")
    engine.pull(["x:1"], lambda line: None)
    assert engine.missing_images(["x:1", "y:1"]) == ["y:1"]
    with pytest.raises(ImageUnavailable):
        engine.pull(["y:1"], lambda line: None)


def test_an_engine_that_is_down_answers_nothing() -> None:
    engine = FakeEngine()
    engine.daemon.answers = False
    with pytest.raises(EngineUnavailable):
        engine.workloads()
