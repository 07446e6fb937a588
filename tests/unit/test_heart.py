"""One thread renews what a process holds, while it holds something."""

from __future__ import annotations

import os
import threading

import pytest

from looma_cli.adapters.heart import Heart

SECONDS = 20.0


class Counted:
    """Counts its beats; ``broken`` says that the next one fails."""

    def __init__(self, *, broken: bool = False) -> None:
        self.beats = 0
        self.broken = broken
        self.beaten = threading.Event()

    def renew(self) -> None:
        self.beats += 1
        self.beaten.set()
        if self.broken:
            raise SystemExit  # ends a thread without a word

    def wait(self) -> bool:
        self.beaten.clear()
        return self.beaten.wait(SECONDS)


def begun(before: set[threading.Thread]) -> list[threading.Thread]:
    """Other tests' leases may still have a thread each."""
    return [thread for thread in threading.enumerate() if thread not in before and thread.name == "leases"]


def test_everything_that_is_held_is_renewed_by_one_thread() -> None:
    heart, first, second = Heart(0.01), Counted(), Counted()
    before = set(threading.enumerate())
    heart.add(first)
    heart.add(second)
    assert first.wait()
    assert second.wait()
    assert len(begun(before)) == 1
    heart.remove(first)
    assert second.wait()
    beats = first.beats
    assert second.wait()
    assert first.beats == beats
    heart.remove(second)


def test_what_is_held_after_nothing_was_is_renewed_too() -> None:
    heart, first, second = Heart(0.01), Counted(), Counted()
    before = set(threading.enumerate())
    heart.add(first)
    assert first.wait()
    heart.remove(first)
    [thread.join(SECONDS) for thread in begun(before)]
    heart.add(second)
    assert second.wait()
    heart.remove(second)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_beat_that_fails_costs_later_leases_nothing() -> None:
    heart, first, second = Heart(0.01), Counted(broken=True), Counted()
    before = set(threading.enumerate())
    heart.add(first)
    assert first.wait()
    heart.remove(first)
    [thread.join(SECONDS) for thread in begun(before)]
    heart.add(second)
    assert second.wait()
    heart.remove(second)


def test_a_forked_process_has_a_heart_of_its_own() -> None:
    heart, first = Heart(0.01), Counted()
    heart.add(first)
    child = os.fork()
    if not child:
        own, inside = heart.of_this_process(), Counted()
        own.add(inside)
        os._exit(0 if own is not heart and inside.wait() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert heart.of_this_process() is heart
    heart.remove(first)
