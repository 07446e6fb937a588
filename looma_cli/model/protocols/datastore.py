"""A datastore's driver: a moment of it, bringing one back, and following another of its kind.

All methods raise only errors of ``looma_cli.errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from looma_cli.model.backup import Fingerprint, StoreInformation

Chunks = AbstractContextManager[Iterator[bytes]]


class Moment(Protocol):
    """One consistent moment of a datastore. Dump and fingerprint see exactly it, whatever is written meanwhile.

    From entering until ``release`` the datastore holds back writes (they wait, none fails), so that the moments of several stores are
    one; that must be short. ``streams`` are the dump's parts in the order in which a restore needs them; they are read one after the
    other, while ``fingerprint`` may run in another thread. Some servers give up on a reader that lets them wait: start reading at once.
    """

    position: Mapping[str, str]
    streams: tuple[str, ...]

    def release(self) -> None:
        """Writes go on. Idempotent."""
        ...

    def fingerprint(self) -> Fingerprint: ...

    def dump(self, stream: str) -> Chunks:
        """The bytes of one stream. Raises BackupFailed, at the end too, unless the dump is known to be complete."""
        ...


class Datastore(Protocol):
    """One datastore in a running layer, spoken to by programs inside its container."""

    name: str
    driver: str
    holds_writers: bool  # whether writers wait while a moment is taken; False for a server that gives snapshots without

    def probe(self) -> StoreInformation:
        """Raises Unhealthy when the server does not answer a query."""
        ...

    def ready(self) -> bool:
        """Whether it answers queries as the account that dumps and restores. Never raises for a server that does not, but
        EngineUnavailable for a host that does not."""
        ...

    def moment(self, *, hold: bool = False) -> AbstractContextManager[Moment]:
        """Raises BackupFailed when no moment can be had in time (a long query, say). ``hold``: writers wait until ``release`` also where
        the server could do without, so that followers can come to exactly this moment."""
        ...

    def fingerprint(self, like: Fingerprint | None = None) -> Fingerprint:
        """Of the present. ``like``: divide it in the same parts as this one, where parts depend on the data."""
        ...

    def restore(self, streams: Mapping[str, Callable[[], Chunks]], progress: Callable[[str], None]) -> None:
        """Into a freshly initialised store of the same kind; afterwards it holds what was dumped, accounts included. May be run again
        after it was cut short. Raises BackupFailed."""
        ...

    def abandon(self) -> None:
        """End what an earlier, killed looma left running in the container, and the locks it held. Idempotent."""
        ...

    # One follows another of its kind (the leader) by the server's own replication. Both are drivers of one class and one tenant, whose
    # accounts have the same passwords; ``follows`` is False for a driver that has no such thing, and then nobody calls the rest.
    follows: bool

    def obstacle(self, leader: Datastore) -> str:
        """Why this one could not follow that one (another version, no binary log); empty where it can. Changes nothing; both run."""
        ...

    def follow(self, leader: Datastore, address: str, progress: Callable[[str], None]) -> None:
        """Copy what the leader holds, accounts included, and from then on all that is written there, until ``promote``.

        ``address`` is the host name under which this one's container reaches the leader's. The leader serves on, reads and writes; clients
        of this one may read, and are refused writes. What was here is replaced. May be run again after it was cut short, by whomever.
        Raises ReplicationFailed, EngineUnavailable.
        """
        ...

    def position(self) -> Mapping[str, str]:
        """Of a leader: the end of its log now, after every write that it has acknowledged."""
        ...

    def reached(self, position: Mapping[str, str]) -> bool:
        """Of a follower: whether it holds everything up to that position of its leader (of a moment or of ``position``). Raises
        ReplicationFailed, with the server's own reason, where it will never come there by waiting."""
        ...

    def promote(self) -> None:
        """Of a follower: it follows no more and takes writes; sessions of its clients stay open, and a restart changes nothing of it.
        The leader is not asked: it may be gone. Idempotent, also for one that never followed."""
        ...

    def written(self) -> int:
        """A counter that grows with what clients write (transactions, rows or commands, as the server counts): the difference of two tells
        how much was written in between, within what the server does by itself. It may begin anew when the server starts."""
        ...

    def dismiss(self) -> None:
        """Of a leader: what its followers needed here (account, slot, log held back, access rule) is gone. Idempotent; a follower that is
        left stays where it is. Clients notice nothing."""
        ...
