"""A small client of the engine's HTTP API.

Instead of the Docker SDK, whose import alone costs half a second: more than ``looma status --live`` may take. Paths carry no
version, so that the engine answers in its own newest one; only fields are used that exist since API 1.41 (Docker 20.10). Each
request has a connection of its own (0.1 ms on a unix socket; to another host one that nobody else uses just now), which makes the client
safe to use from several threads.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from looma_cli.adapters.engine.endpoint import connect
from looma_cli.adapters.engine.kept import KeptConnections
from looma_cli.adapters.engine.way import BUSY_HINT as BUSY_HINT
from looma_cli.adapters.engine.way import START_HINT, Way, way_to
from looma_cli.adapters.engine.way import unavailable as unavailable
from looma_cli.errors import CommandFailed, EngineUnavailable, LoomaError, NotAllowed, NotFound


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer, whatever its status."""

    status: int
    body: bytes

    def json(self) -> Any:
        """None for an empty body. Raises ValueError for one that is not JSON."""
        return json.loads(self.body) if self.body.strip() else None

    @property
    def message(self) -> str:
        """The engine's own words for an error, in one line."""
        try:
            text = str(json.loads(self.body)["message"])
        except (ValueError, KeyError, TypeError):
            text = self.body.decode(errors="replace")
        return " ".join(text.split())


class EngineApi:
    """Requests to one engine, at a URL or over a ``Way``. Raises EngineUnavailable, HostUnreachable, NotFound (404), NotAllowed
    (409), CommandFailed (any other refusal); ``details['status']`` is the HTTP status of a refusal."""

    def __init__(self, engine: str | Way, environment: Mapping[str, str], timeout_seconds: float = 60.0) -> None:
        self.way = way_to(engine)
        self._environment = environment
        self._kept = KeptConnections()
        self.timeout_seconds = timeout_seconds

    @property
    def url(self) -> str:
        return self.way.engine_url

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self.request("GET", path, query)

    def post(self, path: str, query: Mapping[str, Any] | None = None, body: Any = None, *, extra_seconds: float = 0) -> Any:
        return self.request("POST", path, query, body, extra_seconds=extra_seconds)

    def delete(self, path: str, query: Mapping[str, Any] | None = None) -> None:
        self.request("DELETE", path, query)

    def listed(self, path: str, labels: Mapping[str, str], query: Mapping[str, Any] | None = None) -> Any:
        """A listing of the objects that carry all these labels (an empty value means: the label with any value)."""
        wanted = [f"{name}={value}" if value else name for name, value in labels.items()]
        return self.get(path, {**(query or {}), "filters": json.dumps({"label": wanted})})

    def request(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, *, extra_seconds: float = 0) -> Any:
        """The decoded JSON answer, or None for an empty one."""
        answer = self.exchange(method, path, query, body, extra_seconds=extra_seconds)
        if answer.status >= 400:
            raise refusal(answer.status, answer.body)
        try:
            return answer.json()
        except ValueError as error:
            raise EngineUnavailable(f"what answers {self.way.place} is not a container engine", START_HINT) from error

    def exchange(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, *, extra_seconds: float = 0
    ) -> Answer:
        """The answer as it is: a refusal too. ``body`` is sent as JSON, bytes as a tar archive."""
        with self._response(method, path, query, body, self.timeout_seconds + extra_seconds) as response:
            return Answer(response.status, response.read())

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own, not opened yet; the way to the engine is."""
        self.way.open()
        return connect(self.url, self._environment, timeout_seconds=self.timeout_seconds)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        timeout_seconds: float | None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The open answer; closed on leaving. ``timeout_seconds`` bounds each wait for data, None waits for ever."""
        with self._response(method, path, query, body, timeout_seconds) as response:
            if response.status >= 400:
                raise refusal(response.status, response.read())
            yield response

    @contextmanager
    def _response(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, timeout_seconds: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        opened = self.way.open()
        connection = self._kept.take(opened) or self.connect()
        whole = False
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(timeout_seconds)
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, **_encoded(body))
            response = connection.getresponse()
            yield response
            whole = response.isclosed() and connection.sock is not None  # read to its end, and the engine has not closed it
        except (OSError, http.client.HTTPException) as error:
            raise self.way.engine_failure(error) from error
        finally:
            self._kept.give(opened if whole else None, connection)


def _encoded(body: Any) -> dict[str, Any]:
    if body is None:
        return {"headers": {"Content-Length": "0"}}
    if isinstance(body, bytes):
        return {"body": body, "headers": {"Content-Type": "application/x-tar"}}
    return {"body": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}


def refusal(status: int, text: bytes) -> LoomaError:
    """What the engine's answer with an error status means."""
    kind = {404: NotFound, 409: NotAllowed}.get(status, CommandFailed)
    return kind(f"the engine refused: {Answer(status, text).message or status}", "looma doctor checks the engine", status=status)
