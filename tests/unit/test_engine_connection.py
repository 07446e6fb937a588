"""Finding the engine, and engines that are absent, silent, forbidden, or no engine at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from looma_cli.adapters.engine import ComposeEngine, EngineApi
from looma_cli.adapters.engine.api import unavailable
from looma_cli.adapters.engine.child import Children
from looma_cli.adapters.engine.compose import Compose
from looma_cli.adapters.engine.endpoint import DEFAULT_URL, resolve
from looma_cli.adapters.engine.streams import frames, lines, raw, since_seconds
from looma_cli.errors import CommandFailed, ComposeUnavailable, EngineUnavailable, InvalidValue

# where the engine is


def context_directory(home: Path, name: str, url: str) -> None:
    meta = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": url}}}))
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_setting_comes_before_docker_host_and_that_before_the_context(tmp_path: Path) -> None:
    context_directory(tmp_path, "far", "tcp://far:2375")
    home = {"HOME": str(tmp_path)}
    assert resolve("unix:///a.sock", {"DOCKER_HOST": "unix:///b.sock", **home}) == "unix:///a.sock"
    assert resolve(None, {"DOCKER_HOST": "unix:///b.sock", **home}) == "unix:///b.sock"
    assert resolve(None, home) == "tcp://far:2375"
    assert resolve(None, {**home, "DOCKER_CONTEXT": "default"}) == DEFAULT_URL
    assert resolve(None, {**home, "DOCKER_CONTEXT": "unknown"}) == DEFAULT_URL


def test_without_any_word_it_is_the_default_socket(tmp_path: Path) -> None:
    assert resolve(None, {"HOME": str(tmp_path)}) == DEFAULT_URL
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("not json")
    assert resolve(None, {"HOME": str(tmp_path)}) == DEFAULT_URL


@pytest.mark.parametrize("url", ["ssh://root@far", "ftp://x", "nonsense", "tcp://"])
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(InvalidValue, match="address"):
        EngineApi(url, {}).get("/version")


# engines that do not answer


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[str]:
    """A socket that gives the same answer to everyone, or none at all."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        done = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, answer, done))
        thread.start()
        yield f"unix://{path}"
        done.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        thread.join()


def _serve(server: socket.socket, answer: bytes | None, done: threading.Event) -> None:
    held = []
    while not done.is_set():
        connection, _ = server.accept()
        held.append(connection)
        if answer is not None and not done.is_set():
            connection.recv(65536)
            connection.sendall(answer)
            connection.close()
    for connection in held:
        connection.close()


def test_a_silent_engine_does_not_hang_looma(tmp_path: Path) -> None:
    with answering(tmp_path / "s", None) as url, pytest.raises(EngineUnavailable, match="in time") as failure:
        EngineApi(url, {}, timeout_seconds=0.2).get("/version")
    assert failure.value.exit_code == 7


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"])
def test_what_is_no_engine_is_said_to_be_none(tmp_path: Path, answer: bytes) -> None:
    with answering(tmp_path / "s", answer) as url, pytest.raises(EngineUnavailable):
        EngineApi(url, {}, timeout_seconds=5).get("/version")


def test_a_refusal_without_json_keeps_its_words(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\nno disk"
    with answering(tmp_path / "s", answer) as url, pytest.raises(CommandFailed, match="no disk") as failure:
        EngineApi(url, {}, timeout_seconds=5).get("/version")
    assert failure.value.details == {"status": 500}


def test_an_absent_engine_and_one_nobody_listens_at(tmp_path: Path) -> None:
    left_behind = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(left_behind))
    for url in (f"unix://{tmp_path}/absent", f"unix://{left_behind}", "tcp://127.0.0.1:1"):
        with pytest.raises(EngineUnavailable, match="no container engine answers") as failure:
            ComposeEngine(url, "x", environment={"PATH": os.environ["PATH"]}).workloads()
        assert "systemctl start docker" in failure.value.hint


def test_a_socket_that_this_user_may_not_use() -> None:
    error = unavailable("unix:///x.sock", PermissionError(13, "Permission denied"))
    assert "may not use" in error.message
    assert "usermod -aG docker" in error.hint


# compose and outside programs


def test_without_compose_the_way_to_mend_it_is_told(tmp_path: Path) -> None:
    class Nowhere(Compose):
        def _candidates(self) -> Iterator[str | None]:
            yield str(tmp_path / "docker-compose")
            yield None

    with pytest.raises(ComposeUnavailable, match="not installed") as failure:
        Nowhere(DEFAULT_URL, {}, Children(None)).version()
    assert "engine.sh" in failure.value.hint
    assert failure.value.exit_code == 7


@pytest.mark.parametrize("says", ["1.29.2", "", "docker-compose version 1.29.2, build unknown"])
def test_compose_version_one_is_none(tmp_path: Path, says: str) -> None:
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir()
    plugin.write_text(f"#!/bin/sh\necho '{says}'\n")
    plugin.chmod(0o755)
    with pytest.raises(ComposeUnavailable, match="not docker compose v2"):
        Compose(DEFAULT_URL, {"DOCKER_CONFIG": str(tmp_path)}, Children(None)).version()


def test_the_users_own_plugin_comes_first(tmp_path: Path) -> None:
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir()
    plugin.write_text("#!/bin/sh\necho v2.99.0\n")
    plugin.chmod(0o755)
    assert Compose(DEFAULT_URL, {"DOCKER_CONFIG": str(tmp_path)}, Children(None)).version() == "2.99.0"


def test_a_program_past_its_limit_is_ended_with_all_it_started() -> None:
    told: list[int | None] = []
    script = "sleep 60 & echo $!; wait"
    with pytest.raises(CommandFailed, match="did not end within 0 s"):
        Children(told.append).run(["/bin/sh", "-c", script], environment={"PATH": "/usr/bin:/bin"}, limit_seconds=0.3)
    assert len(told) == 2
    assert told[1] is None
    deadline = time.monotonic() + 10
    while _session_lives(told[0] or 0):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _session_lives(leader: int) -> bool:
    """Whether a process of that session still runs; one that only waits to be reaped does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                return True
    return False


def test_a_program_gets_its_text_its_environment_and_nothing_else() -> None:
    outcome = Children(None).run(["/bin/sh", "-c", "cat; env >&2; exit 3"], environment={"ONLY": "this"}, text="manifest")
    assert (outcome.code, outcome.output) == (3, "manifest")
    assert {line.partition("=")[0] for line in outcome.errors.splitlines()} <= {"ONLY", "PWD", "SHLVL", "_"}


# streams


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def test_lines_of_two_streams_are_not_mixed_within_a_line() -> None:
    source = io.BytesIO(frame(1, b"out-") + frame(2, b"err\n") + frame(1, b"put\r\nlast") + frame(2, "\u4e2d\n".encode()))
    assert list(lines(frames(source))) == ["err", "out-put", "\u4e2d", "last"]


def test_a_stream_cut_off_in_a_frame_still_gives_what_came() -> None:
    assert list(lines(frames(io.BytesIO(frame(1, b"whole\n") + frame(1, b"cut off")[:-3])))) == ["whole", "cut "]
    assert list(lines(frames(io.BytesIO(b"\x01\x00")))) == []


def test_a_terminals_stream_has_no_frames() -> None:
    assert list(lines(raw(io.BytesIO(b"one\r\ntwo")))) == ["one", "two"]


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        ("90s", "999910.000"),
        ("1h30m", "994600.000"),
        ("1700000000", "1700000000"),
        ("2026-01-31T12:00:00Z", "1769860800.000"),
        ("2026-01-31T12:00:00+02:00", "1769853600.000"),
        ("2026-01-31", "1769817600.000"),
    ],
)
def test_since_as_durations_and_times(since: str, seconds: str) -> None:
    assert since_seconds(since, now=1_000_000.0) == seconds


@pytest.mark.parametrize("since", ["", "m", "10x", "-5m", "soon", "10m; rm"])
def test_since_that_is_neither(since: str) -> None:
    with pytest.raises(InvalidValue):
        since_seconds(since, now=0.0)
