"""Bringing a tenant's data to another release or edition: the image's own ``migrate`` command, once."""

from __future__ import annotations

from dataclasses import dataclass

from looma_cli.errors import CommandFailed
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.layers import load_layer

KEPT_LINES = 8


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

    def title(self) -> str:
        return f"Migrate by {self.component}"

    def do(self, world: World, progress: Progress) -> str:
        layer = load_layer(world, LayerReference(self.tenant, "app", self.generation))
        code, output = world.engine(self.host).run_once(layer, self.component, self.arguments)
        if code:
            lines = [line.rstrip() for line in output.splitlines() if line.strip()][-KEPT_LINES:]
            words = f": {lines[-1]}" if lines else ""
            raise CommandFailed(
                f"migrate of {self.component} ended with exit code {code}{words}",
                "its last lines are above; with -o json they are in details.log",
                component=self.component,
                exit_code=code,
                log=lines,
            )
        return ""
