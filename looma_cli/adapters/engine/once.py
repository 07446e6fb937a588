"""A component's own program run once with other arguments: ``migrate``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from looma_cli.adapters.engine.api import BUSY_HINT, EngineApi
from looma_cli.adapters.engine.compose import Compose
from looma_cli.adapters.engine.programs import end_programs, run_program
from looma_cli.errors import CommandFailed, LoomaError, NotAllowed, NotFound, TimedOut
from looma_cli.model.layer import RenderedLayer, Workload

MARK = "once"
KILLED = 137
CLOSING_SECONDS = 3.0  # how long the engine may take to tell that a killed program has ended
SILENT_SECONDS = 120.0  # an engine that says nothing for so long past the limit is gone


def in_running(
    api: EngineApi, workload: Workload, arguments: Sequence[str], limit_seconds: float, exit_code: Callable[[str], int]
) -> tuple[int, str] | None:
    """Inside the component's container, with its entry point before the arguments; None where it does not run. Raises TimedOut."""
    if workload.state != "running":
        return None
    inspected = api.get(f"/containers/{workload.id}/json")
    command = [*(inspected["Config"].get("Entrypoint") or []), *arguments]
    try:
        if inspected.get("ExecIDs"):  # perhaps one that a killed looma left
            end_programs(api, workload, MARK, exit_code)
        with _limited(limit_seconds, lambda ended: _end(api, workload, exit_code, ended)) as passed:
            ended = partial(_code, passed, exit_code)
            code, output = run_program(api, workload, command, limit_seconds + SILENT_SECONDS, ended, MARK)
    except (NotAllowed, NotFound):  # it has just ended
        return None
    text = output.decode("utf-8", errors="replace")
    if passed.is_set():
        raise _too_long(workload.component, limit_seconds, text)
    return code, text


def _code(passed: threading.Event, exit_code: Callable[[str], int], id: str) -> int:
    """Of one that was ended nobody asks for it, and an engine whose container was killed may not know."""
    return KILLED if passed.is_set() else exit_code(id)


@contextmanager
def _limited(seconds: float, end: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Calls ``end``, with what is set on leaving, unless that comes in time; gives what is set where it did not."""
    passed, left = threading.Event(), threading.Event()

    def past() -> None:
        passed.set()
        end(left)

    timer = threading.Timer(seconds, past)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        left.set()
        timer.cancel()


def _end(api: EngineApi, workload: Workload, exit_code: Callable[[str], int], ended: threading.Event) -> None:
    """By its mark; what does not end by that ends with its container, whose layer is not needed any more when its program fails."""
    with suppress(LoomaError):
        end_programs(api, workload, MARK, exit_code)
    if not ended.wait(CLOSING_SECONDS):
        with suppress(LoomaError):
            api.post(f"/containers/{workload.id}/kill")


def in_new(
    api: EngineApi, compose: Compose, layer: RenderedLayer, component: str, arguments: Sequence[str], limit_seconds: float
) -> tuple[int, str]:
    """In a container of its own that is removed afterwards; one that a killed looma left is removed before. Raises TimedOut."""
    name = f"{layer.reference.project}-{component}-once"
    remove(api, name)
    options = ["--rm", "--no-TTY", "--no-deps", "--interactive=false", "--name", name, "--label", "looma.once=1"]
    try:
        outcome = compose.run(layer, "run", *options, component, *arguments, limit_seconds=limit_seconds)
    except TimedOut as error:
        raise _too_long(component, limit_seconds, error.details.get("output", "")) from error
    finally:
        remove(api, name)
    if outcome.code and "no such service" in outcome.errors:
        raise NotFound(f"{layer.reference.project} has no component {component}", f"looma tenant show {layer.reference.tenant} lists them")
    return outcome.code, outcome.output + outcome.errors


def _too_long(component: str, limit_seconds: float, output: str) -> TimedOut:
    return TimedOut(f"the program of {component} did not end within {limit_seconds:.0f} s", BUSY_HINT, output=output)


def remove(api: EngineApi, name: str) -> None:
    try:
        api.request("DELETE", f"/containers/{name}", {"force": "1", "v": "1"})
    except (NotFound, NotAllowed, CommandFailed):  # not there, or being removed by --rm just now
        return
