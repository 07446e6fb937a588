"""What the edge asks of the engine: calls whose refusals it reads itself, and commands as root in its container."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import quote

from looma_cli.adapters.engine.api import Answer, EngineApi
from looma_cli.adapters.engine.endpoint import resolve
from looma_cli.adapters.engine.streams import frames
from looma_cli.adapters.engine.way import Way
from looma_cli.errors import CommandFailed, EngineUnavailable

ENGINE_HINT = "start the engine, or see `looma doctor`"
MESSAGE_LENGTH = 300


class ContainerApi:
    """``docker_host`` is ``unix:///path``, ``tcp://name:port``, a way to a host's engine, or None for the one that the docker command would
    use.

    Raises EngineUnavailable where nothing answers.
    """

    def __init__(self, docker_host: str | Way | None) -> None:
        engine = resolve(docker_host, os.environ) if docker_host is None or isinstance(docker_host, str) else docker_host
        self._engine = EngineApi(engine, os.environ)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        allow: Sequence[int] = (),
        extra_seconds: float = 0,
    ) -> Answer:
        """One request. A status of 400 or more that is not in ``allow`` raises CommandFailed with the engine's message."""
        answer = self._engine.exchange(method, quote(path), query, body, extra_seconds=extra_seconds)
        if answer.status >= 400 and answer.status not in allow:
            message = f"the engine refused {method} {path}: {answer.message[:MESSAGE_LENGTH]}"
            raise CommandFailed(message, ENGINE_HINT, status=answer.status)
        return answer

    def execute(self, container: str, command: Sequence[str], *, extra_seconds: float = 0) -> tuple[int, str]:
        """Runs a command as root in a running container; (exit code, standard output and error as one text).

        ``extra_seconds`` is how long it may be silent on purpose.
        """
        request = {"Cmd": list(command), "User": "0:0", "AttachStdout": True, "AttachStderr": True}
        opened = self._engine.way.open()
        identity = self.call("POST", f"/containers/{container}/exec", body=request).json()["Id"]
        attached = {"Detach": False, "Tty": False}
        stream = self.call("POST", f"/exec/{identity}/start", body=attached, extra_seconds=extra_seconds).body
        code = self._exit_code(identity)
        self._engine.way.check(opened)  # or the output may have ended early
        return code, demultiplexed(stream)

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
