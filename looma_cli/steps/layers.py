"""Deeds on layers: render, pull, create, start, stop, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from looma_cli.errors import ImageUnavailable, RenderFailed, Unreachable
from looma_cli.model.image import SentImage
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.protocols import State
from looma_cli.model.render import RenderRequest
from looma_cli.model.tenant import LayerReference, Tenant
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, WorldStep
from looma_cli.steps.waiting import settle

LOCAL = "local"  # the controller's own engine


def manifest_name(layer: str, generation: int) -> str:
    return f"{layer}-g{generation}/compose.yaml"


def render_request(world: World, state: State, tenant: Tenant, layer: str, generation: int, start_interval: bool) -> RenderRequest:
    """All that the renderer needs for one layer, read from the state, the catalog and the tenant's files."""
    return RenderRequest(
        tenant=tenant,
        edition=world.catalog.edition(tenant.edition),
        layer=layer,
        generation=generation,
        installation=state.installation(),
        registry=world.registry,
        secrets={name: world.vault.open(value) for name, value in state.secrets(tenant.name).items()},
        override=world.files.read(tenant.name, "override.yaml"),
        start_interval=start_interval,
        hard_limits=world.hard_limits,
    )


def load_layer(world: World, reference: LayerReference) -> RenderedLayer:
    """A layer as it was rendered, with its secrets. Raises RenderFailed when its file is gone."""
    text = world.files.read(reference.tenant, manifest_name(reference.layer, reference.generation))
    if text is None:
        raise RenderFailed(
            f"the rendered file of {reference.project} is missing", f"looma tenant render {reference.tenant} shows what belongs there"
        )
    with world.store.read() as state:
        sealed = state.secrets(reference.tenant)
    return world.renderer.load(reference, text, {name: world.vault.open(value) for name, value in sealed.items()})


def start_again(world: World, reference: LayerReference, host: str, progress: Progress) -> str:
    """Start a layer as its files say, in an undo; returns what did not become healthy."""
    world.engine(host).discard_unstarted(reference)
    world.engine(host).start(load_layer(world, reference))
    return settle(world, reference.tenant, reference.layer, host, progress)


@dataclass(frozen=True)
class RenderStack(WorldStep):
    """Write the files of layers, ``[[layer, generation], …]``.

    Undo removes the files of ``new`` generations; of others the file before is kept beside until the operation is done.
    """

    name = "render-stack"
    tenant: str
    layers: list[list[Any]]
    new: bool
    start_interval: bool = True
    components: list[str] | None = None  # only these, unpublished: a scratch stack
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the record, which it has not got yet

    def title(self) -> str:
        return "Render the stack"

    def do(self, world: World, progress: Progress) -> str:
        with world.store.read() as state:
            tenant = state.tenant(self.tenant).at(self.layers, self.changes)
            request = render_request(world, state, tenant, "", 0, self.start_interval)
        only = None if self.components is None else tuple(self.components)
        requests = [replace(request, layer=layer, generation=generation, components=only) for layer, generation in self.layers]
        rendered = [world.renderer.render(request).manifest for request in requests]
        for (layer, generation), text in zip(self.layers, rendered, strict=True):
            self._write(world, manifest_name(layer, generation), text)
        return f"{len(rendered)} files"

    def _write(self, world: World, name: str, text: str) -> None:
        before = None if self.new else world.files.read(self.tenant, name)
        if before is not None and before != text and world.files.read(self.tenant, name + ".previous") is None:
            world.files.write(self.tenant, name + ".previous", before)
        world.files.write(self.tenant, name, text)

    def undo(self, world: World, progress: Progress) -> str:
        for layer, generation in self.layers:
            name = manifest_name(layer, generation)
            before = world.files.read(self.tenant, name + ".previous")
            if before is not None:
                world.files.write(self.tenant, name, before)
                world.files.remove(self.tenant, name + ".previous")
            elif self.new:
                world.files.remove(self.tenant, name)
        if self.new and all(name == "override.yaml" for name in world.files.names(self.tenant)):
            world.files.remove_all(self.tenant)
        return ""


@dataclass(frozen=True)
class SettleFiles(WorldStep):
    """Remove the files kept for the way back, or (``everything``) all files of the tenant."""

    name = "settle-files"
    tenant: str
    everything: bool = False

    def title(self) -> str:
        return "Remove the rendered files" if self.everything else "Settle the rendered files"

    def do(self, world: World, progress: Progress) -> str:
        if self.everything:
            world.files.remove_all(self.tenant)
            return ""
        for name in world.files.names(self.tenant):
            if name.endswith(".previous"):
                world.files.remove(self.tenant, name)
        return ""


@dataclass(frozen=True)
class PullImages(WorldStep):
    """Have every image on the host: pulled there, or (``local``) sent from the controller's engine. Images are shared and stay on an
    undo."""

    name = "pull-images"
    tenant: str
    host: str
    references: list[str]
    local: bool = False

    def title(self) -> str:
        return f"Check {len(self.references)} images"

    def do(self, world: World, progress: Progress) -> str:
        if self.local and self.host != LOCAL:
            return _sent(world.image_sender(self.host).send(self.references, progress))
        missing = world.engine(self.host).missing_images(self.references)
        if missing and self.local:
            raise ImageUnavailable(f"image {missing[0]} is not on {self.host}", "looma image build builds the local set")
        return self._pull(world, missing, progress) if missing else ""

    def _pull(self, world: World, missing: list[str], progress: Progress) -> str:
        """From the registry; where the host cannot, from the controller's engine, if that has all that is left."""
        engine = world.engine(self.host)
        try:
            engine.pull(missing, progress)
        except ImageUnavailable:
            left = engine.missing_images(missing)
            if self.host == LOCAL or not _are_here(world, left):
                raise
            return _sent(world.image_sender(self.host).send(left, progress))
        return f"{len(missing)} pulled"


def _are_here(world: World, references: list[str]) -> bool:
    try:
        return not world.engine(LOCAL).missing_images(references)
    except Unreachable:
        return False


def _sent(images: Sequence[SentImage]) -> str:
    return f"{len(images)} sent, {sum(image.sent_bytes for image in images) / 1e6:.1f} MB" if images else ""


@dataclass(frozen=True)
class CreateLayer(WorldStep):
    """Networks, volumes and containers of a new generation, not started. Undo removes them, volumes included."""

    name = "create-layer"
    tenant: str
    layer: str
    generation: int
    host: str

    def title(self) -> str:
        return f"Create the {self.layer} layer"

    @property
    def reference(self) -> LayerReference:
        return LayerReference(self.tenant, self.layer, self.generation)

    def do(self, world: World, progress: Progress) -> str:
        engine = world.engine(self.host)
        engine.discard_unstarted(self.reference)
        engine.create(load_layer(world, self.reference))
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        world.engine(self.host).remove(self.reference, volumes=True)
        return ""


@dataclass(frozen=True)
class StartLayer(WorldStep):
    """Create and start a layer, without waiting for its health. ``undo`` is how it was before: absent, stopped or running.

    ``created`` says that a CreateLayer made its containers; otherwise unstarted ones are of a ``do`` that was cut short."""

    name = "start-layer"
    tenant: str
    layer: str
    generation: int
    host: str
    before: str = "absent"
    created: bool = False

    def title(self) -> str:
        return f"Start the {self.layer} layer"

    @property
    def reference(self) -> LayerReference:
        return LayerReference(self.tenant, self.layer, self.generation)

    def do(self, world: World, progress: Progress) -> str:
        if not self.created:
            world.engine(self.host).discard_unstarted(self.reference)
        world.engine(self.host).start(load_layer(world, self.reference))
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        engine = world.engine(self.host)
        if self.before == "absent":
            engine.remove(self.reference, volumes=True)
        elif self.before == "stopped":
            engine.stop(self.reference)
        return ""


@dataclass(frozen=True)
class StopLayer(WorldStep):
    """Stop a layer's containers; undo starts them, unless it is ``guarded``: then a PutBackStack before it does that."""

    name = "stop-layer"
    tenant: str
    layer: str
    generation: int
    host: str
    guarded: bool = False

    def title(self) -> str:
        return f"Stop the {self.layer} layer"

    def do(self, world: World, progress: Progress) -> str:
        world.engine(self.host).stop(LayerReference(self.tenant, self.layer, self.generation))
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        if self.guarded:
            return ""
        return start_again(world, LayerReference(self.tenant, self.layer, self.generation), self.host, progress)


@dataclass(frozen=True)
class RemoveLayer(WorldStep):
    """Containers, network and volumes of one layer, for good."""

    name = "remove-layer"
    tenant: str
    layer: str
    generation: int
    host: str

    def title(self) -> str:
        return f"Remove the {self.layer} layer"

    def do(self, world: World, progress: Progress) -> str:
        world.engine(self.host).remove(LayerReference(self.tenant, self.layer, self.generation), volumes=True)
        return ""
