"""Pairs of datastores: one in the data layer that serves, one in the layer that is to replace it, on the same host or on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from looma_cli.errors import Unreachable
from looma_cli.model.layer import Workload
from looma_cli.model.operation import NOT_AS_BEFORE
from looma_cli.model.protocols import Datastore
from looma_cli.model.tenant import LayerReference
from looma_cli.model.world import World
from looma_cli.steps.base import WorldStep
from looma_cli.steps.datastores import containers_of, open_store, open_stores
from looma_cli.steps.relaying import close_line, open_lines


@dataclass(frozen=True)
class Pair:
    """One datastore in the layer that serves, and its successor."""

    leader: Datastore
    follower: Datastore
    leader_container: Workload
    follower_container: Workload


@dataclass(frozen=True)
class PairStep(WorldStep):
    """What steps on pairs have in common: ``leader`` and ``generation`` are the data layers' generations, the editions theirs. The new
    layer is on ``host`` beside the old one, or on ``new_host``; then a relay leads from it to the old one's datastores."""

    tenant: str
    host: str
    leader: int
    leader_edition: str
    generation: int
    edition: str
    new_host: str = field(default="", kw_only=True)

    @property
    def there(self) -> str:
        """Where the new layer is."""
        return self.new_host or self.host

    def pair(self, world: World, store: str) -> Pair:
        """Raises NotFound where one of the two has no container."""
        return self.pairs(world, [store])[store]

    def pairs(self, world: World, stores: Sequence[str]) -> dict[str, Pair]:
        """The engine is asked once: writers may be waiting. Raises NotFound where one has no container."""
        leaders = open_stores(world, self.old_layer, self.host, stores, self.leader_edition)
        followers = open_stores(world, self.new_layer, self.there, stores, self.edition)
        return {store: Pair(leaders[store][0], followers[store][0], leaders[store][1], followers[store][1]) for store in stores}

    def followers(self, world: World, stores: Sequence[str]) -> dict[str, Datastore]:
        return {store: found[0] for store, found in open_stores(world, self.new_layer, self.there, stores, self.edition).items()}

    @property
    def old_layer(self) -> LayerReference:
        return LayerReference(self.tenant, "data", self.leader)

    @property
    def new_layer(self) -> LayerReference:
        return LayerReference(self.tenant, "data", self.generation)

    def connected(self, world: World, stores: Sequence[str]) -> dict[str, Pair]:
        """The same, and every follower has a way to its leader: one through a looma that was killed has gone with it."""
        pairs = self.pairs(world, stores)
        if self.there != self.host:
            open_lines(world, self.host, self.there, self.new_layer, {store: pair.leader_container for store, pair in pairs.items()})
        return pairs

    def leading(self, world: World, store: str) -> Datastore:
        return open_store(world, self.old_layer, self.host, store, self.leader_edition)

    def free(self, world: World, store: str) -> None:
        """Nobody waits any more in the old layer; one that ended holds nobody."""
        leader = containers_of(world, self.old_layer, self.host).get(store)
        if leader and leader.state == "running":
            self.leading(world, store).abandon()

    def let_go(self, world: World, store: str, *, leaving: bool = False) -> str:
        """Nothing that a follower needed is left on the old layer, and the new one is on its own network alone. A follower that could come
        back would, so its way is taken first; ``leaving``: what is on a new host that cannot be reached stays there, and is told."""
        left = ""
        if self.there != self.host:
            try:
                close_line(world, self.host, self.there, self.new_layer, store)
            except Unreachable as error:
                if not leaving:
                    raise
                left = f"{NOT_AS_BEFORE}{self.there} keeps what was made there: {error.message}"
        leader = self.leading(world, store)
        leader.abandon()
        leader.dismiss()
        follower = containers_of(world, self.new_layer, self.host).get(store) if self.there == self.host else None
        if follower is not None:
            world.engine(self.host).leave(follower, self.old_layer.project)
        return left
