"""The service as a process of this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx

SOURCE = Path(__file__).parents[2] / "templates" / "images" / "reference"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "reference_service", *arguments]


def process_environment(environment: dict[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), **environment}


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=process_environment(environment), capture_output=True, text=True, timeout=60)


class Client:
    """The HTTP interface of one service."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, key: str, value: str) -> httpx.Response:
        return self.http.post("/records", json={"key": key, "value": value})

    def read(self, key: str) -> httpx.Response:
        return self.http.get(f"/records/{quote(key, safe='')}")

    def counts(self) -> dict[str, int]:
        return self.http.get("/records?count").json()["counts"]

    def wait_until_healthy(self) -> None:
        self.wait_until(lambda: self.health_status() == 200)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not self._holds(condition):
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            time.sleep(0.02)

    def health_status(self) -> int:
        return self.get("/health").status_code

    @staticmethod
    def _holds(condition: Callable[[], bool]) -> bool:
        """A service whose port is not open yet fulfils no condition."""
        try:
            return condition()
        except httpx.ConnectError:
            return False


class Service(Client):
    """`reference-service serve`; ended at the end of the `with`, if it has not ended by itself."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        own = {"HOST": "127.0.0.1", "PORT": str(self.port)}
        self.process = subprocess.Popen(command("serve"), env=process_environment(environment | own), stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()
        self.process.kill()
        self.process.communicate()

    def terminate(self) -> None:
        self.process.terminate()

    def ended(self, seconds: float = 15) -> int:
        """The exit code."""
        return self.process.wait(seconds)
