"""Sockets over a connection: to ports there, to the engine there, and from there to here."""

from __future__ import annotations

import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from looma_cli.adapters.engine import ComposeEngine
from looma_cli.adapters.health import AsyncHealth
from looma_cli.adapters.hosts import RemoteHost
from looma_cli.adapters.ssh import SshConnection
from looma_cli.errors import EngineUnavailable, HostUnreachable
from looma_cli.model.edition import Probe
from looma_cli.model.health import ProbeTarget
from tests.contract.servers import free_port
from tests.contract.ssh.servers import Sshd
from tests.contract.ssh.test_connection import Connect, greeting_at, lose


class _Answer(socketserver.BaseRequestHandler):
    """Says on which port it was asked, in the way of HTTP if so asked."""

    def handle(self) -> None:
        port = str(self.server.server_address[1]).encode()
        if self.request.recv(1000).startswith(b"GET"):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(port), port))
        else:
            self.request.sendall(port)


@contextmanager
def listening(count: int = 1, address: str = "127.0.0.1") -> Iterator[list[int]]:
    kind = type("Server", (socketserver.ThreadingTCPServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
    servers = [kind((address, 0), _Answer) for _ in range(count)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [server.server_address[1] for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        client.sendall(b"which?")
        return client.recv(100)


def test_ports_there_are_reached_at_sockets_here(connection: SshConnection) -> None:
    with listening(3) as ports:
        pairs = [("127.0.0.1", port) for port in ports]
        paths = connection.forward(pairs)
        assert [asked(paths[pair]) for pair in pairs] == [str(port).encode() for port in ports]
        assert connection.forward(pairs[:2]) == {pair: paths[pair] for pair in pairs[:2]}
    mode = os.stat(paths[pairs[0]]).st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(os.stat(Path(paths[pairs[0]]).parent).st_mode) == 0o700


def test_an_ipv6_address_there(connection: SshConnection) -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        assert connection.forward([("::1", 1)])
        return
    with listening(address="::1") as (port,):
        assert asked(connection.forward([("::1", port)])["::1", port]) == str(port).encode()


def test_many_ports_in_one_go(connection: SshConnection) -> None:
    """More than a process may usually have files."""
    with listening() as (port,):
        pairs = [("127.0.0.1", number) for number in range(20000, 21100)]
        paths = connection.forward([*pairs, ("127.0.0.1", port)])
        assert asked(paths["127.0.0.1", port]) == str(port).encode()
        assert len(set(paths.values())) == 1101


def test_probes_go_through_such_sockets(connection: SshConnection) -> None:
    host = RemoteHost(connection)
    with listening(2) as ports:
        pairs = [("127.0.0.1", port) for port in (*ports, free_port())]
        ways = host.reach_all(pairs)
        kinds = ("http", "tcp")
        targets = [ProbeTarget(kind, "app", Probe(kind, "main", "/health", (200,)), *ways[pair]) for kind in kinds for pair in pairs]
        results = AsyncHealth().probe(targets)
    assert [result.healthy for result in results] == [True, True, False, True, True, False]
    assert results[2].detail == "nothing answers at that port of the host"
    assert results[5].detail == "accepts connections and closes them at once"


def test_a_socket_here_is_published_there_and_again_after_a_break(connection: SshConnection, server: Sshd, tmp_path: Path) -> None:
    here = socket.socket(socket.AF_UNIX)
    here.bind(f"{connection.engine_url.removeprefix('unix://')}.here")
    here.listen()
    here.settimeout(10)
    there = f"/tmp/looma-test-{os.getpid()}"
    connection.publish(there, here.getsockname())
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(there)
            accepted, _ = here.accept()
            client.sendall(b"from there")
            assert accepted.recv(100) == b"from there"
            accepted.close()
        lose(connection, server)
        server.start()
        connection.run("true")
    connection.close()
    here.close()
    assert not Path(there).exists()


def test_a_server_that_does_not_forward_is_told_so(connect: Connect, start: Callable[..., Sshd]) -> None:
    strict = start("strict", "PasswordAuthentication no\nAllowTcpForwarding no\nAllowStreamLocalForwarding no")
    connection = connect(strict.url, strict.host_key)
    assert connection.run("echo in")[1] == b"in\n"
    with pytest.raises(HostUnreachable, match="sshd of host far does not forward"):
        connection.publish(f"/tmp/looma-test-{os.getpid()}", "/tmp/nowhere")
    with pytest.raises(EngineUnavailable, match="no container engine answers on host far"):
        ComposeEngine(connection, "nobody").workloads()


@pytest.mark.engine
def test_the_engine_there_is_spoken_to_as_one_here(connection: SshConnection, engine_required: object) -> None:
    far, near = ComposeEngine(connection, "nobody"), ComposeEngine(None, "nobody")
    assert far.information() == near.information()
    assert far.workloads() == []


def test_after_a_break_the_engine_is_asked_over_a_new_connection(connection: SshConnection, server: Sshd) -> None:
    connection.open()
    lose(connection, server)
    server.start()
    connection.open()
    assert Path(connection.engine_url.removeprefix("unix://")).is_socket()
    assert greeting_at(connection.forward([("127.0.0.1", server.port)])["127.0.0.1", server.port]).startswith(b"SSH-2.0")


def test_an_engine_whose_host_is_gone_is_not_reachable_and_names_the_host(connect: Connect) -> None:
    connection = connect(f"ssh://root@127.0.0.1:{free_port()}", first_seconds=0.0)
    with pytest.raises(HostUnreachable, match="host far cannot be reached") as failure:
        ComposeEngine(connection, "nobody").workloads()
    assert "looma-ssh" not in failure.value.message
