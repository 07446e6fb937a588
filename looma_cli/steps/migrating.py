"""Bringing a tenant's data to another release or edition: the image's own ``migrate`` command, once."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.errors import CommandFailed, TimedOut
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.layers import load_layer

KEPT_LINES = 8
LONGEST_SECONDS = 600.0  # where nobody waits for it


@dataclass(frozen=True)
class Migrate(WorldStep):
    """Run one component's ``migrate`` (see the contract of app images), which may run again. What it did to the data stays on an undo: of a
    data layer of its own nothing is left then, and a shared one must go on working with the release before."""

    name = "migrate"
    tenant: str
    host: str
    generation: int
    component: str
    arguments: list[str]
    seconds: float = LONGEST_SECONDS
    frozen: bool = False  # writers wait meanwhile

    def title(self) -> str:
        return f"Migrate by {self.component}"

    def do(self, world: World, progress: Progress) -> str:
        layer = load_layer(world, LayerReference(self.tenant, "app", self.generation))
        try:
            code, output = world.engine(self.host).run_once(layer, self.component, self.arguments, limit_seconds=self.seconds)
        except TimedOut as error:
            raise self._too_long(last_lines(error.details.get("output", ""))) from error
        if code:
            log = last_lines(output)
            words = f": {log[-1]}" if log else ""
            raise CommandFailed(
                f"migrate of {self.component} ended with exit code {code}{words}",
                "its last lines are above; with -o json they are in details.log",
                component=self.component,
                exit_code=code,
                log=log,
            )
        return ""

    def _too_long(self, log: list[str]) -> TimedOut:
        waited = ", and writes were refused all the time" if self.frozen else ""
        hint = "--rehearse says how long it takes; --freeze-limit gives it more" if self.frozen else "its last lines are above"
        return TimedOut(
            f"migrate of {self.component} was ended: it had {self.seconds:g} s{waited}",
            hint,
            component=self.component,
            limit_seconds=self.seconds,
            log=log,
        )


def last_lines(output: str) -> list[str]:
    return [line.rstrip() for line in output.splitlines() if line.strip()][-KEPT_LINES:]
