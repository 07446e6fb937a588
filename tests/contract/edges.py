"""Rigs: the same test talks to a FakeEdge and to an NginxEdge, and asks both as a client would."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import yaml

from looma_cli.adapters.edge import NginxEdge
from looma_cli.adapters.engine import EngineApi
from looma_cli.model.layer import LABEL_INSTALLATION
from looma_cli.model.protocols import Edge
from looma_cli.model.route import EdgeSpecification, Route, Upstream
from tests.engine_objects import TEST_LABEL, owner_mark, remove_objects
from tests.fakes.daemon import FakeDaemon
from tests.fakes.edge import EdgeAnswer, FakeEdge

ROOT = Path(__file__).parents[2]
IMAGE = yaml.safe_load((ROOT / "editions/components/edge.yaml").read_text())["image"]["local"]
LOOPBACK = "127.0.0.1"


class EdgeRig(Protocol):
    """One world with one edge in it."""

    edge: Any
    specification: EdgeSpecification

    def another(self) -> Edge:
        """The adapter as another process has it."""
        ...

    def upstream(self, service: str, prefix: str = "/") -> Upstream:
        """A service that really answers."""
        ...

    def free_port(self) -> int: ...
    def listening(self, port: int) -> Any: ...
    def ask(self, port: int, path: str = "/", *, method: str = "GET", host: str = "", accept: str = "*/*") -> EdgeAnswer | None: ...
    def ask_tls(self, server_name: str, path: str = "/") -> EdgeAnswer | None: ...
    def stop(self) -> None: ...
    def clean_up(self) -> None: ...


def new_installation() -> str:
    return uuid.uuid4().hex[:12]


_numbers = itertools.count(1)


def new_tenant() -> str:
    return f"tenant-{next(_numbers)}"


def route(rig: EdgeRig, tenant: str | None = None, **changes: Any) -> Route:
    """A route with an entry service, on a port of its own."""
    name = tenant or new_tenant()
    given = {"public_port": 0, "hostname": None, "upstreams": (), **changes}
    given["public_port"] = given["public_port"] or rig.free_port()
    given["upstreams"] = given["upstreams"] or (rig.upstream(f"{name}-main"),)
    return Route(name, **given)


class FakeEdgeRig:
    def __init__(self) -> None:
        self.daemon = FakeDaemon(images={IMAGE})
        self.edge = FakeEdge(new_installation(), self.daemon)
        self._ports = itertools.count(30000)
        self.specification = EdgeSpecification("local", self.edge.installation, IMAGE, self.free_port(), self.free_port())

    def another(self) -> Edge:
        return self.edge.again()

    def upstream(self, service: str, prefix: str = "/") -> Upstream:
        return Upstream(prefix, service, LOOPBACK, self.free_port())

    def free_port(self) -> int:
        return next(self._ports)

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        self.daemon.foreign_ports.add((LOOPBACK, port))
        yield
        self.daemon.foreign_ports.discard((LOOPBACK, port))

    def ask(self, port: int, path: str = "/", *, method: str = "GET", host: str = "", accept: str = "*/*") -> EdgeAnswer | None:
        return self.edge.answer(port, path, method=method, host=host, accept=accept)

    def ask_tls(self, server_name: str, path: str = "/") -> EdgeAnswer | None:
        return self.edge.answer_tls(server_name, path)

    def stop(self) -> None:
        self.edge.stop()

    def clean_up(self) -> None:
        self.edge.destroy()


class _Echo(BaseHTTPRequestHandler):
    """Answers with the service's name and what it was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = {"service": self.server.service, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}  # type: ignore[attr-defined]
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Tests assert; they do not log."""


class NginxEdgeRig:
    """A real edge on ports of its own, and services that are threads of this process."""

    def __init__(self, api: EngineApi) -> None:
        self.api = api
        self.installation = new_installation()
        self.edge: NginxEdge = self.another()
        self._servers: list[ThreadingHTTPServer] = []
        self._given: set[int] = set()
        self.specification = EdgeSpecification("local", self.installation, IMAGE, self.free_port(), self.free_port())

    @property
    def name(self) -> str:
        return f"looma-edge-{self.installation}"

    def another(self) -> NginxEdge:
        return NginxEdge(None, self.installation, ROOT / "templates", extra_labels={TEST_LABEL: owner_mark()})

    def upstream(self, service: str, prefix: str = "/") -> Upstream:
        server = ThreadingHTTPServer((LOOPBACK, 0), _Echo)
        server.service = service  # type: ignore[attr-defined]
        server.daemon_threads = True
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return Upstream(prefix, service, LOOPBACK, server.server_port)

    def free_port(self) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                port: int = probe.getsockname()[1]
            if port not in self._given:
                self._given.add(port)
                return port

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        with socket.create_server((LOOPBACK, port)):
            yield

    def ask(self, port: int, path: str = "/", *, method: str = "GET", host: str = "", accept: str = "*/*") -> EdgeAnswer | None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
        try:
            return ask_on(connection, path, method=method, headers={"Accept": accept, **({"Host": host} if host else {})})
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    def ask_tls(self, server_name: str, path: str = "/", *, maximum: ssl.TLSVersion | None = None) -> EdgeAnswer | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = maximum or ssl.TLSVersion.MAXIMUM_SUPPORTED
        connection = http.client.HTTPConnection(server_name, self.specification.https_port, timeout=10)
        try:
            plain = socket.create_connection((LOOPBACK, self.specification.https_port), 10)
            connection.sock = context.wrap_socket(plain, server_hostname=server_name)
            return ask_on(connection, path, headers={"Host": server_name})
        except ssl.SSLError:
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        self.api.post(f"/containers/{self.name}/stop", {"t": "5"})

    def restart(self) -> None:
        self.api.post(f"/containers/{self.name}/restart", {"t": "5"})

    def clean_up(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        remove_objects(self.api, LABEL_INSTALLATION, self.installation.__eq__)


def ask_on(
    connection: http.client.HTTPConnection, path: str = "/", *, method: str = "GET", headers: dict[str, str] | None = None
) -> EdgeAnswer:
    """One request on a connection that may be kept alive."""
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read().decode()
    retry, kind = response.headers.get("Retry-After", ""), response.headers.get("Content-Type", "")
    if response.status != 200:
        return EdgeAnswer(response.status, retry_after=retry, content_type=kind, body=body)
    seen = json.loads(body)
    return EdgeAnswer(200, seen["service"], seen["path"], seen["headers"].get("x-forwarded-prefix", ""), retry, kind, body)
