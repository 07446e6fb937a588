"""A looma that is killed leaves no ssh; what it leaves of directories the next one removes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from looma_cli.adapters.ssh import SshConnection
from looma_cli.adapters.ssh.directory import LONGEST_BASE, MARK, PREFIX, base_for, remove_stale
from looma_cli.errors import HostUnreachable
from tests.contract.repositories import without
from tests.contract.servers import wait_until
from tests.contract.ssh.servers import Client, Sshd
from tests.contract.unwell import CHECKOUT

OWNER = """
import sys
from looma_cli.adapters.ssh import SshConnection
connection = SshConnection(*sys.argv[1:], "far")
connection.open()
print(connection.engine_url, flush=True)
sys.stdin.read()
"""


@contextmanager
def owner(server: Sshd, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process with an open connection."""
    command = [sys.executable, "-c", OWNER, server.url, server.host_key]
    process = subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("unix://")
            yield process
        finally:
            process.kill()


def marked(directory: Path) -> list[int]:
    """Processes that were started for a connection."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={directory}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_ssh_ends_with_a_killed_looma_and_the_next_one_tidies_up(server: Sshd, client: Client, connection: SshConnection) -> None:
    with owner(server, dict(client.environment)) as process:
        (left,) = client.directories()
        assert marked(left)
        process.kill()
        process.wait()
        wait_until(lambda: not marked(left), 5, what="the end of ssh")
    assert client.directories() == [left]
    connection.open()
    (mine,) = client.directories()
    assert mine != left
    wait_until(lambda: len(server.connections()) <= 2, 5, what="the end of the other connection")


def test_ssh_ends_without_setpriv_too(server: Sshd, client: Client, tmp_path: Path) -> None:
    path = f"{client.folder / 'bin'}:{without('setpriv', tmp_path / 'programs')}"
    with owner(server, {**client.environment, "PATH": path}) as process:
        (left,) = client.directories()
        process.kill()
        process.wait()
        wait_until(lambda: not marked(left), 5, what="the end of ssh")


def test_what_still_runs_for_a_dead_one_is_ended_by_the_next(client: Client) -> None:
    left = client.sockets / f"{PREFIX}dead"
    left.mkdir()
    orphan = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: str(left)})
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"{left}-not"})
    wait_until(lambda: marked(left), 5, what="the orphan")
    remove_stale(client.sockets)
    assert orphan.wait(5) == -9
    assert other.poll() is None
    other.kill()
    other.wait()
    assert client.directories() == []


def test_the_directory_of_one_that_lives_is_left_alone(server: Sshd, client: Client) -> None:
    with owner(server, dict(client.environment)):
        before = client.directories()
        remove_stale(client.sockets)
        assert client.directories() == before
        assert marked(before[0])


def test_links_and_files_of_such_a_name_are_not_followed(client: Client, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (client.sockets / f"{PREFIX}link").symlink_to(tmp_path / "precious")
    (client.sockets / f"{PREFIX}file").write_text("")
    remove_stale(client.sockets)
    assert (tmp_path / "precious").is_dir()
    assert len(client.directories()) == 2


@pytest.mark.parametrize("long", ["x" * 80, "with blank", "colon:", "per%cent"])
def test_sockets_lie_where_their_paths_are_short_and_plain(client: Client, tmp_path: Path, long: str) -> None:
    unfit = client.sockets / long
    unfit.mkdir()
    assert base_for({"TMPDIR": str(unfit)}) == Path("/tmp")
    assert base_for({"TMPDIR": str(client.sockets)}) == client.sockets
    assert base_for({"XDG_RUNTIME_DIR": str(client.sockets), "TMPDIR": "/tmp"}) == client.sockets
    assert base_for({"XDG_RUNTIME_DIR": "/nowhere", "TMPDIR": str(client.sockets)}) == client.sockets
    assert len(f"{'x' * LONGEST_BASE}/{PREFIX}12345678/c.1234567890123456") < 108


def test_a_connection_in_a_process_that_just_ends_leaves_nothing(server: Sshd, client: Client) -> None:
    with owner(server, dict(client.environment)) as process:
        (left,) = client.directories()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0
    assert client.directories() == []
    assert marked(left) == []


def test_two_forked_from_one_have_connections_of_their_own(connection: SshConnection, client: Client, start: Callable[..., Sshd]) -> None:
    from looma_cli.adapters.workers import ForkedWorkers

    connection.open()
    with ForkedWorkers(connection.close, 2, after=connection.close).at_work(lambda number: connection.run(f"echo {number}")[1]) as crew:
        crew.give(1)
        crew.give(2)
        answers: dict[int, bytes] = {}
        while len(answers) < 2:
            answers.update(crew.take())
    assert answers == {1: b"1\n", 2: b"2\n"}
    assert client.directories() == []
    with pytest.raises(HostUnreachable):
        SshConnection("ssh://root@127.0.0.1:1", "", "far", client.environment).open()
