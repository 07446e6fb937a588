"""The contract of a store, kept by the one in memory that other tests use and by each real one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from reference_service.errors import StoreUnavailable
from reference_service.settings import Settings
from reference_service.stores import Store, open_stores

from .datastores import Datastores
from .memory import MemoryStore
from .service import free_port

Scenario = Callable[[Store], Awaitable[None]]
REAL = ("mysql", "postgresql", "redis")
VARIABLES = {"mysql": "MYSQL_URL", "postgresql": "POSTGRES_URL", "redis": "REDIS_URL"}
URLS = {"mysql": "mysql://u@{}/d", "postgresql": "postgresql://u@{}/d", "redis": "redis://{}"}
TEXTS = ["", " ", "a ", "A", "a", "á", "a\u0301", "名字", "🎉👩‍👩‍👧", "'\"\\%s\n\r\t`;--", "\ufeff\u200b\uffff", "x" * 65536]


@asynccontextmanager
async def opened(name: str, environment: dict[str, str]) -> AsyncIterator[Store]:
    if name == "memory":
        yield MemoryStore("memory")
        return
    settings = Settings.from_environment(environment)
    wanted = [address for address in settings.addresses if address.store == name]
    (store,) = await open_stores(wanted, settings.pool)
    try:
        yield store
    finally:
        await store.close()


def run(name: str, environment: dict[str, str], scenario: Scenario) -> None:
    async def migrated() -> None:
        async with opened(name, environment) as store:
            await store.migrate()
            await scenario(store)

    asyncio.run(migrated())


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in REAL)])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def given(name: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a store that is empty."""
    if name == "memory":
        return {}
    request.getfixturevalue("datastores").drop(name)
    return request.getfixturevalue("environment")


async def put(store: Store, key: str, value: str) -> None:
    async with store.writing(key, value):
        pass


def test_what_is_written_is_read_exactly(name: str, given: dict[str, str]) -> None:
    async def scenario(store: Store) -> None:
        for number, text in enumerate(TEXTS):
            await put(store, f"{number}", text)
        assert [await store.read(f"{number}") for number in range(len(TEXTS))] == TEXTS
        assert await store.count() == len(TEXTS)

    run(name, given, scenario)


def test_keys_that_look_alike_are_different(name: str, given: dict[str, str]) -> None:
    keys = [text for text in TEXTS if 0 < len(text) <= 200] + ["🎉" * 200]

    async def scenario(store: Store) -> None:
        for key in keys:
            await put(store, key, f"value of {key}")
        assert [await store.read(key) for key in keys] == [f"value of {key}" for key in keys]
        assert await store.count() == len(keys)

    run(name, given, scenario)


def test_a_later_value_replaces_an_earlier_one(name: str, given: dict[str, str]) -> None:
    async def scenario(store: Store) -> None:
        for value in ("one", "two", "two"):
            await put(store, "k", value)
        assert (await store.read("k"), await store.count()) == ("two", 1)

    run(name, given, scenario)


def test_a_key_that_was_never_written_has_no_value(name: str, given: dict[str, str]) -> None:
    async def scenario(store: Store) -> None:
        assert await store.read("k") is None
        async with store.holding("k") as value:
            assert value is None
        assert await store.count() == 0

    run(name, given, scenario)


def test_migrating_again_keeps_the_records(name: str, given: dict[str, str]) -> None:
    async def scenario(store: Store) -> None:
        await put(store, "k", "v")
        await store.migrate()
        await store.check()
        assert await store.read("k") == "v"

    run(name, given, scenario)


def test_more_work_than_connections_waits_its_turn(name: str, given: dict[str, str]) -> None:
    async def scenario(store: Store) -> None:
        await asyncio.gather(*(put(store, f"{number}", "v") for number in range(40)))
        assert await store.count() == 40

    run(name, given | {"DB_SERVICE_CONNECTIONS": "2"}, scenario)


class TestTransactions:
    """What Redis, which has none, does not promise."""

    @pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in REAL[:2])])
    def name(self, request: pytest.FixtureRequest) -> str:
        return request.param

    def test_a_value_is_seen_only_when_its_writing_has_ended(self, name: str, given: dict[str, str]) -> None:
        async def scenario(store: Store) -> None:
            await put(store, "k", "old")
            async with store.writing("k", "new"):
                assert await store.read("k") == "old"
            assert await store.read("k") == "new"

        run(name, given, scenario)

    def test_a_writing_that_breaks_is_forgotten_and_its_place_is_free(self, name: str, given: dict[str, str]) -> None:
        async def scenario(store: Store) -> None:
            await put(store, "k", "old")
            breaking = asyncio.create_task(break_in_the_middle(store))
            waiting = asyncio.create_task(store.read("k"))
            assert await asyncio.wait_for(waiting, 5) == "old"
            with pytest.raises(ZeroDivisionError):
                await breaking
            await put(store, "k", "new")
            assert await store.read("k") == "new"

        run(name, given | {"DB_SERVICE_CONNECTIONS": "1"}, scenario)

    def test_a_cancelled_writing_is_forgotten(self, name: str, given: dict[str, str]) -> None:
        async def scenario(store: Store) -> None:
            await put(store, "k", "old")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), store.writing("k", "new"):
                    await asyncio.sleep(60)
            await asyncio.wait_for(put(store, "k", "newer"), 5)
            assert await store.read("k") == "newer"

        run(name, given, scenario)

    @pytest.mark.parametrize("before", [None, "old"])
    def test_a_second_writer_waits_for_the_first(self, name: str, given: dict[str, str], before: str | None) -> None:
        async def scenario(store: Store) -> None:
            if before is not None:
                await put(store, "k", before)
            async with store.writing("k", "first"):
                second = asyncio.create_task(put(store, "k", "second"))
                await asyncio.sleep(0.1)
                assert not second.done()
            await second
            assert await store.read("k") == "second"

        run(name, given, scenario)

    @pytest.mark.parametrize("before", [None, "old"])
    def test_holding_waits_for_a_writer(self, name: str, given: dict[str, str], before: str | None) -> None:
        async def scenario(store: Store) -> None:
            if before is not None:
                await put(store, "k", before)
            async with store.writing("k", "new"):
                held = asyncio.create_task(hold(store))
                await asyncio.sleep(0.1)
                assert not held.done()
            assert await held == "new"

        run(name, given, scenario)

    def test_holding_keeps_writers_out(self, name: str, given: dict[str, str]) -> None:
        async def scenario(store: Store) -> None:
            await put(store, "k", "old")
            async with store.holding("k") as value:
                writer = asyncio.create_task(put(store, "k", "new"))
                await asyncio.sleep(0.1)
                assert (value, await store.read("k")) == ("old", "old")
            await writer
            assert await store.read("k") == "new"

        run(name, given, scenario)


async def break_in_the_middle(store: Store) -> None:
    async with store.writing("k", "new"):
        await asyncio.sleep(0.1)
        raise ZeroDivisionError


async def hold(store: Store) -> str | None:
    async with store.holding("k") as value:
        return value


@pytest.mark.parametrize("name", REAL)
def test_a_store_that_is_not_there_is_unavailable_at_once(name: str) -> None:
    environment = {VARIABLES[name]: URLS[name].format(f"127.0.0.1:{free_port()}")}

    async def scenario() -> None:
        async with opened(name, environment) as store, asyncio.timeout(2):
            for deed in (store.migrate(), store.check(), store.read("k"), store.count(), put(store, "k", "v")):
                with pytest.raises(StoreUnavailable, match=f"^{name}: "):
                    await deed

    asyncio.run(scenario())


@pytest.mark.parametrize("name", REAL)
def test_a_store_that_does_not_answer_is_unavailable_in_time(name: str) -> None:

    async def scenario() -> None:
        silent = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        environment = {VARIABLES[name]: URLS[name].format(f"127.0.0.1:{port}"), "DB_CONNECTION_TIMEOUT": "0.2"}
        async with silent, opened(name, environment) as store, asyncio.timeout(2):
            with pytest.raises(StoreUnavailable, match=f"^{name}: "):
                await store.read("k")

    asyncio.run(scenario())


@pytest.mark.engine
@pytest.mark.parametrize("name", REAL)
def test_a_wrong_password_is_said_without_showing_it(name: str, environment: dict[str, str], datastores: Datastores) -> None:
    wrong = {key: value for key, value in environment.items() if not key.endswith("_PASSWORD_FILE")}

    async def scenario() -> None:
        async with opened(name, wrong) as store:
            with pytest.raises(StoreUnavailable, match=r"(?i)denied|password|auth") as refused:
                await store.check()
        assert datastores.password not in str(refused.value)

    asyncio.run(scenario())
