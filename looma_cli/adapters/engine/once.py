"""A component's own program run once with other arguments: ``migrate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.engine.compose import Compose
from looma_cli.adapters.engine.programs import run_program
from looma_cli.errors import CommandFailed, NotAllowed, NotFound
from looma_cli.model.layer import RenderedLayer, Workload

LIMIT_SECONDS = 600.0


def in_running(api: EngineApi, workload: Workload, arguments: Sequence[str], exit_code: Callable[[str], int]) -> tuple[int, str] | None:
    """Inside the component's container, with its entry point before the arguments; None where it does not run."""
    if workload.state != "running":
        return None
    entrypoint = api.get(f"/containers/{workload.id}/json")["Config"].get("Entrypoint") or []
    try:
        code, output = run_program(api, workload, [*entrypoint, *arguments], LIMIT_SECONDS, exit_code)
    except (NotAllowed, NotFound):  # it has just ended
        return None
    return code, output.decode("utf-8", errors="replace")


def in_new(api: EngineApi, compose: Compose, layer: RenderedLayer, component: str, arguments: Sequence[str]) -> tuple[int, str]:
    """In a container of its own that is removed afterwards; one that a killed looma left is removed before."""
    name = f"{layer.reference.project}-{component}-once"
    remove(api, name)
    options = ["--rm", "--no-TTY", "--no-deps", "--interactive=false", "--name", name, "--label", "looma.once=1"]
    try:
        outcome = compose.run(layer, "run", *options, component, *arguments)
    finally:
        remove(api, name)
    if outcome.code and "no such service" in outcome.errors:
        raise NotFound(f"{layer.reference.project} has no component {component}", f"looma tenant show {layer.reference.tenant} lists them")
    return outcome.code, outcome.output + outcome.errors


def remove(api: EngineApi, name: str) -> None:
    try:
        api.request("DELETE", f"/containers/{name}", {"force": "1", "v": "1"})
    except (NotFound, NotAllowed, CommandFailed):  # not there, or being removed by --rm just now
        return
