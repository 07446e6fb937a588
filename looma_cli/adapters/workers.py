"""Processes that share the work of one command: forked, so that they have all that was read and compiled so far; never outliving it."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

IN_HAND = 2  # what a worker does, and what it does next: nobody waits for the other side
LONGEST_TURN_SECONDS = 2.0
PR_SET_PDEATHSIG = 1
HEEDED_BY_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ForkedWorkers:
    """Implements ``Workers``. ``before`` closes what must not be open on both sides of a fork; ``after`` is a worker's last deed."""

    def __init__(self, before: Callable[[], None], count: int | None = None, after: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._after = after
        self.count = count or len(os.sched_getaffinity(0))
        self._crew: Crew | None = None

    @property
    def interrupted(self) -> bool:
        """See ``Workers``."""
        return self._crew is not None and self._crew.interrupted

    def tell(self, message: Any) -> None:
        """See ``Workers``."""
        if self._crew is not None:
            self._crew.tell(message)

    @contextmanager
    def at_work(
        self, work: Callable[[int], Any], count: int | None = None, heard: Callable[[Any], None] = lambda message: None
    ) -> Iterator[Crew]:
        """See ``Workers``. Leaving by an exception kills them, as a second Ctrl-C should."""
        self._before()
        crew = self._crew = Crew(heard)
        try:
            for _ in range(count or self.count):
                crew.hire(work, self._after)
            yield crew
        except GeneratorExit:  # nobody listens any more, which is no reason to leave anything half done
            raise
        except BaseException:
            crew.kill()
            raise
        finally:
            crew.dismiss()


class Crew:
    """Implements ``model.protocols.Crew``. A worker has it too, forked, with the parent's end of its own pipe as ``_parent``."""

    def __init__(self, heard: Callable[[Any], None] = lambda message: None) -> None:
        self._heard = heard
        self._interrupted = mmap.mmap(-1, 1)  # one byte, seen by all that are forked from here
        self._parent: Connection | None = None
        self._telling = Lock()
        self._workers: dict[Connection, int] = {}  # the parent's end of each worker's pipe -> its pid
        self._hands: dict[Connection, list[int]] = {}
        self._pids: list[int] = []

    def hire(self, work: Callable[[int], Any], after: Callable[[], None] = lambda: None) -> None:
        from multiprocessing.connection import Pipe

        ours, theirs = Pipe()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            for connection in (ours, *self._workers):
                connection.close()
            self._parent = theirs
            _serve(theirs, work, parent, after)
        theirs.close()
        self._workers[ours], self._hands[ours] = pid, []
        self._pids.append(pid)

    @property
    def free(self) -> bool:
        return any(len(hand) < IN_HAND for hand in self._hands.values())

    @property
    def alive(self) -> bool:
        return bool(self._workers)

    def give(self, number: int) -> None:
        worker = min(self._hands, key=lambda connection: len(self._hands[connection]))
        self._hands[worker].append(number)
        with suppress(OSError):  # it has died: `take` tells
            worker.send(number)

    def interrupt(self) -> None:
        self._interrupted[0] = 1

    @property
    def interrupted(self) -> bool:
        return bool(self._interrupted[0])

    def tell(self, message: Any) -> None:
        if self._parent is not None:
            with self._telling, suppress(OSError):
                self._parent.send((None, message))

    def take(self, seconds: float | None = None) -> list[tuple[int, Any]]:
        from multiprocessing.connection import wait

        taken: list[tuple[int, Any]] = []
        ready = wait(list(self._workers), seconds)
        for worker in [one for one in self._workers if one in ready]:
            try:
                number, answer = worker.recv()
            except (EOFError, OSError):
                del self._workers[worker]
                taken += [(lost, None) for lost in self._hands.pop(worker)]
                continue
            if number is None:
                self._heard(answer)
                continue
            self._hands[worker].remove(number)
            taken.append((number, answer))
        return taken

    def kill(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)  # not yet waited for, so the pid is still theirs

    def dismiss(self) -> None:
        """They end when their pipe does, after what they have in hand."""
        while any(self._hands.values()):
            self.take()
        for worker in self._workers:
            worker.close()
        for pid in self._pids:
            os.waitpid(pid, 0)


def _serve(pipe: Connection, work: Callable[[int], Any], parent: int, after: Callable[[], None]) -> None:
    """A worker's life: never returns. The kernel ends it with its parent; Ctrl-C is the parent's to answer."""
    try:
        for number in HEEDED_BY_THE_PARENT:
            signal.signal(number, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        gc.freeze()  # what was there before the fork is no garbage: to look through it again would copy every page of it
        if os.getppid() == parent:  # else it died before the kernel was asked
            _answer(pipe, work)
        after()
    finally:
        os._exit(0)


def _answer(pipe: Connection, work: Callable[[int], Any]) -> None:
    while True:
        try:
            number = pipe.recv()
        except EOFError:
            return
        pipe.send((number, work(number)))


class Turns:
    """Whose turn it is to write, among processes forked from one: a byte in a pipe, which the kernel hands to whoever waits for it.

    SQLite alone asks again and again after pauses of milliseconds, which here are longer than what is waited for. It stays the judge: a
    byte that was lost with a killed process is waited for once, then everyone goes on without.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.write(self._writer, b"!")
        self._lost = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        mine = not self._lost and self._taken()
        try:
            yield
        finally:
            if mine:
                os.write(self._writer, b"!")

    def _taken(self) -> bool:
        waiting = select.poll()  # which, unlike select, has no largest number; of its own, since no two threads may wait with the same
        waiting.register(self._reader, select.POLLIN)
        deadline = time.monotonic() + LONGEST_TURN_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if waiting.poll(left * 1000):
                with suppress(BlockingIOError):  # another was faster
                    return bool(os.read(self._reader, 1))
        self._lost = True
        return False
