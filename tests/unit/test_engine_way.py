"""A way to an engine that breaks: what was under way is of unknown outcome, also where it seems to have ended."""

from __future__ import annotations

import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from looma_cli.adapters.engine import ComposeEngine, EngineApi
from looma_cli.adapters.engine.child import Children
from looma_cli.adapters.engine.compose import Compose
from looma_cli.adapters.engine.programs import open_program, run_program
from looma_cli.errors import EngineUnavailable, HostUnreachable, LoomaError
from looma_cli.model.layer import RenderedLayer, Workload
from looma_cli.model.tenant import LayerReference
from tests.unit.test_engine_connection import frame

REFERENCE = LayerReference("acme", "app", 1)
WORKLOAD = Workload("x", "x", "user-service", REFERENCE, "running", "none", "image")
LAYER = RenderedLayer(REFERENCE, "services: {}")
IDLE_SECONDS = 1.0
Run = Callable[["Breaking"], tuple[int, bytes]]


class Breaking:
    """A way over a connection of its own: what it is opened as changes when it ``breaks``."""

    place = "on host far"

    def __init__(self, path: Path) -> None:
        self.engine_url = f"unix://{path}"
        self.opened: object = object()

    def breaks(self) -> None:
        self.opened = object()

    def open(self) -> object:
        return self.opened

    def check(self, opened: object, *, failed: bool = False) -> None:
        if opened is not self.opened:
            raise HostUnreachable("the connection to host far broke", "look")

    def engine_failure(self, error: BaseException) -> LoomaError:
        return EngineUnavailable(f"no container engine answers {self.place}", "start it")


class Engine(BaseHTTPRequestHandler):
    """Knows one program, which says half of something and ends well."""

    timeout = IDLE_SECONDS  # of a connection that is idle
    protocol_version = "HTTP/1.1"
    amid: Callable[[], None]
    connections = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/start"):
            self._answer(b"", "101 UPGRADED" if self.headers.get("Upgrade") else "200 OK", "Connection: close")
            self.wfile.write(frame(1, b"half"))
            type(self).amid()
            self.close_connection = True
        else:
            self._answer(b'{"Id": "program"}')

    def do_GET(self) -> None:
        self._answer(b'{"ExitCode": 0}')

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def _answer(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", *headers] + [f"Content-Length: {len(body)}"] * bool(body)
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *values: object) -> None:
        return None


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Breaking]:
    way = Breaking(tmp_path / "e")
    Engine.amid, Engine.connections = lambda: None, 0
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "e"), Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield way
        server.shutdown()


def run(way: Breaking) -> tuple[int, bytes]:
    api = EngineApi(way, {})
    return run_program(api, WORKLOAD, ["dump"], 10, lambda id: api.get(f"/exec/{id}/json")["ExitCode"])


def stream(way: Breaking) -> tuple[int, bytes]:
    api = EngineApi(way, {})
    with open_program(api, WORKLOAD, ["dump"], "", lambda id: api.get(f"/exec/{id}/json")["ExitCode"]) as program:
        output = b"".join(iter(program.read, b""))
        return program.finish(), output


@pytest.mark.parametrize("how", [run, stream])
def test_output_that_ends_with_the_connection_is_not_taken_for_the_whole(way: Breaking, how: Run) -> None:
    assert how(way) == (0, b"half")
    Engine.amid = way.breaks
    with pytest.raises(HostUnreachable, match="the connection to host far broke"):
        how(way)


def compose(way: Breaking, folder: Path, script: str) -> Compose:
    plugin = folder / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_text(f"#!/bin/sh\n{script}\n")
    plugin.chmod(0o755)
    given = {"DOCKER_CONFIG": str(folder), "DOCKER_CONTEXT": "other", "DOCKER_HOST": "tcp://other", "DOCKER_TLS_VERIFY": "1"}
    return Compose(way, {**given, "PATH": os.environ["PATH"]}, Children(lambda pid: way.breaks() if pid is None else None))


def test_what_compose_says_after_the_connection_broke_is_not_its_failure(way: Breaking, tmp_path: Path) -> None:
    with pytest.raises(HostUnreachable, match="the connection to host far broke"):
        compose(way, tmp_path, "exit 1").run(LAYER, "up")
    assert compose(way, tmp_path, "exit 0").run(LAYER, "up").code == 0


def test_docker_programs_get_the_way_and_no_other_word_of_where_to_go(way: Breaking, tmp_path: Path) -> None:
    said = compose(way, tmp_path, "env | grep ^DOCKER_ | sort").run(LAYER, "up").output
    assert said.splitlines() == [f"DOCKER_CONFIG={tmp_path}", f"DOCKER_HOST={way.engine_url}"]


def test_an_engine_that_is_gone_is_named_by_its_host(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"^no container engine answers on host far$"):
        ComposeEngine(Breaking(tmp_path / "none"), "nobody").workloads()


def test_requests_share_connections_until_the_way_breaks(way: Breaking) -> None:
    api = EngineApi(way, {})
    for _ in range(5):
        assert api.get("/x") == {"ExitCode": 0}
    assert Engine.connections == 1
    way.breaks()
    assert api.get("/x") == {"ExitCode": 0}
    assert Engine.connections == 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: api.get("/x"), range(200))) == [{"ExitCode": 0}] * 200
    assert Engine.connections <= 5


def test_a_connection_that_the_engine_has_closed_is_not_used_again(way: Breaking) -> None:
    api = EngineApi(way, {})
    api.get("/x")
    assert api.exchange("POST", "/exec/program/start").body == frame(1, b"half")
    assert api.get("/x") == {"ExitCode": 0}
    time.sleep(2 * IDLE_SECONDS)
    assert api.get("/x") == {"ExitCode": 0}
    assert Engine.connections == 3


def test_on_this_machine_each_request_has_its_own(way: Breaking) -> None:
    api = EngineApi(way.engine_url, {})
    for _ in range(3):
        api.get("/x")
    assert Engine.connections == 3
