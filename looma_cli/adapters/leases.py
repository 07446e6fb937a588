"""Leases on top of the store: who may change a resource now, and what to do about a holder that died.

A holder of this machine is looked up in /proc, so a dead one is seen at once. One of another machine is believed until ``expires_at``,
which its heartbeat moves on. That moment is set and judged by the state's clock: those of two machines may be far apart.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from looma_cli.adapters import processes
from looma_cli.adapters.heart import Heart
from looma_cli.errors import Held, StateUnusable
from looma_cli.model.operation import Holder, Lease
from looma_cli.model.protocols import Clock, State, Store

EXPIRY_SECONDS = 30.0
HEARTBEATS = 6  # in that time
GRACE_SECONDS = 10.0  # from SIGTERM to SIGKILL
POLL_SECONDS = 0.2


class LinuxLeases:
    """Implements ``Leases``. ``expiry_seconds`` is how long others believe in this process without a heartbeat; ``machine`` is what they
    know this machine by."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        expiry_seconds: float = EXPIRY_SECONDS,
        heartbeat_seconds: float | None = None,
        grace_seconds: float = GRACE_SECONDS,
        machine: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._expiry = timedelta(seconds=expiry_seconds)
        self._heart = Heart(heartbeat_seconds or expiry_seconds / HEARTBEATS)
        self._grace_seconds = grace_seconds
        self._machine = machine or processes.machine()

    def me(self) -> Holder:
        return Holder(processes.user(), self._machine, os.getpid(), processes.started(os.getpid()))

    def alive(self, lease: Lease) -> bool:
        """A zombie is dead; a process that /proc hides is believed until the lease expires."""
        holder = lease.holder
        if holder.machine == self._machine:
            process = processes.look_up(holder.pid)
            if process is not None:
                return process.running and process.started == holder.process_started
            if not processes.exists_unseen(holder.pid):
                return False
        with self._store.read() as state:
            return lease.expires_at > state.now()

    def end_child(self, lease: Lease) -> None:
        """Ends the outside program that a dead holder left behind, with its process group: SIGTERM, then SIGKILL. It is gone afterwards.

        Nothing is done for another machine's, or when the pid is another process's by now. Raises StateUnusable when it stays.
        """
        if lease.child is None or lease.holder.machine != self._machine:
            return
        child = processes.look_up(lease.child)
        if child is None or child.started != lease.child_started or child.group == os.getpgrp():
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            processes.send(child, number)
            if _gone(child, self._grace_seconds):
                return
        raise StateUnusable(f"process {child.pid} of an ended looma does not end", f"end it by hand: kill -9 {child.pid}")

    @contextmanager
    def hold(self, resource: str, operation: str | None, why: str, *, wait_seconds: float = 0) -> Iterator[HeldLease]:
        """Takes the lease (from a dead holder too, ending its child first) for the length of a ``with`` block.

        Raises Held naming holder, operation and since when, after ``wait_seconds``. A process does not hold the same resource twice:
        its threads keep each other out as well.
        """
        held = HeldLease(self._store, self._take(resource, operation, why, wait_seconds), self._expiry)
        heart = self._heart = self._heart.of_this_process()
        heart.add(held)
        try:
            yield held
        finally:
            heart.remove(held)
            held.release()

    def _take(self, resource: str, operation: str | None, why: str, wait_seconds: float) -> Lease:
        deadline = self._clock.now() + timedelta(seconds=wait_seconds)
        dead: Lease | None = None
        while True:
            with self._store.write() as state:
                other = state.lease(resource)
                if other is None or other == dead:
                    return self._save_new(state, resource, operation, why)
            if not self.alive(other):
                self.end_child(other)  # outside the transaction: it may take seconds
                dead = other
            elif self._clock.now() >= deadline:
                raise held_by(other)
            else:
                self._clock.sleep(POLL_SECONDS)

    def _save_new(self, state: State, resource: str, operation: str | None, why: str) -> Lease:
        now = state.now()
        lease = Lease(resource, self.me(), operation, why, now, now + self._expiry)
        state.save_lease(lease)
        return lease


class HeldLease:
    """A lease while it is held. A heart renews it; ``lost`` is True once someone else took it over."""

    def __init__(self, store: Store, lease: Lease, expiry: timedelta) -> None:
        self.lease = lease
        self.lost = False
        self._store = store
        self._expiry = expiry
        self._released = False
        self._committed = False
        self._ended = False
        self._changing = threading.Lock()

    def set_child(self, pid: int | None) -> None:
        """Record the outside program that runs on our behalf, so that whoever takes over ends it first. Start it in a process group
        of its own (``start_new_session=True``): the whole group is ended."""
        child = processes.look_up(pid) if pid is not None else None
        self._change(child=child.pid if child else None, child_started=child.started if child else None)

    def release_in(self, state: State) -> None:
        """Release it together with whatever else the transaction writes; what still has to be done is left to ``release``."""
        if self._is_mine(state.lease(self.lease.resource)):
            state.remove_lease(self.lease.resource)
            self._released = True

    def committed(self) -> None:
        """The transaction of ``release_in``, if there was one, has been committed."""
        self._committed = self._released

    def release(self) -> None:
        """Somebody else's is left alone. Where the state cannot be written, the lease ends with this process."""
        with self._changing:  # a beat that is under way ends first
            self._ended = True
        if self._committed or (self._released and self._is_gone()):
            return
        with self._changing, contextlib.suppress(StateUnusable), self._store.write() as state:
            if self._is_mine(state.lease(self.lease.resource)):
                state.remove_lease(self.lease.resource)

    def _is_gone(self) -> bool:
        """Whether the transaction in which it was released has been committed."""
        with contextlib.suppress(StateUnusable), self._store.read() as state:
            return not self._is_mine(state.lease(self.lease.resource))
        return False

    def renew(self) -> None:
        """Move its end on, unless it has been released."""
        with contextlib.suppress(StateUnusable), self._changing:  # the next beat tries again; the lease holds for several
            if not self._ended:
                self._write()

    def _change(self, **fields: int | None) -> None:
        with self._changing:
            self._write(**fields)

    def _write(self, **fields: int | None) -> None:
        with self._store.write() as state:
            current = state.lease(self.lease.resource)
            if current is None or not self._is_mine(current):
                self.lost = True
                return
            renewed = replace(current, expires_at=state.now() + self._expiry, **fields)  # type: ignore[arg-type]
            state.save_lease(renewed)
            self.lease = renewed

    def _is_mine(self, other: Lease | None) -> bool:
        return other is not None and (other.holder, other.acquired_at) == (self.lease.holder, self.lease.acquired_at)


def held_by(lease: Lease) -> Held:
    """Who holds what, for which operation and since when, and what to do."""
    holder = lease.holder
    what = lease.resource.replace(":", " ", 1)
    doing = f"{lease.why} (operation {lease.operation})" if lease.operation else lease.why
    hint = "wait for it with --wait 5m"
    if lease.operation:
        hint += f"; if it was interrupted: looma operation resume {lease.operation}"
    return Held(
        f"{what} is held by {holder.owner} on {holder.machine.partition('/')[0]}, process {holder.pid}: {doing}, "
        f"since {lease.acquired_at:%Y-%m-%dT%H:%M:%SZ}",
        hint,
        resource=lease.resource,
        operation=lease.operation,
        owner=holder.owner,
        machine=holder.machine,
        pid=holder.pid,
        since=f"{lease.acquired_at:%Y-%m-%dT%H:%M:%SZ}",
    )


def _gone(child: processes.Process, seconds: float) -> bool:
    """Waits for the whole group, since a program that ended may have left others of its group behind."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        leader = processes.look_up(child.pid)
        running = leader is not None and leader.running and leader.started == child.started
        if not running and not (child.group == child.pid and processes.members(child.pid)):
            return True
        time.sleep(0.02)
    return False
