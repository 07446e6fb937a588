"""This process among others: leases, workers, the time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from typing import Any, Protocol

from looma_cli.model.operation import Holder, Lease
from looma_cli.model.protocols.state import State


class HeldLease(Protocol):
    """A lease while it is held; renewed in the background. ``lost`` is True once someone else has taken it over."""

    lease: Lease
    lost: bool

    def set_child(self, pid: int | None) -> None:
        """Record the outside program that runs on our behalf, so that whoever takes over ends it first."""
        ...

    def release_in(self, state: State) -> None:
        """Release it in a transaction that ends what it was held for."""
        ...

    def committed(self) -> None:
        """The transaction of ``release_in``, if there was one, has been committed: nobody has to look."""
        ...


class Leases(Protocol):
    """Takes, renews and judges leases on top of the store (processes of this machine are looked up in /proc)."""

    def me(self) -> Holder: ...
    def alive(self, lease: Lease) -> bool: ...
    def end_child(self, lease: Lease) -> None:
        """Ends the outside program that a dead holder left behind, if it still runs on this machine."""
        ...

    def hold(self, resource: str, operation: str | None, why: str, *, wait_seconds: float = 0) -> AbstractContextManager[HeldLease]:
        """Takes the lease (from a dead holder too, ending its child first) for the length of a ``with`` block.

        Raises Held naming holder, operation and since when, after ``wait_seconds``.
        """
        ...


class Crew(Protocol):
    """Workers at work. Each has a few numbers in hand."""

    @property
    def free(self) -> bool:
        """Whether one of them has a hand free."""
        ...

    @property
    def alive(self) -> bool: ...
    def give(self, number: int) -> None: ...
    def take(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        """Waits for answers, at most so long; None is the answer to what a worker had in hand when it died. Also what they tell meanwhile
        is heard here, so that there may be no answer."""
        ...
    def interrupt(self) -> None:
        """The user asked to end: workers that look at ``Workers.interrupted`` do so."""
        ...


class Workers(Protocol):
    """Processes that share work; ``count`` is how many, unless ``at_work`` is told. They end with this one, and when the ``with``
    block ends: after what they have in hand, or at once when it is left by an exception."""

    count: int

    @property
    def interrupted(self) -> bool:
        """In a worker: whether the crew was interrupted."""
        ...
    def tell(self, message: Any) -> None:
        """In a worker, from whatever thread: say something that can be pickled before the answer."""
        ...
    def at_work(
        self, work: Callable[[int], Any], count: int | None = None, heard: Callable[[Any], None] = ...
    ) -> AbstractContextManager[Crew]:
        """``work`` answers a number, in a worker, with something that can be pickled. What workers ``tell`` is ``heard`` in ``take``."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def zone(self) -> tzinfo:
        """The machine's own, in which people and timers say times of the day."""
        ...

    def sleep(self, seconds: float) -> None: ...
