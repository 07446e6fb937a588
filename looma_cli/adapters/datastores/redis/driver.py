"""The driver of Redis, 7.0 or newer (``EVAL_RO``, ``PEXPIRETIME``, pauses of writers alone)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from looma_cli.adapters.datastores.redis import following
from looma_cli.adapters.datastores.redis.access import Access
from looma_cli.adapters.datastores.redis.fingerprint import Reader
from looma_cli.adapters.datastores.redis.moment import STREAM, RedisMoment, moment
from looma_cli.adapters.datastores.redis.restore import free, restore
from looma_cli.adapters.datastores.redis.session import information
from looma_cli.adapters.datastores.redis.written import written
from looma_cli.errors import BackupFailed, CommandFailed, EngineUnavailable, LoomaError, NotAllowed, NotFound, ReplicationFailed, Unhealthy
from looma_cli.model.backup import Fingerprint, StoreInformation
from looma_cli.model.layer import Workload
from looma_cli.model.protocols import Chunks, Datastore, Engine


class RedisDatastore:
    """Implements ``Datastore``. Users are configuration, not data: a dump holds keys and functions only."""

    driver = "redis"
    holds_writers = True
    follows = True

    def __init__(self, engine: Engine, workload: Workload, settings: Mapping[str, str]) -> None:
        self.name = workload.component
        self._access = Access(engine, workload, settings)

    def probe(self) -> StoreInformation:
        try:
            with self._access.session() as session:
                session.call("PING")
                return StoreInformation("redis", information(session, "server")["redis_version"])
        except (BackupFailed, CommandFailed, NotAllowed, NotFound) as error:
            raise Unhealthy(f"{self.name} does not answer: {error.message}", error.hint) from error

    def ready(self) -> bool:
        try:
            self.probe()
        except EngineUnavailable:
            raise
        except LoomaError:
            return False
        return True

    def moment(self, *, hold: bool = False) -> AbstractContextManager[RedisMoment]:
        """Writers wait from its begin until ``release``; unless ``hold``, at most ten seconds after the fingerprint was computed."""
        return moment(self._access, hold)

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        with self._access.session() as session:
            return Reader(session).fingerprint(like)

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        self.abandon()
        with streams[STREAM]() as chunks:
            restore(self._access, chunks, progress)

    def abandon(self) -> None:
        self._access.end_all()
        free(self._access)

    def obstacle(self, leader: Datastore) -> str:
        return following.obstacle(self._access, _access_of(leader))

    def follow(self, leader: Datastore, address: str, progress: Callable[[str], None]) -> None:
        following.follow(self._access, _access_of(leader), address, progress)

    def position(self) -> Mapping[str, str]:
        return following.position(self._access)

    def reached(self, position: Mapping[str, str]) -> bool:
        return following.reached(self._access, position)

    def promote(self) -> None:
        following.promote(self._access)

    def written(self) -> int:
        return written(self._access)

    def dismiss(self) -> None:
        """A follower that is left is on its own: it keeps what it has, and takes writes."""
        following.dismiss(self._access)


def _access_of(leader: Datastore) -> Access:
    if not isinstance(leader, RedisDatastore):
        raise ReplicationFailed(f"redis cannot follow {leader.driver}", "both must be Redis")
    return leader._access
