"""Two Redis servers of which one is to follow the other, on a network where they have names."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from looma_cli.adapters.datastores.redis import RedisDatastore
from looma_cli.adapters.datastores.redis.session import Session
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import Workload
from tests.datastores.redis_data import ask, driver, session
from tests.datastores.servers import PASSWORD, running
from tests.engine_objects import TEST_LABEL, owner_mark


def quiet(text: str) -> None:
    return None


class RedisPair:
    def __init__(self, api: EngineApi, leader: Workload, follower: Workload) -> None:
        self.leader = leader
        self.follower = follower
        self._api = api
        self.settings = self.leaders_settings()  # as they are delivered
        self.address = api.get(f"/containers/{leader.id}/json")["Name"].removeprefix("/")

    def follow(self, progress: Callable[[str], object] = quiet) -> RedisDatastore:
        """The follower."""
        store = driver(self.follower)
        store.follow(driver(self.leader), self.address, lambda text: progress(text) and None)
        return store

    def leaders_settings(self) -> dict[bytes, bytes]:
        answer = ask(self.leader, "CONFIG", "GET", "*")
        return dict(zip(answer[::2], answer[1::2], strict=True))

    def catch_up(self) -> None:
        wait_until_reached(driver(self.follower), driver(self.leader).position())

    def restart(self, one: Workload, *, gently: bool) -> None:
        self._api.post(f"/containers/{one.id}/{'stop' if gently else 'kill'}")
        self._api.post(f"/containers/{one.id}/start")
        driver(one)


@contextmanager
def pair_of(api: EngineApi, *, leaders_password: str = PASSWORD) -> Iterator[RedisPair]:
    name = f"pair-{secrets.token_hex(5)}"
    network = api.post("/networks/create", body={"Name": name, "Labels": {TEST_LABEL: owner_mark()}})["Id"]
    with running(api, "redis", password=leaders_password) as leader, running(api, "redis") as follower:
        for one in (leader, follower):
            api.post(f"/networks/{network}/connect", body={"Container": one.id})
            driver(one)
        yield RedisPair(api, leader, follower)
    api.request("DELETE", f"/networks/{network}")


def wait_until_reached(store: RedisDatastore, position: Mapping[str, str]) -> None:
    wait_until(lambda: store.reached(position))


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def fill_with_noise(one: Session, mebibytes: int) -> None:
    """Bytes that do not compress, nearly a MiB each: with what the server adds it takes no more than that."""
    for i in range(mebibytes):
        one.call("SET", f"noise {i}", secrets.token_bytes(1_000_000))


@contextmanager
def writing(workload: Workload) -> Iterator[list[int]]:
    """Numbers written one after the other by a client; those in the list were acknowledged."""
    acknowledged: list[int] = []
    ended = threading.Event()

    def write() -> None:
        with session(workload) as one:
            for number in itertools.takewhile(lambda _: not ended.is_set(), itertools.count()):
                one.call("RPUSH", "numbers", number)
                acknowledged.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: acknowledged)
        yield acknowledged
    finally:
        ended.set()
        writer.join()


def numbers(workload: Workload) -> list[int]:
    return [int(text) for text in ask(workload, "LRANGE", "numbers", 0, -1)]
