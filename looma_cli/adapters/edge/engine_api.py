"""The few calls of the engine's HTTP API that the edge needs, over a unix socket or TCP.

Written on ``http.client``: importing the Docker SDK costs more (490 ms) than a whole change of a route takes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from looma_cli.adapters.engine.api import unavailable
from looma_cli.adapters.engine.endpoint import connect, resolve
from looma_cli.adapters.engine.streams import frames
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


class ContainerApi:
    """``docker_host`` is ``unix:///path``, ``tcp://name:port``, or None for the engine that the docker command would use.

    Raises EngineUnavailable where nothing answers.
    """

    def __init__(self, docker_host: str | None, timeout_seconds: float = 60.0) -> None:
        self._url = resolve(docker_host, os.environ)
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
        extra_seconds: float = 0,
    ) -> Answer:
        """One request. A status of 400 or more that is not in ``allow`` raises CommandFailed with the engine's message."""
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        payload = json.dumps(json_body).encode() if json_body is not None else body
        kind = "application/x-tar" if body is not None else "application/json"
        answer = self._send(method, target, payload, kind, self._timeout + extra_seconds)
        if answer.status >= 400 and answer.status not in allow:
            raise CommandFailed(f"the engine refused {method} {path}: {answer.message}", ENGINE_HINT, status=answer.status)
        return answer

    def _send(self, method: str, target: str, payload: bytes | None, kind: str, seconds: float) -> Answer:
        connection = connect(self._url, os.environ, seconds)
        try:
            connection.request(method, target, payload, {"Content-Type": kind})
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, HTTPException) as error:
            raise unavailable(self._url, error) from error
        finally:
            connection.close()

    def execute(self, container: str, command: Sequence[str], *, extra_seconds: float = 0) -> tuple[int, str]:
        """Runs a command as root in a running container; (exit code, standard output and error as one text).

        ``extra_seconds`` is how long it may be silent on purpose.
        """
        request = {"Cmd": list(command), "User": "0:0", "AttachStdout": True, "AttachStderr": True}
        identity = self.call("POST", f"/containers/{container}/exec", json_body=request).json()["Id"]
        attached = {"Detach": False, "Tty": False}
        stream = self.call("POST", f"/exec/{identity}/start", json_body=attached, extra_seconds=extra_seconds).body
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
    """The text of an attached stream, standard output and error in the order of their frames."""
    return b"".join(payload for _, payload in frames(BytesIO(stream))).decode("utf-8", "replace")
