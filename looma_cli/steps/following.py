"""Deeds on pairs of datastores while a tenant changes its data layer: the new one follows the old, is compared with it, takes over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from looma_cli.errors import BackupFailed, LoomaError, NotAllowed, NotFound, ReplicationFailed, Unhealthy
from looma_cli.model.backup import Fingerprint
from looma_cli.model.world import World
from looma_cli.steps.base import Progress, counted
from looma_cli.steps.catching_up import await_position, refuse_different
from looma_cli.steps.datastores import containers_of, open_stores
from looma_cli.steps.filling import not_filled
from looma_cli.steps.layers import start_again
from looma_cli.steps.pairs import Pair, PairStep

HELD_SECONDS = 5.0  # the longest that writers may wait for a follower to come to where they stand
FREEZE_SECONDS = 30.0  # the longest that it may take in the freeze, before it is given up
HOLDS = 5


@dataclass(frozen=True)
class FollowStore(PairStep):
    """A fresh datastore gets all that the serving one holds, and from then on what is written there, by the server's own replication."""

    name = "follow-store"
    store: str

    def title(self) -> str:
        return f"Let {self.store} follow"

    def do(self, world: World, progress: Progress) -> str:
        pair = self.connected(world, [self.store])[self.store]
        if reason := pair.follower.obstacle(pair.leader):
            raise ReplicationFailed(f"{self.store} cannot follow: {reason}", "--data reuse keeps the datastores as they are")
        if self.there == self.host:
            world.engine(self.host).join(pair.follower_container, self.old_layer.project)
        pair.leader.abandon()
        pair.follower.abandon()
        try:
            pair.follower.follow(pair.leader, pair.leader_container.name, progress)
        except LoomaError as error:
            paths = list(world.catalog.edition(self.edition).component(self.store).volumes.values())
            raise not_filled(world, self.there, pair.follower_container, paths, error) from error
        return ""

    def undo(self, world: World, progress: Progress) -> str:
        """One that ended meanwhile is started: it is to serve again, and must be asked to let go."""
        leader = containers_of(world, self.old_layer, self.host).get(self.store)
        detail = "" if leader and leader.state == "running" else self._start_old(world, progress)
        return self.let_go(world, self.store, leaving=True) or detail

    def _start_old(self, world: World, progress: Progress) -> str:
        """Services and edge too: an engine that was killed stops all that it had, and does not start it again by itself."""
        with world.store.read() as state:
            services = state.tenant(self.tenant).layer("app")
        details = [start_again(world, layer, self.host, progress) for layer in (self.old_layer, services)]
        world.edge(self.host).start()
        return "; ".join(detail for detail in details if detail)


@dataclass(frozen=True)
class CompareFollowers(PairStep):
    """Every follower holds what its leader holds, table by table, as of one position. Writers wait only until that position is reached."""

    name = "compare-followers"
    stores: list[str]

    def title(self) -> str:
        return f"Compare {counted(self.stores, 'datastore')}"

    def do(self, world: World, progress: Progress) -> str:
        rows = 0
        for store in self.stores:
            progress(f"{store}: catching up")
            pair = self.connected(world, [store])[store]
            pair.leader.abandon()
            pair.follower.abandon()
            await_position(world, pair.follower, pair.leader.position(), world.health_timeout, store)
            wanted, found = self._prints(world, pair, store, progress)
            refuse_different(store, wanted.differences(found, world.clock.now()))
            rows += wanted.rows
        return f"{rows} rows alike"

    def undo(self, world: World, progress: Progress) -> str:
        """Whoever was killed may have left writers waiting."""
        for_each(self.stores, lambda store: self.free(world, store))
        return ""

    def _prints(self, world: World, pair: Pair, store: str, progress: Progress) -> tuple[Fingerprint, Fingerprint]:
        for attempt in range(HOLDS):
            try:
                return _prints_of_one_moment(world, pair, store, lambda: progress(f"{store}: comparing"))
            except _NotInTime:
                progress(f"{store}: catching up once more ({attempt + 1})")
        raise ReplicationFailed(f"{store} does not come to where its leader stands", "try again when less is written")


class _NotInTime(Exception):
    """Writers were held for as long as they may be."""


def _prints_of_one_moment(world: World, pair: Pair, store: str, begun: Callable[[], None]) -> tuple[Fingerprint, Fingerprint]:
    with pair.leader.moment(hold=True) as old:
        try:
            await_position(world, pair.follower, old.position, HELD_SECONDS, store)
        except Unhealthy as error:
            raise _NotInTime from error
        with pair.follower.moment() as new:
            old.release()
            new.release()
            begun()
            with ThreadPoolExecutor(2) as pool:
                first, second = pool.submit(old.fingerprint), pool.submit(new.fingerprint)
                return first.result(), second.result()


@dataclass(frozen=True)
class AwaitFollowers(PairStep):
    """In the freeze: every follower has all that was acknowledged. A step of its own, so that what is handed over next is known to be whole
    whenever that runs."""

    name = "await-followers"
    stores: list[str]

    def title(self) -> str:
        return f"Catch up {counted(self.stores, 'datastore')}"

    def do(self, world: World, progress: Progress) -> str:
        pairs = self.connected(world, self.stores)

        def catch_up(store: str) -> None:
            await_position(world, pairs[store].follower, pairs[store].leader.position(), FREEZE_SECONDS, store)

        for_each(self.stores, catch_up)
        return ""


@dataclass(frozen=True)
class PromoteFollowers(PairStep):
    """In the freeze: the followers take writes themselves. All at the same time: writers wait."""

    name = "promote-followers"
    stores: list[str]

    def title(self) -> str:
        return f"Hand over {counted(self.stores, 'datastore')}"

    def do(self, world: World, progress: Progress) -> str:
        followers = self.followers(world, self.stores)
        for_each(self.stores, lambda store: followers[store].promote())
        return ""


def for_each(stores: Sequence[str], deed: Callable[[str], None]) -> None:
    """All at once; raises the first one's error when all have ended."""
    with ThreadPoolExecutor(max(1, len(stores))) as pool:
        for future in [pool.submit(deed, store) for store in stores]:
            future.result()


@dataclass(frozen=True)
class CopyStore(PairStep):
    """In the freeze: a datastore whose kind cannot follow is copied whole, and compared."""

    name = "copy-store"
    store: str

    def title(self) -> str:
        return f"Copy {self.store}"

    def do(self, world: World, progress: Progress) -> str:
        pair = self.pair(world, self.store)
        pair.leader.abandon()
        pair.follower.abandon()
        with pair.leader.moment() as moment:
            moment.release()
            # one after the other: a stream is read while it is restored, and nothing of it touches the disk
            pair.follower.restore({name: partial(moment.dump, name) for name in moment.streams}, progress)
            wanted = moment.fingerprint()
        refuse_different(self.store, wanted.differences(pair.follower.fingerprint(wanted), world.clock.now()))
        return f"{wanted.rows} rows"

    def undo(self, world: World, progress: Progress) -> str:
        self.free(world, self.store)
        return ""


@dataclass(frozen=True)
class DismissFollowers(PairStep):
    """Old and new datastores have nothing to do with each other any more. An old one that is gone has nothing left to let go of."""

    name = "dismiss-followers"
    stores: list[str]

    def title(self) -> str:
        return f"Part {counted(self.stores, 'datastore')}"

    def do(self, world: World, progress: Progress) -> str:
        left = []
        for store in self.stores:
            try:
                self.let_go(world, store)
            except (BackupFailed, NotAllowed, NotFound, ReplicationFailed, Unhealthy) as error:
                left.append(f"{store}: {error.message}")
        return "; ".join(left)


@dataclass(frozen=True)
class NoteCutOver(PairStep):
    """Where each new datastore's counter of writes stands, written down with the old data layer: a rollback says by it what it would lose.
    One that does not tell is left out; the change-over is through whatever it says."""

    name = "note-cut-over"
    stores: list[str]

    def title(self) -> str:
        return "Note where writing begins"

    def do(self, world: World, progress: Progress) -> str:
        written: dict[str, int] = {}
        started: dict[str, str] = {}

        def note(name: str) -> None:
            with suppress(LoomaError):
                store, container = open_stores(world, self.new_layer, self.there, [name], self.edition)[name]
                written[name], started[name] = store.written(), container.started_at

        for_each(self.stores, note)
        noted = {"written": written, "started": started, "written_in": self.generation}
        with world.store.write() as state:
            for kept in state.kept_layers(self.tenant):
                if kept.reference == self.old_layer:
                    state.keep_layer(replace(kept, record={**kept.record, **noted}))
        return ""
