"""Deeds on a tenant's generations: reserve new ones beside those that run, change over, keep the old for a while, let them go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from looma_cli.model.host import Reservation
from looma_cli.model.protocols import State
from looma_cli.model.tenant import Allocation, KeptLayer, LayerReference, Subnet
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, StateStep, WorldStep, counted
from looma_cli.steps.tenants import resize


@dataclass(frozen=True)
class ReserveGeneration(StateStep):
    """Ports and subnets of layers of a new generation, ``[[layer, generation], …]``."""

    name = "reserve-generation"
    tenant: str
    layers: list[list[Any]]
    allocations: list[Mapping[str, Any]]
    subnets: list[Mapping[str, Any]]

    def title(self) -> str:
        return f"Reserve {counted(self.allocations, 'port')} and {counted(self.subnets, 'subnet')}"

    def do(self, world: World, state: State) -> str:
        state.add_allocations([Allocation(**row) for row in self.allocations])
        state.add_subnets([Subnet(**row) for row in self.subnets])
        return ""

    def undo(self, world: World, state: State) -> str:
        release(state, self.tenant, self.layers)
        return ""


def release(state: State, tenant: str, layers: list[list[Any]]) -> None:
    """Ports and subnets of these layers are free afterwards."""
    for layer, generation in layers:
        state.remove_allocations(tenant, layer, generation)
        state.remove_subnets(tenant, layer, generation)


@dataclass(frozen=True)
class ChangeGeneration(StateStep):
    """The tenant is what its new layers are: the pivot, one commit with the record. ``changes`` are further fields of it."""

    name = "change-generation"
    tenant: str
    data: int
    app: int
    data_before: int
    app_before: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    previous: Mapping[str, Any] = field(default_factory=dict)

    def title(self) -> str:
        return f"Change over to {self.tenant}'s new layers"

    def do(self, world: World, state: State) -> str:
        self._set(world, state, self.data, self.app, self.changes)
        for layer, new, old in (("data", self.data, self.data_before), ("app", self.app, self.app_before)):
            state.set_allocation_state(self.tenant, layer, new, "bound")
            if new != old:
                state.set_allocation_state(self.tenant, layer, old, "draining")
        return ""

    def undo(self, world: World, state: State) -> str:
        self._set(world, state, self.data_before, self.app_before, self.previous)
        return ""

    def _set(self, world: World, state: State, data: int, app: int, fields: Mapping[str, Any]) -> None:
        tenant = replace(state.tenant(self.tenant), data_generation=data, app_generation=app, updated_at=world.clock.now(), **fields)
        state.save_tenant(tenant)
        resize(world, state, self.tenant, fields)


@dataclass(frozen=True)
class KeepLayers(StateStep):
    """Remember left layers until ``seconds`` from now: the next command after that lets them go. ``left_at`` is added to their record: of
    several the way back leads to those that were left last, however long each is kept."""

    name = "keep-layers"
    tenant: str
    host: str
    layers: list[list[Any]]
    seconds: float
    reason: str
    record: Mapping[str, Any] = field(default_factory=dict)

    def title(self) -> str:
        return "Keep the old layers for the way back"

    def do(self, world: World, state: State) -> str:
        now = world.clock.now()
        until, record = now + timedelta(seconds=self.seconds), {**self.record, "left_at": now.isoformat()}
        for layer, generation in self.layers:
            state.keep_layer(KeptLayer(LayerReference(self.tenant, layer, generation), self.host, until, self.reason, record))
        return f"until {until:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class ForgetLayers(StateStep):
    """What removed layers held is free again."""

    name = "forget-layers"
    tenant: str
    layers: list[list[Any]]

    def title(self) -> str:
        return "Release the old layers' ports and subnets"

    def do(self, world: World, state: State) -> str:
        release(state, self.tenant, self.layers)
        for layer, generation in self.layers:
            state.forget_layer(LayerReference(self.tenant, layer, generation))
        return ""


@dataclass(frozen=True)
class TakeBackLayers(StateStep):
    """Layers that were kept for the way back are their tenant's own again."""

    name = "take-back-layers"
    tenant: str
    layers: list[list[Any]]

    def title(self) -> str:
        return "Take the kept layers back"

    def do(self, world: World, state: State) -> str:
        for layer, generation in self.layers:
            state.forget_layer(LayerReference(self.tenant, layer, generation))
        return ""


@dataclass(frozen=True)
class RemoveLayerFiles(WorldStep):
    """The rendered files of layers that are gone."""

    name = "remove-layer-files"
    tenant: str
    layers: list[list[Any]]

    def title(self) -> str:
        return "Remove the old layers' files"

    def do(self, world: World, progress: Progress) -> str:
        folders = tuple(f"{layer}-g{generation}/" for layer, generation in self.layers)
        for name in world.files.names(self.tenant):
            if name.startswith(folders):
                world.files.remove(self.tenant, name)
        return ""


@dataclass(frozen=True)
class AdoptSecrets(StateStep):
    """Secrets of a backup, sealed under this home's key; those that ``names`` has beside them are made anew."""

    name = "adopt-secrets"
    tenant: str
    sealed: Mapping[str, str]
    names: list[str]

    def title(self) -> str:
        return f"Take over {len(self.sealed)} secrets"

    def do(self, world: World, state: State) -> str:
        fresh = {name: world.vault.seal(world.vault.generate()) for name in self.names if name not in self.sealed}
        state.save_secrets(self.tenant, {**fresh, **self.sealed})
        return ""


@dataclass(frozen=True)
class EnsureSecrets(StateStep):
    """Secrets that a tenant's new components need and that it has not; they stay on an undo."""

    name = "ensure-secrets"
    tenant: str
    names: list[str]

    def title(self) -> str:
        return f"Have {counted(self.names, 'secret')}"

    def do(self, world: World, state: State) -> str:
        known = state.secrets(self.tenant)
        fresh = {name: world.vault.seal(world.vault.generate()) for name in self.names if name not in known}
        if fresh:
            state.save_secrets(self.tenant, fresh)
        return f"{len(fresh)} new" if fresh else ""


@dataclass(frozen=True)
class WriteOverride(WorldStep):
    """A tenant's own ``override.yaml`` as a backup has it; gone again after an undo."""

    name = "write-override"
    tenant: str
    text: str

    def title(self) -> str:
        return "Write the override"

    def do(self, world: World, progress: Progress) -> str:
        world.files.write(self.tenant, "override.yaml", self.text)
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        world.files.remove(self.tenant, "override.yaml")
        return ""


@dataclass(frozen=True)
class ReservePlace(StateStep):
    """Memory and disk of a host for a tenant that comes to it. ``sequence`` 0 is whichever comes next on that host."""

    name = "reserve-place"
    tenant: str
    host: str
    memory_bytes: int
    disk_bytes: int
    sequence: int = 0

    def title(self) -> str:
        return f"Reserve memory and disk on {self.host}"

    def do(self, world: World, state: State) -> str:
        state.release_reservation(self.tenant, self.host)
        state.reserve(Reservation(self.host, self.sequence, self.tenant, self.memory_bytes, self.disk_bytes))
        return ""

    def undo(self, world: World, state: State) -> str:
        state.release_reservation(self.tenant, self.host)
        return ""


@dataclass(frozen=True)
class ReleasePlace(StateStep):
    """What the tenant had reserved on a host that it has left: what is kept there stands still."""

    name = "release-place"
    tenant: str
    host: str

    def title(self) -> str:
        return f"Release memory and disk on {self.host}"

    def do(self, world: World, state: State) -> str:
        state.release_reservation(self.tenant, self.host)
        return ""
