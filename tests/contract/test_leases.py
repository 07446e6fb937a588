"""The contract of Leases, with real processes: who holds what, who is dead, and what a dead one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from looma_cli.adapters import processes
from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import DatabaseStore
from looma_cli.adapters.leases import EXPIRY_SECONDS, LinuxLeases
from looma_cli.errors import Held
from looma_cli.model.operation import Lease
from tests.contract.conftest import Database
from tests.contract.unwell import CHECKOUT
from tests.fakes.clock import FakeClock

RESOURCE = "tenant:acme"
HOLDER = """
import subprocess, sys, time
from looma_cli.adapters.clock import SystemClock
from looma_cli.adapters.database.store import DatabaseStore, database_at
from looma_cli.adapters.leases import LinuxLeases
leases = LinuxLeases(DatabaseStore(database_at(sys.argv[1]), SystemClock()), SystemClock(), heartbeat_seconds=0.1)
with leases.hold("tenant:acme", "op-1", "create") as held:
    if len(sys.argv) > 2:
        child = subprocess.Popen(["sh", "-c", sys.argv[2]], start_new_session=True, stdout=subprocess.DEVNULL)
        held.set_child(child.pid)
        print(child.pid, flush=True)
    print("holding", flush=True)
    sys.stdin.readline()
"""


class Holding:
    """Another looma that holds ``tenant:acme`` until it is told to end, or is killed."""

    def __init__(self, url: str, child: str | None = None) -> None:
        arguments = [sys.executable, "-c", HOLDER, url] + ([child] if child else [])
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
        assert self.process.stdout is not None
        self.child = int(self.process.stdout.readline()) if child else 0
        assert self.process.stdout.readline() == "holding\n"

    def kill(self, *, reap: bool = True) -> None:
        self.process.kill()
        if reap:
            self.process.wait()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def clean_up(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        for process in processes.members(self.child) if self.child else ():
            os.kill(process.pid, signal.SIGKILL)


Start = Callable[..., Holding]


@pytest.fixture
def holding(database: Database) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(child: str | None = None) -> Holding:
            holder = Holding(database.url, child)
            stack.callback(holder.clean_up)
            return holder

        yield start


@pytest.fixture
def leases(store: DatabaseStore) -> LinuxLeases:
    return LinuxLeases(store, SystemClock(), heartbeat_seconds=0.1, grace_seconds=1)


def current(store: DatabaseStore, resource: str = RESOURCE) -> Lease | None:
    with store.read() as state:
        return state.lease(resource)


def taken(store: DatabaseStore) -> Lease:
    lease = current(store)
    assert lease is not None
    return lease


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


# holding
def test_a_lease_is_held_for_the_block_and_gone_after_it(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        lease = taken(store)
        assert (lease.holder, lease.operation, lease.why, lease.child) == (leases.me(), "op-1", "create", None)
        assert lease.expires_at - lease.acquired_at >= timedelta(seconds=EXPIRY_SECONDS)
        assert held.lease.acquired_at == lease.acquired_at
        assert leases.alive(lease)
    assert current(store) is None


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_lease_is_gone_after_an_exception_too(leases: LinuxLeases, store: DatabaseStore, error: type[BaseException]) -> None:
    def fail() -> None:
        with leases.hold(RESOURCE, "op-1", "create"):
            raise error

    with pytest.raises(error):
        fail()
    assert current(store) is None


def test_different_resources_do_not_meet(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create"), leases.hold("edge:local", None, "edge"), store.read() as state:
        assert [lease.resource for lease in state.leases()] == ["edge:local", RESOURCE]


def test_whoever_comes_second_hears_who_holds_it_and_what_to_do(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding()
    before = taken(store)
    with pytest.raises(Held) as caught, leases.hold(RESOURCE, "op-2", "stop"):
        pytest.fail("two hold the same")
    error = caught.value
    since = f"{before.acquired_at:%Y-%m-%dT%H:%M:%SZ}"
    assert error.message.startswith("tenant acme is held by ")
    assert error.message.endswith(f", process {other.process.pid}: create (operation op-1), since {since}")
    assert error.hint == "wait for it with --wait 5m; if it was interrupted: looma operation resume op-1"
    assert (error.details["operation"], error.details["pid"], error.details["since"]) == ("op-1", other.process.pid, since)
    assert taken(store).holder.pid == other.process.pid


def test_threads_of_one_process_keep_each_other_out_too(leases: LinuxLeases) -> None:
    with leases.hold("edge:local", None, "edge for acme"):
        with (
            pytest.raises(Held, match=r"edge local is held by .*: edge for acme, since") as caught,
            leases.hold("edge:local", None, "other"),
        ):
            pytest.fail("two hold the same")
        assert caught.value.hint == "wait for it with --wait 5m"


def test_waiting_gets_it_when_the_other_ends(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding()
    threading.Timer(0.5, other.end).start()
    with leases.hold(RESOURCE, "op-2", "stop", wait_seconds=60):
        assert taken(store).operation == "op-2"


def test_waiting_ends_in_time(store: DatabaseStore) -> None:
    clock = FakeClock()
    leases = LinuxLeases(store, clock, heartbeat_seconds=60)
    began = clock.now()
    with leases.hold(RESOURCE, "op-1", "create"), pytest.raises(Held), leases.hold(RESOURCE, "op-2", "stop", wait_seconds=90):
        pytest.fail("two hold the same")
    assert timedelta(seconds=90) <= clock.now() - began < timedelta(seconds=91)


def test_many_threads_take_turns(database: Database) -> None:
    database.store().prepare()
    inside, seen = [0], []

    def work(number: int) -> None:
        leases = LinuxLeases(database.store(), SystemClock())
        with leases.hold("edge:local", None, f"thread {number}", wait_seconds=60):
            inside[0] += 1
            seen.append(inside[0])
            time.sleep(0.02)
            inside[0] -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 6


# heartbeat
def test_a_heartbeat_moves_the_end_on(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        first = taken(store)
        wait_until(lambda: taken(store).expires_at > first.expires_at)
        assert taken(store).acquired_at == first.acquired_at
        assert not held.lost


def test_a_lease_that_was_taken_over_is_neither_renewed_nor_released(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        theirs = replace(held.lease, holder=replace(held.lease.holder, machine="another"), operation="op-2")
        with store.write() as state:
            state.save_lease(theirs)
        wait_until(lambda: held.lost)
        held.set_child(os.getpid())
        assert current(store) == theirs
    assert current(store) == theirs


def test_a_lease_that_was_removed_does_not_come_back(leases: LinuxLeases, store: DatabaseStore) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        with store.write() as state:
            state.remove_lease(RESOURCE)
        wait_until(lambda: held.lost)
        assert current(store) is None


# who is alive
def test_a_killed_holder_is_dead_at_once_and_its_lease_can_be_taken(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding()
    assert leases.alive(taken(store))
    other.kill()
    assert not leases.alive(taken(store))
    with leases.hold(RESOURCE, "op-1", "resume of create") as held:
        assert (held.lease.holder, held.lease.why) == (leases.me(), "resume of create")


def test_a_zombie_is_dead(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding()
    other.kill(reap=False)
    wait_until(lambda: not leases.alive(taken(store)))
    assert Path(f"/proc/{other.process.pid}").exists()


def test_a_stopped_process_is_alive_however_late(database: Database, store: DatabaseStore, holding: Start) -> None:
    other = holding()
    other.process.send_signal(signal.SIGSTOP)
    late = FakeClock(SystemClock().now() + timedelta(days=1))
    assert LinuxLeases(store, late).alive(taken(store))
    other.process.send_signal(signal.SIGCONT)


def test_another_process_with_the_same_pid_is_not_the_holder(leases: LinuxLeases) -> None:
    with leases.hold(RESOURCE, "op-1", "create") as held:
        reused = replace(held.lease, holder=replace(held.lease.holder, process_started=held.lease.holder.process_started - 1))
        assert not leases.alive(reused)


def test_a_holder_of_another_machine_is_believed_until_its_lease_ends(leases: LinuxLeases, store: DatabaseStore) -> None:
    there = replace(leases.me(), machine="another/0123", pid=os.getpid())
    with store.write() as state:
        lease = Lease(RESOURCE, there, "op-1", "create", state.now(), state.now() + timedelta(seconds=30))
        state.save_lease(lease)
    assert leases.alive(lease)
    with pytest.raises(Held), leases.hold(RESOURCE, "op-2", "stop"):
        pytest.fail("two hold the same")
    ended = replace(lease, expires_at=lease.acquired_at)
    with store.write() as state:
        state.save_lease(ended)
    assert not leases.alive(ended)
    with leases.hold(RESOURCE, "op-2", "stop") as held:
        assert held.lease.operation == "op-2"


def test_a_holder_says_who_it_is(leases: LinuxLeases) -> None:
    me = leases.me()
    assert me.pid == os.getpid()
    assert me.process_started == int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert me.machine.startswith(f"{os.uname().nodename}/")
    assert me == leases.me()


# what a dead holder left behind
def gone(pid: int) -> bool:
    process = processes.look_up(pid)
    return (process is None or not process.running) and not processes.members(pid)


def test_taking_over_ends_the_dead_holders_child_and_its_whole_group_first(
    leases: LinuxLeases, store: DatabaseStore, holding: Start
) -> None:
    other = holding("sleep 600 & sleep 600")
    wait_until(lambda: len(processes.members(other.child)) == 3)
    other.kill()
    assert not gone(other.child)
    with leases.hold(RESOURCE, "op-1", "resume"):
        assert gone(other.child)
        assert taken(store).child is None


def test_a_child_that_ignores_sigterm_is_killed(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding("trap '' TERM; while :; do sleep 1; done")
    other.kill()
    began = time.monotonic()
    leases.end_child(taken(store))
    assert gone(other.child)
    assert time.monotonic() - began >= 1  # it was given its grace


def test_a_child_that_ended_is_no_reason_to_wait(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    other = holding("exit 0")
    other.kill()
    wait_until(lambda: gone(other.child))
    leases.end_child(taken(store))
    leases.end_child(replace(taken(store), child=None, child_started=None))


def test_only_the_very_process_is_ended(leases: LinuxLeases, store: DatabaseStore, holding: Start) -> None:
    """Neither a process that got the same pid, nor one of another machine, nor this process's own group."""
    other = holding("exec sleep 600")
    lease = taken(store)
    assert lease.child_started is not None
    leases.end_child(replace(lease, child_started=lease.child_started - 1))
    leases.end_child(replace(lease, holder=replace(lease.holder, machine="another")))
    me = leases.me()
    leases.end_child(replace(lease, child=me.pid, child_started=me.process_started))
    assert not gone(other.child)
    leases.end_child(lease)
    assert gone(other.child)


def test_a_child_is_recorded_and_forgotten(leases: LinuxLeases, store: DatabaseStore) -> None:
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        with leases.hold(RESOURCE, "op-1", "create") as held:
            held.set_child(child.pid)
            assert (taken(store).child, taken(store).child_started) == (child.pid, processes.look_up(child.pid).started)  # type: ignore[union-attr]
            first = taken(store)
            wait_until(lambda: taken(store).expires_at > first.expires_at)
            assert taken(store).child == child.pid  # the heartbeat keeps it
            held.set_child(None)
            assert (taken(store).child, taken(store).child_started) == (None, None)
    finally:
        child.kill()
        child.wait()
