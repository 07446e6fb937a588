"""The relay between the datastores of two hosts: opened whenever a step needs it, taken away when nobody follows any more."""

from __future__ import annotations

from collections.abc import Mapping

from looma_cli.model.layer import Workload
from looma_cli.model.relay import RelayLine
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World


def open_lines(world: World, source: str, target: str, layer: LayerReference, leaders: Mapping[str, Workload]) -> None:
    """``leaders``: containers on the ``source`` host by datastore; ``layer`` is the one that follows, on the ``target``.

    Raises Unreachable, ImageUnavailable."""
    with world.store.read() as state:
        image = world.catalog.support_image("edge", state.tenant(layer.tenant).images)
    relay = world.relay(source, target)
    for store, leader in leaders.items():
        relay.ensure(RelayLine(layer, store, leader.name, leader.ports, image))


def close_line(world: World, source: str, target: str, layer: LayerReference, store: str) -> None:
    """Idempotent. Raises Unreachable."""
    world.relay(source, target).remove(RelayLine(layer, store))
