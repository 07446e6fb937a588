"""Starting programs in containers, and ending those that a killed looma left there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from looma_cli.adapters.engine import streams
from looma_cli.adapters.engine.api import EngineApi
from looma_cli.adapters.engine.hijack import hijack
from looma_cli.adapters.engine.program import ExecProgram
from looma_cli.errors import CommandFailed, LoomaError
from looma_cli.model.layer import Workload

MARK = "LOOMA_PROGRAM"
# Without pkill and its kind, which the images have not. The shell that runs this and its children carry no mark.
_END = """
count=0
for process in /proc/[0-9]*; do
    if tr '\\0' '\\n' 2>/dev/null <"$process/environ" | grep -qxF "$1"; then
        kill -KILL "${process#/proc/}" 2>/dev/null && count=$((count + 1))
    fi
done 2>/dev/null
echo "$count"
"""
_END_SECONDS = 60.0
ExitCode = Callable[[str], int]


@contextmanager
def open_program(api: EngineApi, workload: Workload, command: Sequence[str], mark: str, exit_code: ExitCode) -> Iterator[ExecProgram]:
    """See Engine. The mark travels in the program's environment, where ``end_programs`` finds it."""
    mark = mark or f"program-{secrets.token_hex(6)}"
    wanted = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": list(command), "Env": [f"{MARK}={mark}"]}
    opened = api.way.open()
    id = api.post(f"/containers/{workload.id}/exec", body=wanted)["Id"]
    with ExitStack() as ending, hijack(api, f"/exec/{id}/start", {"Detach": False}) as connection:
        program = ExecProgram(connection, lambda: _unbroken(api, opened, exit_code(id)))
        # after the connection is closed: the engine answers nothing about a program whose output nobody takes
        ending.callback(_end_unless_ended, program, lambda: end_programs(api, workload, mark, exit_code))
        yield program


def _unbroken(api: EngineApi, opened: object, code: int) -> int:
    """The code, where the way to the engine has held: on one that broke, output ends early without another sign of it."""
    api.way.check(opened)
    return code


def _end_unless_ended(program: ExecProgram, end: Callable[[], object]) -> None:
    if not program.ended:
        with suppress(LoomaError):  # what failed before matters more; whoever resumes ends it by its mark
            end()


def end_programs(api: EngineApi, workload: Workload, mark: str, exit_code: ExitCode) -> int:
    """See Engine. By a shell in the container: there alone the programs' pids mean the same under every engine."""
    code, output = run_program(api, workload, ["sh", "-c", _END, "sh", f"{MARK}={mark}"], _END_SECONDS, exit_code)
    if code:
        last = output.decode("utf-8", errors="replace").strip()
        raise CommandFailed(f"programs in {workload.name} could not be ended: {last}", "looma tenant restart ends them too")
    return int(output.strip() or 0)


def run_program(
    api: EngineApi, workload: Workload, command: Sequence[str], timeout_seconds: float, exit_code: ExitCode, mark: str = ""
) -> tuple[int, bytes]:
    """To its end, without input: its exit code and the output of both streams. ``mark`` as for ``open_program``."""
    wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command), "Env": [f"{MARK}={mark}"] if mark else []}
    opened = api.way.open()
    id = api.post(f"/containers/{workload.id}/exec", body=wanted)["Id"]
    with api.stream("POST", f"/exec/{id}/start", body={"Detach": False}, timeout_seconds=timeout_seconds) as response:
        output = b"".join(payload for _, payload in streams.frames(response))
    return _unbroken(api, opened, exit_code(id)), output
