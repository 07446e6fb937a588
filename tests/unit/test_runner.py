"""The runner on its own: steps made for these tests, a real SQLite state, no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database import open_store
from looma_cli.errors import Cancelled, CommandFailed, EngineUnavailable, NotAllowed, OperationFailed, Paused, PortTaken, StateTooNew
from looma_cli.model.operation import Operation, Plan, StepRecord
from looma_cli.model.protocols import State
from looma_cli.model.reporting import SilentReporter
from looma_cli.runner import Runner
from looma_cli.steps.base import Progress, StateStep, WorldStep, read_step

DONE: list[str] = []  # what the test steps did to "the world", in order
FAILURES: dict[str, Any] = {}  # step label -> exception to raise once


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    DONE.clear()
    FAILURES.clear()
    yield
    DONE.clear()
    FAILURES.clear()


@dataclass(frozen=True)
class Deed(WorldStep):
    name = "test-deed"
    label: str

    def do(self, world: Any, progress: Progress) -> str:
        progress("half way")
        if "do " + self.label in FAILURES:
            raise FAILURES.pop("do " + self.label)
        DONE.append("do " + self.label)
        return self.label

    def undo(self, world: Any, progress: Progress) -> str:
        if "undo " + self.label in FAILURES:
            raise FAILURES.pop("undo " + self.label)
        DONE.append("undo " + self.label)
        return ""


@dataclass(frozen=True)
class Mark(StateStep):
    name = "test-mark"
    label: str

    def do(self, world: Any, state: State) -> str:
        state.save_edge_ports(self.label, {"http": 8080})
        if "do " + self.label in FAILURES:
            raise FAILURES.pop("do " + self.label)
        return ""

    def undo(self, world: Any, state: State) -> str:
        state.save_edge_ports(self.label, {})
        return ""


class Bench:
    """A runner with its state; ``begin`` saves a plan as an operation."""

    def __init__(self, home: Path) -> None:
        self.world: Any = SimpleNamespace(store=open_store(home), clock=SystemClock())
        self.stop = False
        self.runner = Runner(self.world, SilentReporter(), lambda: self.stop)

    def begin(self, *steps: Any, pivot: int) -> Operation:
        plan = Plan("test", "acme", tuple(step.planned() for step in steps), pivot)
        records = tuple(StepRecord(step.name) for step in steps)
        operation = Operation("op-1", "test", "acme", "local", "pending", plan, records, self.world.clock.now())
        with self.world.store.write() as state:
            state.add_operation(operation)
        return operation

    def saved(self) -> Operation:
        with self.world.store.read() as state:
            return state.operation("op-1")

    def marks(self) -> list[str]:
        return [step.status for step in self.saved().steps]

    def edge_ports(self, host: str) -> dict[str, int]:
        with self.world.store.read() as state:
            return state.edge_ports(host)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_everything_done_in_order(bench: Bench) -> None:
    operation = bench.runner.forward(bench.begin(Deed("a"), Mark("m"), Deed("b"), pivot=2))
    assert DONE == ["do a", "do b"]
    assert operation.status == bench.saved().status == "done"
    assert bench.marks() == ["done"] * 3
    assert bench.saved().finished_at is not None
    assert all(step.duration_ms is not None and step.started_at is not None for step in bench.saved().steps)


def test_a_failure_before_the_pivot_undoes_newest_first_and_half_done_deeds_too(bench: Bench) -> None:
    FAILURES["do c"] = CommandFailed("c broke", "mend c")
    with pytest.raises(OperationFailed) as caught:
        bench.runner.forward(bench.begin(Deed("a"), Mark("m"), Deed("b"), Deed("c"), Deed("d"), pivot=4))
    assert DONE == ["do a", "do b", "undo c", "undo b", "undo a"]
    assert bench.marks() == ["undone", "undone", "undone", "undone", "todo"]
    assert bench.saved().status == "failed"
    assert bench.saved().error == "c broke"
    assert "c broke" in caught.value.message
    assert caught.value.hint == "mend c"
    assert bench.edge_ports("m") == {}


def test_a_state_step_that_fails_leaves_no_trace(bench: Bench) -> None:
    FAILURES["do m"] = CommandFailed("m broke")
    with pytest.raises(OperationFailed):
        bench.runner.forward(bench.begin(Mark("m"), pivot=0))
    assert bench.edge_ports("m") == {}


def test_conflicts_come_back_as_themselves_after_the_undo(bench: Bench) -> None:
    FAILURES["do b"] = PortTaken("port 80 is taken", port=80)
    with pytest.raises(PortTaken) as caught:
        bench.runner.forward(bench.begin(Deed("a"), Deed("b"), Mark("end"), pivot=2))
    assert caught.value.details["operation"] == "op-1"
    assert DONE == ["do a", "undo b", "undo a"]


def test_a_defect_in_a_step_puts_everything_back_too(bench: Bench) -> None:
    FAILURES["do b"] = ZeroDivisionError("division by zero")
    with pytest.raises(OperationFailed, match="ZeroDivisionError"):
        bench.runner.forward(bench.begin(Deed("a"), Deed("b"), Mark("end"), pivot=2))
    assert DONE == ["do a", "undo b", "undo a"]


def test_an_unknown_outcome_pauses_and_undoes_nothing(bench: Bench) -> None:
    FAILURES["do b"] = EngineUnavailable("the engine went away")
    operation = bench.begin(Deed("a"), Deed("b"), Deed("c"), pivot=2)
    with pytest.raises(Paused, match="op-1"):
        bench.runner.forward(operation)
    assert DONE == ["do a"]
    assert bench.marks() == ["done", "started", "todo"]
    bench.runner.forward(bench.saved())
    assert DONE == ["do a", "do b", "do c"]
    assert bench.saved().status == "done"


def test_after_the_pivot_there_is_only_forward(bench: Bench) -> None:
    FAILURES["do b"] = CommandFailed("b broke")
    with pytest.raises(Paused) as caught:
        bench.runner.forward(bench.begin(Deed("a"), Deed("b"), pivot=0))
    assert "rollback" not in caught.value.hint
    assert DONE == ["do a"]
    with pytest.raises(NotAllowed, match="only go forward"):
        bench.runner.back(bench.saved())
    bench.runner.forward(bench.saved())
    assert DONE == ["do a", "do b"]


def test_a_pivot_that_was_begun_on_the_world_is_passed(bench: Bench) -> None:
    FAILURES["do a"] = CommandFailed("half of it is gone")
    with pytest.raises(Paused):
        bench.runner.forward(bench.begin(Deed("a"), Deed("b"), pivot=0))
    assert bench.saved().status == "paused"


def test_an_undo_that_fails_pauses_and_can_be_finished(bench: Bench) -> None:
    FAILURES["do b"] = CommandFailed("b broke")
    FAILURES["undo a"] = CommandFailed("a does not go")
    with pytest.raises(Paused, match="could not be put back"):
        bench.runner.forward(bench.begin(Deed("a"), Deed("b"), Mark("end"), pivot=2))
    assert bench.saved().status == "paused"
    assert bench.saved().direction == "back"
    bench.runner.back(bench.saved())
    assert DONE == ["do a", "undo b", "undo a"]
    assert bench.saved().status == "rolled_back"


def test_ctrl_c_pauses_at_a_safe_point_and_the_step_runs_again(bench: Bench) -> None:
    operation = bench.begin(Deed("a"), pivot=0)
    bench.stop = True
    with pytest.raises(Cancelled) as caught:
        bench.runner.forward(operation)
    assert caught.value.exit_code == 130
    assert "looma operation resume op-1" in caught.value.hint
    assert bench.saved().status == "paused"
    bench.stop = False
    bench.runner.forward(bench.saved())
    assert DONE == ["do a"]


def test_rollback_of_what_was_done(bench: Bench) -> None:
    operation = bench.begin(Deed("a"), Mark("m"), Deed("b"), Mark("end"), pivot=3)
    FAILURES["do b"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        bench.runner.forward(operation)
    assert bench.marks() == ["done", "done", "started", "todo"]
    bench.runner.back(bench.saved())
    assert DONE == ["do a", "undo b", "undo a"]
    assert bench.edge_ports("m") == {}
    assert bench.saved().status == "rolled_back"


def test_steps_of_a_newer_release_are_refused() -> None:
    with pytest.raises(StateTooNew):
        read_step("step-of-tomorrow", {})
    with pytest.raises(StateTooNew):
        read_step("set-status", {"tenant": "a", "status": "b", "previous": "c", "colour": "red"})


def test_every_shipped_step_survives_the_journal(bench: Bench) -> None:
    import json

    from looma_cli.steps import base

    read_step("set-status", {"tenant": "a", "status": "b", "previous": "c"})
    shipped = [kind for name, kind in base._REGISTRY.items() if not name.startswith("test-")]
    assert len(shipped) > 15
    for kind in shipped:
        params = {name: _example(field.type) for name, field in kind.__dataclass_fields__.items()}  # type: ignore[attr-defined]
        planned = kind(**params).planned("because")
        again = read_step(planned.name, json.loads(json.dumps(planned.params)))
        assert again == kind(**params)
        assert again.title()


def _example(annotation: str) -> Any:
    annotation = annotation.removesuffix(" | None")
    examples: dict[str, Callable[[], Any]] = {"str": lambda: "x", "int": lambda: 1, "bool": lambda: True, "float": lambda: 1.5}
    if annotation.startswith(("Mapping", "dict")):
        return {"name": "x"}
    if annotation.startswith(("list", "Rows")):
        return []
    return examples[annotation]()


def test_detail_of_a_step_is_kept(bench: Bench) -> None:
    bench.runner.forward(bench.begin(Deed("a"), pivot=0))
    assert replace(bench.saved().steps[0], started_at=None, duration_ms=None) == StepRecord("test-deed", "done", detail="a")
