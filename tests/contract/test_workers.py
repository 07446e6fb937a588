"""The contract of Workers, with real processes: they answer, they die with whoever forked them, and one that is lost is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from threading import Thread
from typing import Any

import pytest

from looma_cli.adapters import processes
from looma_cli.adapters.workers import LONGEST_TURN_SECONDS, ForkedWorkers, Turns
from tests.contract.unwell import CHECKOUT

PARENT = """
import os, sys, time
from looma_cli.adapters.workers import ForkedWorkers
def work(number):
    os.write(1, b"%d\\n" % os.getpid())  # at once, or two workers write into each other's line
    time.sleep(60)
with ForkedWorkers(lambda: None, 2).at_work(work) as crew:
    crew.give(0)
    crew.give(1)
    crew.take()
"""


def workers(count: int = 2) -> ForkedWorkers:
    return ForkedWorkers(lambda: None, count)


def all_answers(crew: Any, numbers: range) -> dict[int, Any]:
    waiting, answers = list(numbers), {}
    while len(answers) < len(numbers):
        while waiting and crew.free:
            crew.give(waiting.pop(0))
        answers.update(crew.take())
    return answers


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 20
    while any((process := processes.look_up(pid)) and process.running for pid in pids):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.02)


def test_every_number_is_answered_once_by_another_process() -> None:
    with workers(3).at_work(lambda number: (number * number, os.getpid())) as crew:
        answers = all_answers(crew, range(40))
    assert {number: answer[0] for number, answer in answers.items()} == {number: number * number for number in range(40)}
    assert os.getpid() not in {answer[1] for answer in answers.values()}


def test_fewer_or_more_than_usual_when_told() -> None:
    with workers(4).at_work(lambda number: os.getpid(), 1) as crew:
        assert len(set(all_answers(crew, range(6)).values())) == 1


def test_what_is_not_for_both_sides_is_closed_before_the_fork() -> None:
    closed: list[int] = []
    with ForkedWorkers(lambda: closed.append(1), 1).at_work(lambda number: list(closed)) as crew:
        assert all_answers(crew, range(1)) == {0: [1]}


def test_they_are_gone_after_the_block() -> None:
    with workers().at_work(lambda number: os.getpid()) as crew:
        pids = set(all_answers(crew, range(8)).values())
    assert [processes.look_up(pid) for pid in pids] == [None] * len(pids)


def test_what_they_have_in_hand_is_finished_at_the_end(tmp_path: Any) -> None:
    def work(number: int) -> None:
        time.sleep(0.1)
        (tmp_path / str(number)).touch()

    with workers().at_work(work) as crew:
        for number in range(4):
            crew.give(number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_ends_them_at_once(error: type[BaseException]) -> None:
    def fail() -> None:
        with workers().at_work(lambda number: time.sleep(60)) as crew:
            crew.give(0)
            raise error

    began = time.monotonic()
    with pytest.raises(error):
        fail()
    assert time.monotonic() - began < 30


def test_a_killed_worker_answers_none_and_the_other_goes_on() -> None:
    def work(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with workers().at_work(work) as crew:
        answers = all_answers(crew, range(20))
        assert crew.alive
    lost = [number for number, answer in answers.items() if answer is None]
    assert 3 in lost
    assert len(lost) <= 2
    assert {answer for answer in answers.values() if answer is not None} == set(range(20)) - set(lost)


def test_none_is_alive_when_all_were_killed() -> None:
    with workers().at_work(lambda number: os.kill(os.getpid(), signal.SIGKILL)) as crew:
        crew.give(0)
        crew.give(1)
        answers: list[tuple[int, Any]] = []
        while len(answers) < 2:
            answers += crew.take()
        assert sorted(answers) == [(0, None), (1, None)]
        assert not crew.alive
        assert not crew.free


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_of_the_terminal_are_for_the_parent(number: signal.Signals) -> None:
    def work(_: int) -> str:
        os.kill(os.getpid(), number)
        return "finished"

    with workers().at_work(work) as crew:
        assert all_answers(crew, range(4)) == dict.fromkeys(range(4), "finished")


def test_a_killed_parent_leaves_no_worker() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
        wait_until_gone(*pids)


def test_what_they_tell_is_heard_before_the_answer_from_whatever_thread() -> None:
    pool = workers(2)
    heard: list[Any] = []

    def work(number: int) -> int:
        threads = [Thread(target=pool.tell, args=((number, part, "x" * 5000),)) for part in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return number

    with pool.at_work(work, heard=heard.append) as crew:
        assert all_answers(crew, range(4)) == {number: number for number in range(4)}
    assert sorted((number, part) for number, part, _ in heard) == [(number, part) for number in range(4) for part in range(20)]


def test_workers_see_that_they_are_interrupted_and_the_next_ones_are_not() -> None:
    pool = workers(2)

    def work(number: int) -> bool:
        deadline = time.monotonic() + (20 if number < 2 else 0)
        while not pool.interrupted and time.monotonic() < deadline:
            time.sleep(0.01)
        return pool.interrupted

    with pool.at_work(work) as crew:
        crew.give(0)
        crew.give(1)
        assert crew.take(0.05) == []
        crew.interrupt()
        answers: list[tuple[int, Any]] = []
        while len(answers) < 2:
            answers += crew.take()
        assert sorted(answers) == [(0, True), (1, True)]
    with pool.at_work(work) as crew:
        crew.give(2)
        assert crew.take() == [(2, False)]


# turns
def test_only_one_has_its_turn_at_a_time(tmp_path: Any) -> None:
    turns, counter = Turns(), tmp_path / "counter"
    counter.write_text("0")

    def work(number: int) -> None:
        with turns.turn():
            seen = int(counter.read_text())
            time.sleep(0.002)
            counter.write_text(str(seen + 1))

    with workers(4).at_work(work) as crew:
        all_answers(crew, range(60))
    assert counter.read_text() == "60"


def test_a_turn_ends_with_an_exception_too() -> None:
    turns = Turns()
    with pytest.raises(RuntimeError), turns.turn():
        raise RuntimeError
    began = time.monotonic()
    with turns.turn():
        assert time.monotonic() - began < LONGEST_TURN_SECONDS / 2


def test_a_turn_that_died_with_its_process_is_waited_for_once() -> None:
    turns = Turns()

    def work(number: int) -> float:
        began = time.monotonic()
        with turns.turn():
            if number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return time.monotonic() - began

    with workers(2).at_work(work) as crew:
        crew.give(0)
        assert crew.take() == [(0, None)]
        answers = all_answers(crew, range(1, 3))
    assert answers[1] >= LONGEST_TURN_SECONDS
    assert answers[2] < LONGEST_TURN_SECONDS / 2


def test_threads_of_one_process_wait_for_their_turns_at_the_same_time() -> None:
    """A lease's heartbeat writes beside whatever its process does."""
    turns, taken = Turns(), []

    def take(number: int) -> None:
        with turns.turn():
            taken.append(number)

    with turns.turn():
        threads = [Thread(target=take, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join(10)
    assert sorted(taken) == [0, 1, 2, 3]
