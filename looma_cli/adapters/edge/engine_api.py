"""The few calls of the engine's HTTP API that the edge needs, over a unix socket or TCP.

Written on ``http.client``: importing the Docker SDK costs more (490 ms) than a whole change of a route takes.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from looma_cli.errors import CommandFailed, EngineUnavailable

ENGINE_HINT = "start the engine, or see `looma doctor`"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def message(self) -> str:
        """The engine's own words for an error, in one line."""
        try:
            text = str(self.json().get("message", ""))
        except (ValueError, AttributeError):
            text = self.body.decode("utf-8", "replace")
        return " ".join(text.split())[:300]


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    """``docker_host`` is ``unix:///path`` or ``tcp://name:port``. Raises EngineUnavailable where nothing answers."""

    def __init__(self, docker_host: str, timeout_seconds: float = 60.0) -> None:
        self._docker_host = docker_host
        self._timeout = timeout_seconds

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        body: bytes | None = None,
        allow: Sequence[int] = (),
    ) -> Answer:
        """One request. A status of 400 or more that is not in ``allow`` raises CommandFailed with the engine's message."""
        answer = self._send(method, path, query, json_body, body)
        if answer.status >= 400 and answer.status not in allow:
            raise CommandFailed(f"the engine refused {method} {path}: {answer.message}", ENGINE_HINT, status=answer.status)
        return answer

    def _send(
        self, method: str, path: str, query: Mapping[str, Any] | None, json_body: Any, body: bytes | None
    ) -> Answer:
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/x-tar" if body is not None else "application/json"}
        payload = json.dumps(json_body).encode() if json_body is not None else body
        connection = self._connection()
        try:
            connection.request(method, target, payload, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, HTTPException) as error:
            raise EngineUnavailable(f"the engine at {self._docker_host} does not answer: {error}", ENGINE_HINT) from error
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        url = urlsplit(self._docker_host)
        if url.scheme == "unix":
            return _UnixConnection(url.path, self._timeout)
        if url.scheme in ("tcp", "http") and url.hostname:
            return HTTPConnection(url.hostname, url.port or 2375, timeout=self._timeout)
        raise EngineUnavailable(f"{self._docker_host!r} is not an engine's address", "use unix:///path or tcp://name:port")

    def execute(self, container: str, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command as root in a running container; (exit code, standard output and error as one text)."""
        request = {"Cmd": list(command), "User": "0:0", "AttachStdout": True, "AttachStderr": True}
        identity = self.call("POST", f"/containers/{container}/exec", json_body=request).json()["Id"]
        stream = self.call("POST", f"/exec/{identity}/start", json_body={"Detach": False, "Tty": False}).body
        return self._exit_code(identity), demultiplexed(stream)

    def _exit_code(self, identity: str) -> int:
        deadline = time.monotonic() + 5
        while True:
            state = self.call("GET", f"/exec/{identity}/json").json()
            if not state["Running"] and state["ExitCode"] is not None:
                return int(state["ExitCode"])
            if time.monotonic() > deadline:
                raise EngineUnavailable("the engine does not say how a command in the edge ended", ENGINE_HINT)
            time.sleep(0.005)


def demultiplexed(stream: bytes) -> str:
    """The text of an attached stream: frames of 8 bytes of header (stream, 0, 0, 0, length) and data."""
    text, at = [], 0
    while at + 8 <= len(stream):
        (length,) = struct.unpack(">I", stream[at + 4 : at + 8])
        text.append(stream[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(text).decode("utf-8", "replace")
