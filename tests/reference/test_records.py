"""Records across several stores: the order of writing, what a failure leaves behind, when stores disagree."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from reference_service.errors import NoStores, NotFound, StoresDisagree, StoresUnavailable
from reference_service.records import Records
from reference_service.validation import Record

from .memory import MemoryStore

Result = TypeVar("Result")
RECORD = Record("k", "v")
ALWAYS = 1_000_000


class World:
    """Three stores that share one journal."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.stores = [MemoryStore(name, self.journal) for name in ("first", "second", "third")]
        self.first, self.second, self.third = self.stores

    def run(self, deed: Callable[[Records], Awaitable[Result]], retries: int = 3, patience: float = 5) -> Result:
        async def prepared() -> Result:
            records = Records(self.stores, retries=retries, patience=patience, check_seconds=0.1, close_seconds=0.1)
            await records.prepare()
            self.journal.clear()
            return await deed(records)

        return asyncio.run(prepared())

    def put(self, *values: str | None) -> None:
        for store, value in zip(self.stores, values, strict=True):
            store.records = {"k": value} if value is not None else {}


@pytest.fixture
def world() -> World:
    return World()


def test_a_write_passes_the_stores_in_order_and_is_committed_backwards(world: World) -> None:
    assert world.run(lambda records: records.write(RECORD)) == ["first", "second", "third"]
    assert world.journal == [
        "first write",
        "second write",
        "third write",
        "third commit",
        "second commit",
        "first commit",
    ]
    assert [store.records for store in world.stores] == [{"k": "v"}] * 3


def test_a_store_that_refuses_leaves_all_as_they_were(world: World) -> None:
    world.put("old", "old", "old")
    world.third.failures["write"] = ALWAYS
    with pytest.raises(StoresUnavailable, match="third: write refused") as failed:
        world.run(lambda records: records.write(RECORD))
    assert failed.value.body()["error"]["stores"] == ["third"]
    assert [store.records for store in world.stores] == [{"k": "old"}] * 3


def test_a_store_that_is_away_for_a_moment_is_waited_for(world: World) -> None:
    world.second.failures["write"] = 3
    world.run(lambda records: records.write(RECORD))
    assert [store.records for store in world.stores] == [{"k": "v"}] * 3


def test_no_more_attempts_are_made_than_allowed(world: World) -> None:
    world.first.failures["write"] = ALWAYS
    with pytest.raises(StoresUnavailable):
        world.run(lambda records: records.write(RECORD), retries=2)
    assert world.journal == ["first write"] * 3


def test_no_attempt_is_made_after_patience_has_ended(world: World) -> None:
    world.first.failures["write"] = ALWAYS
    with pytest.raises(StoresUnavailable):
        world.run(lambda records: records.write(RECORD), retries=1000, patience=0.2)
    assert 1 < len(world.journal) <= 3


def test_a_write_broken_between_two_commits_is_repaired_by_sending_it_again(world: World) -> None:
    world.put("old", "old", "old")

    async def broken_then_sent_again(records: Records) -> dict[str, str]:
        world.first.failures["commit"] = 1
        with pytest.raises(StoresUnavailable):
            await records.write(RECORD)
        with pytest.raises(StoresDisagree):
            await records.read("k")
        await records.write(RECORD)
        return await records.read("k")

    assert world.run(broken_then_sent_again, retries=0) == {"first": "v", "second": "v", "third": "v"}


def test_without_a_store_nothing_can_be_kept() -> None:
    with pytest.raises(NoStores):
        asyncio.run(Records([], retries=0, patience=1).write(RECORD))


def test_writers_of_one_key_take_turns(world: World) -> None:
    async def many(records: Records) -> dict[str, str]:
        await asyncio.gather(*(records.write(Record("k", str(number))) for number in range(50)))
        return await records.read("k")

    assert len(set(world.run(many).values())) == 1


def test_a_record_that_all_have_is_read_with_one_look(world: World) -> None:
    world.put("v", "v", "v")
    assert world.run(lambda records: records.read("k")) == {"first": "v", "second": "v", "third": "v"}
    assert sorted(world.journal) == ["first read", "second read", "third read"]


def test_a_record_that_none_has_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.run(lambda records: records.read("k"))


@pytest.mark.parametrize("values", [("v", "v", "w"), ("v", None, "v"), (None, "v", None), (None, None, "")])
def test_stores_that_differ_are_reported_with_what_each_has(world: World, values: tuple[str | None, ...]) -> None:
    world.put(*values)
    with pytest.raises(StoresDisagree) as found:
        world.run(lambda records: records.read("k"))
    assert found.value.body()["stores"] == dict(zip(("first", "second", "third"), values, strict=True))


def test_a_write_on_its_way_is_not_taken_for_a_lost_one(world: World) -> None:
    async def read_in_the_middle(records: Records) -> dict[str, str]:
        async with world.first.writing("k", "v"):
            reading = asyncio.create_task(records.read("k"))
            world.second.records["k"] = world.third.records["k"] = "v"
            await asyncio.sleep(0.05)
            assert not reading.done()
        return await reading

    assert world.run(read_in_the_middle) == {"first": "v", "second": "v", "third": "v"}
    assert "first hold" in world.journal


def test_a_read_names_every_store_that_is_down(world: World) -> None:
    world.first.failures["read"] = world.third.failures["read"] = ALWAYS
    with pytest.raises(StoresUnavailable) as failed:
        world.run(lambda records: records.read("k"))
    assert failed.value.body()["error"]["stores"] == ["first", "third"]


def test_counts_are_given_per_store(world: World) -> None:
    world.put("v", None, "v")
    assert world.run(lambda records: records.count()) == {"first": 1, "second": 0, "third": 1}


def test_health_says_what_is_wrong_with_each_store(world: World) -> None:
    world.second.failures["check"] = ALWAYS
    assert world.run(lambda records: records.check()) == {"first": None, "second": "check refused", "third": None}


def test_a_store_that_does_not_answer_is_not_waited_for(world: World) -> None:
    world.third.delay = 60
    assert world.run(lambda records: records.check())["third"] == "no answer in 0.1 s"


def test_until_the_tables_are_there_everything_is_refused(world: World) -> None:
    async def before_and_after() -> None:
        world.second.failures["migrate"] = ALWAYS
        records = Records(world.stores, retries=0, patience=1)
        preparing = asyncio.create_task(records.prepare())
        await asyncio.sleep(0.01)
        assert await records.check() == {"first": None, "second": "migrate refused", "third": None}
        for refused in (records.write(RECORD), records.read("k"), records.count()):
            with pytest.raises(StoresUnavailable, match=r"^second: migrate refused$"):
                await refused
        world.second.failures["migrate"] = 0
        await preparing
        await records.write(RECORD)

    asyncio.run(before_and_after())
    assert [store.records for store in world.stores] == [{"k": "v"}] * 3


def test_a_store_that_cannot_be_closed_does_not_keep_the_others_open(world: World) -> None:
    world.first.failures["close"] = 1
    world.second.delay = 60
    world.run(lambda records: records.close())
    assert world.journal == ["first close", "second close", "third close"]
