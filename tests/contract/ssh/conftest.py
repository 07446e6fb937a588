"""A user, a server, and connections between them that are closed with the test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from looma_cli.adapters.ssh import SshConnection
from tests.contract.ssh.servers import Client, Sshd


@pytest.fixture
def client_sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lt-", dir="/tmp") as sockets:  # pytest's own paths are too long for sockets
        yield Path(sockets)


@pytest.fixture
def client(tmp_path: Path, client_sockets: Path) -> Client:
    return Client(tmp_path / "client", client_sockets)


@pytest.fixture
def start(client: Client, tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts servers."""
    started: list[Sshd] = []

    def one(name: str = "server", *more: str) -> Sshd:
        started.append(Sshd(tmp_path / name, client.key, *more))
        return started[-1]

    yield one
    for server in started:
        server.stop()


@pytest.fixture
def server(start: Callable[..., Sshd]) -> Sshd:
    return start()


@pytest.fixture
def connect(client: Client, server: Sshd) -> Iterator[Callable[..., SshConnection]]:
    """Connections to the server, or to where it is told."""
    made: list[SshConnection] = []

    def one(url: str = server.url, host_key: str = server.host_key, **more: Any) -> SshConnection:
        made.append(SshConnection(url, host_key, "far", client.environment, **more))
        return made[-1]

    yield one
    for connection in made:
        connection.close()


@pytest.fixture
def connection(connect: Callable[..., SshConnection]) -> SshConnection:
    return connect()
