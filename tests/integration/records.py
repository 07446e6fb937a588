"""Writers and readers of numbered records at a tenant's URL, who remember every answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import httpx


class Clients:
    """One writer and one reader, until the block is left. ``acknowledged`` are the keys that were answered with 201, each with the time of
    its answer; ``writes`` and ``reads`` count the answers by status (0: none)."""

    def __init__(self, url: str, prefix: str, pause: float = 0.02) -> None:
        self._url, self._prefix, self._pause = url, prefix, pause
        self.acknowledged: dict[str, float] = {}
        self.writes: Counter[int] = Counter()
        self.reads: Counter[int] = Counter()
        self.retry_after: set[str | None] = set()
        self.strange: list[tuple[float, str]] = []  # refusals that are not the edge's: seconds since the beginning, and what was said
        self._running = True
        self._threads = [threading.Thread(target=self._write), threading.Thread(target=self._read)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._running = False
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, writes: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.acknowledged) < writes:
            assert time.monotonic() < deadline, self.writes
            time.sleep(0.02)

    def _write(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            number, began = 0, time.monotonic()
            while self._running:
                number += 1
                key = f"{self._prefix}{number}"
                answer = _status(lambda key=key: client.post("/records", json={"key": key, "value": f"值 {key}"}))
                self.writes[answer.status_code if answer is not None else 0] += 1
                if answer is not None and answer.status_code == 201:
                    self.acknowledged[key] = time.monotonic()
                if answer is not None and answer.status_code == 503:
                    self.retry_after.add(answer.headers.get("retry-after"))
                    if answer.headers.get("retry-after") != "5":
                        self.strange.append((time.monotonic() - began, answer.text))
                time.sleep(self._pause)

    def _read(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while self._running:
                answer = _status(lambda: client.get("/records", params={"count": ""}))
                self.reads[answer.status_code if answer is not None else 0] += 1
                time.sleep(self._pause)


def _status(request: object) -> httpx.Response | None:
    try:
        return request()  # type: ignore[operator]
    except httpx.HTTPError:
        return None


def write(url: str, *keys: str) -> None:
    for key in keys:
        assert httpx.post(f"{url}/records", json={"key": key, "value": f"值 {key}"}, timeout=30).status_code == 201


def present(url: str, key: str) -> bool:
    """Whether every datastore has it alike; fails when they disagree."""
    answer = httpx.get(f"{url}/records/{key}", timeout=30)
    assert answer.status_code in (200, 404), (key, answer.status_code, answer.text)
    return answer.status_code == 200


def missing(url: str, keys: Iterable[str]) -> list[str]:
    """Those that are not there; fails when datastores disagree. On connections that are kept: there may be thousands."""

    def lacks(key: str) -> bool:
        answer = client.get(f"/records/{key}")
        assert answer.status_code in (200, 404), (key, answer.status_code, answer.text)
        return answer.status_code == 404

    keys = list(keys)
    with httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(4) as pool:
        return [key for key, gone in zip(keys, pool.map(lacks, keys), strict=True) if gone]


def counts(url: str) -> dict[str, int]:
    return httpx.get(f"{url}/records", params={"count": ""}, timeout=30).json()["counts"]
