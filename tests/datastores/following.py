"""What every two ``Datastore`` of which one follows the other promise, fakes and drivers of real servers alike.

One pair keeps all promises, one after the other and in any order: each begins with whatever the one before left behind.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from looma_cli.errors import LoomaError
from looma_cli.model.backup import Fingerprint
from looma_cli.model.protocols import Datastore

SECONDS = 30
_number = itertools.count(1)


@dataclass(frozen=True)
class Pair:
    """``leader`` and ``follower`` open theirs as another process would; the follower reaches the leader's container as ``address``.

    ``write`` adds a row of this name to the leader, ``write_here`` to the follower as an ordinary client's account, in a session of its
    own; both raise AssertionError or a LoomaError where the server refuses, and wait where it lets them wait. ``rise`` is what a layer's
    restart policy does for a follower whose server ended.
    """

    leader: Callable[[], Datastore]
    follower: Callable[[], Datastore]
    address: str
    write: Callable[[str], object]
    write_here: Callable[[str], object]
    rise: Callable[[], object] = lambda: None


def follow(pair: Pair, progress: Callable[[str], object] = lambda text: None) -> None:
    def say(text: str) -> None:
        progress(text)

    pair.follower().follow(pair.leader(), pair.address, say)


def wait_until_reached(pair: Pair, position: Mapping[str, str]) -> None:
    deadline = time.monotonic() + SECONDS
    store = pair.follower()
    while not store.reached(position):
        assert time.monotonic() < deadline, f"{position} was never reached"
        time.sleep(0.02)


def catch_up(pair: Pair) -> None:
    wait_until_reached(pair, pair.leader().position())


def compared(pair: Pair) -> list[str]:
    """Differences at one moment of the leader, as a switch takes them: writers are held on both sides while it comes over."""
    with pair.leader().moment(hold=True) as wanted:
        wait_until_reached(pair, wanted.position)
        with pair.follower().moment() as found:
            wanted.release()
            found.release()
            return differences(wanted.fingerprint(), found.fingerprint())


def differences(wanted: Fingerprint, found: Fingerprint) -> list[str]:
    return wanted.differences(found, datetime.now(UTC))


def present(pair: Pair) -> list[str]:
    """Differences of the two as they are now; nobody writes."""
    wanted = pair.leader().fingerprint()
    return differences(wanted, pair.follower().fingerprint(wanted))


def new_row(pair: Pair) -> None:
    pair.write(f"row {next(_number)}")


def takes_writes(pair: Pair) -> bool:
    """Of the follower, from its clients."""
    try:
        pair.write_here(f"here {next(_number)}")
    except (AssertionError, LoomaError):
        return False
    return True


def everything_comes_over(pair: Pair) -> None:
    """What was there before, what is written while it is copied (nothing is held back for long), and what is written afterwards."""
    assert pair.follower().follows
    assert pair.leader().follows
    assert pair.follower().obstacle(pair.leader()) == ""
    new_row(pair)
    follow(pair, lambda text: new_row(pair))
    new_row(pair)
    assert compared(pair) == []
    pair.follower().promote()
    assert present(pair) == []


def nothing_is_reached_that_was_not_applied(pair: Pair) -> None:
    follow(pair)
    for _ in range(5):
        new_row(pair)
        catch_up(pair)
        assert present(pair) == []
        new_row(pair)
        assert compared(pair) == []


def what_was_reached_stays_reached(pair: Pair) -> None:
    """Also when the leader has gone on meanwhile."""
    follow(pair)
    new_row(pair)
    early = pair.leader().position()
    new_row(pair)
    catch_up(pair)
    assert pair.follower().reached(early)


def clients_are_refused_until_promote(pair: Pair) -> None:
    follow(pair)
    assert not takes_writes(pair)
    catch_up(pair)
    assert not takes_writes(pair)
    assert present(pair) == []
    pair.follower().promote()
    assert present(pair) == []
    assert takes_writes(pair)
    assert present(pair) != []


def follow_replaces_what_was_there_and_may_run_again(pair: Pair) -> None:
    """After having followed, while it follows, and after clients have written here."""
    follow(pair)
    new_row(pair)
    follow(pair)
    assert compared(pair) == []
    pair.follower().promote()
    assert takes_writes(pair)
    new_row(pair)
    follow(pair)
    new_row(pair)
    assert compared(pair) == []


def an_abandoned_follow_may_run_again(pair: Pair) -> None:
    """Cut short at its first word of progress, and at its last."""
    words: list[str] = []
    follow(pair, words.append)
    assert words
    for end in dict.fromkeys((1, len(words))):
        new_row(pair)
        with pytest.raises(ZeroDivisionError):
            follow(pair, _ends_at(end))
        pair.rise()
        pair.leader().abandon()
        pair.follower().abandon()
        new_row(pair)
        follow(pair)
        new_row(pair)
        assert compared(pair) == []


def _ends_at(word: int) -> Callable[[str], object]:
    calls = itertools.count(1)
    return lambda text: 1 / (word - next(calls))


def after_promote_nothing_more_comes_over(pair: Pair) -> None:
    follow(pair)
    new_row(pair)
    catch_up(pair)
    kept = pair.follower().fingerprint()
    pair.follower().promote()
    pair.follower().promote()
    new_row(pair)
    time.sleep(0.3)
    assert differences(kept, pair.follower().fingerprint(kept)) == []
    assert takes_writes(pair)


def one_that_never_followed_may_be_promoted(pair: Pair) -> None:
    before = pair.leader().fingerprint()
    pair.leader().promote()
    assert differences(before, pair.leader().fingerprint(before)) == []
    new_row(pair)
    assert differences(before, pair.leader().fingerprint(before)) != []


def a_dismissed_leader_is_as_it_was(pair: Pair) -> None:
    """Nothing that its followers needed is left, its writers go on, and a follower that is left stays where it is."""
    pair.leader().dismiss()
    pair.leader().dismiss()
    before = pair.leader().fingerprint()
    follow(pair)
    catch_up(pair)
    pair.leader().dismiss()
    pair.leader().dismiss()
    assert differences(before, pair.leader().fingerprint(before)) == []
    pair.follower().promote()
    assert present(pair) == []
    new_row(pair)
    assert present(pair) != []
    follow(pair)
    assert compared(pair) == []


def dismissed_in_the_middle_it_serves_on(pair: Pair) -> None:
    """As a switch is undone: what the follower was doing does not matter to the leader."""
    pair.leader().dismiss()
    before = pair.leader().fingerprint()
    with pytest.raises(ZeroDivisionError):
        follow(pair, _ends_at(1))
    pair.follower().abandon()
    pair.leader().abandon()
    pair.leader().dismiss()
    assert differences(before, pair.leader().fingerprint(before)) == []
    new_row(pair)
    pair.rise()
    follow(pair)
    assert compared(pair) == []


def a_held_moment_lets_writers_wait(pair: Pair) -> None:
    """And none fails."""
    failed: list[BaseException] = []

    def write() -> None:
        try:
            new_row(pair)
        except (AssertionError, LoomaError) as error:
            failed.append(error)

    writers = [threading.Thread(target=write, daemon=True) for _ in range(3)]
    with pair.leader().moment(hold=True) as moment:
        for writer in writers:
            writer.start()
        time.sleep(0.5)
        assert [writer.is_alive() for writer in writers] == [True, True, True]
        moment.release()
        before = moment.fingerprint()
        for writer in writers:
            writer.join(SECONDS)
    assert [writer.is_alive() for writer in writers] == [False, False, False]
    assert failed == []
    assert differences(before, pair.leader().fingerprint(before)) != []


PROMISES = (
    everything_comes_over,
    nothing_is_reached_that_was_not_applied,
    what_was_reached_stays_reached,
    clients_are_refused_until_promote,
    follow_replaces_what_was_there_and_may_run_again,
    an_abandoned_follow_may_run_again,
    after_promote_nothing_more_comes_over,
    one_that_never_followed_may_be_promoted,
    a_dismissed_leader_is_as_it_was,
    dismissed_in_the_middle_it_serves_on,
    a_held_moment_lets_writers_wait,
)
