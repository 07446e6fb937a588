"""Freezing a tenant's writes: those under way end first, and none reaches what the route has left."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from looma_cli.model.route import Upstream
from tests.contract.edges import LOOPBACK, NginxEdgeRig, ask_on, route

pytestmark = pytest.mark.engine


class _Slow(BaseHTTPRequestHandler):
    """Answers when its server is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        server.entered.release()  # type: ignore[attr-defined]
        server.answer.wait(30)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Tests assert; they do not log."""


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Iterator[NginxEdgeRig]:
    rig = NginxEdgeRig(request.getfixturevalue("engine_required"))
    rig.edge.ensure(rig.specification)
    yield rig
    rig.clean_up()


@pytest.fixture
def slow() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((LOOPBACK, 0), _Slow)
    server.daemon_threads = True
    server.entered, server.answer = threading.Semaphore(0), threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.answer.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@contextmanager
def asked(server: ThreadingHTTPServer, port: int, method: str) -> Iterator[list[int]]:
    """A request under way at the slow service; its status is in the list when it has ended."""
    statuses: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
        connection.request(method, "/", body=b"x" if method == "POST" else None)
        statuses.append(connection.getresponse().status)
        connection.close()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert server.entered.acquire(timeout=10)  # type: ignore[attr-defined]
    yield statuses
    server.answer.set()  # type: ignore[attr-defined]
    thread.join(30)


def test_a_write_under_way_is_waited_for_and_a_read_is_not(rig: NginxEdgeRig, slow: ThreadingHTTPServer) -> None:
    upstream = Upstream("/", "slow", LOOPBACK, slow.server_port)
    here, other = route(rig, upstreams=(upstream,)), route(rig)
    rig.edge.apply(here)
    rig.edge.apply(other)
    with asked(slow, here.public_port, "POST") as statuses:
        for tenant in (here.tenant, other.tenant):
            rig.edge.set_mode(tenant, "frozen")
        assert rig.edge.settle(other.tenant, 1)
        assert not rig.edge.settle(here.tenant, 1)
        threading.Timer(0.5, slow.answer.set).start()  # type: ignore[attr-defined]
        assert rig.edge.settle(here.tenant, 20)
        assert statuses == [200] or _soon(lambda: statuses == [200])
    slow.answer.clear()  # type: ignore[attr-defined]
    with asked(slow, here.public_port, "GET"):
        assert rig.edge.settle(here.tenant, 1)


def test_a_write_under_way_is_counted_across_a_reload(rig: NginxEdgeRig, slow: ThreadingHTTPServer) -> None:
    here = route(rig, upstreams=(Upstream("/", "slow", LOOPBACK, slow.server_port),))
    rig.edge.apply(here)
    with asked(slow, here.public_port, "POST"):
        rig.edge.apply(route(rig))
        rig.edge.set_mode(here.tenant, "frozen")
        assert not rig.edge.settle(here.tenant, 1)
    assert rig.edge.settle(here.tenant, 10)


def test_the_count_is_nobodys_but_this_hosts(rig: NginxEdgeRig) -> None:
    """At a tenant's port the name means nothing; at the edge's own, only its one path answers."""
    here = route(rig)
    rig.edge.apply(here)
    answer = rig.ask(here.public_port, "/in-flight", host="in-flight.looma.internal")
    assert (answer.status, answer.path) == (200, "/in-flight")  # the tenant's own service
    assert rig.ask(rig.specification.http_port, "/", host="in-flight.looma.internal").status == 404


def test_a_route_moved_in_the_freeze_and_opened_later_is_never_written_to_where_it_led(rig: NginxEdgeRig) -> None:
    here = route(rig)
    rig.edge.apply(here)
    kept = [http.client.HTTPConnection(LOOPBACK, here.public_port, timeout=10) for _ in range(8)]
    rig.edge.set_mode(here.tenant, "frozen")
    assert {ask_on(c).status for c in kept} == {200}
    rig.edge.apply(replace(here, upstreams=(rig.upstream("second"),), mode="frozen"))
    rig.edge.set_mode(here.tenant, "serving")
    late = [ask_on(c, method="POST") for c in kept]  # on connections to workers that know the old upstream only
    assert {(a.status, a.service) for a in late} <= {(503, ""), (200, "second")}
    assert rig.ask(here.public_port, method="POST").service == "second"


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()
