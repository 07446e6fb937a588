"""Steps that only undo. They stand before the steps that change things, so that they are undone after those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from looma_cli.errors import PortTaken, SubnetTaken
from looma_cli.model.operation import NOT_AS_BEFORE
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.layers import start_again
from looma_cli.steps.tenants import set_status


@dataclass(frozen=True)
class PutBackStack(WorldStep):
    """``undo`` starts the layers, ``[[layer, generation], …]``, as their files then say, and records ``status``.

    Where the engine refuses, because somebody took a port or subnet meanwhile, the tenant ends stopped and is recorded so: nothing that
    looma can wait for would bring it back, and a start plans around what is taken.
    """

    name = "put-back-stack"
    tenant: str
    host: str
    layers: list[list[Any]]
    status: str

    def title(self) -> str:
        return "Remember the stack"

    def do(self, world: World, progress: Progress) -> str:
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        references = [LayerReference(self.tenant, layer, generation) for layer, generation in self.layers]
        try:
            details = [start_again(world, reference, self.host, progress) for reference in references]
        except (PortTaken, SubnetTaken) as error:
            for reference in reversed(references):
                world.engine(self.host).stop(reference)
            self._record(world, "stopped")
            return f"{NOT_AS_BEFORE}{self.tenant} is stopped, since {error.message}"
        self._record(world, self.status)
        return "; ".join(detail for detail in details if detail)

    def _record(self, world: World, status: str) -> None:
        with world.store.write() as state:
            set_status(world, state, self.tenant, status)


@dataclass(frozen=True)
class RemoveNewVolumes(WorldStep):
    """``undo`` removes the tenant's volumes that are not among ``before``, the names of those it had when this was decided. Stands before
    the PutBackStack, which removes the containers that use them."""

    name = "remove-new-volumes"
    tenant: str
    host: str
    before: list[str]

    def title(self) -> str:
        return "Remember the volumes"

    def do(self, world: World, progress: Progress) -> str:
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        engine = world.engine(self.host)
        new = [volume.name for volume in engine.volumes(self.tenant) if volume.name not in self.before]
        if new:
            engine.remove_volumes(self.tenant, new)
        return ""
