"""What every HostAccess does: the same tests on FakeHost, on this machine, and on this machine as another one sees it over SSH."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest

from looma_cli.adapters.hosts import LocalHost, RemoteHost, address_of
from looma_cli.adapters.ssh import SshConnection
from looma_cli.errors import CommandFailed, HostUnreachable
from looma_cli.model.host import Listener
from looma_cli.model.protocols import HostAccess
from tests.contract.ssh.servers import Client, Sshd
from tests.fakes.host import FakeHost


class Rig(Protocol):
    host: HostAccess

    def listening(self, address: str, protocol: str = "tcp") -> Iterator[int]: ...


class FakeRig:
    def __init__(self) -> None:
        self.host = FakeHost()

    @contextmanager
    def listening(self, address: str, protocol: str = "tcp") -> Iterator[int]:
        socket_ = Listener(address, 28001, protocol)
        self.host.sockets.add(socket_)
        yield 28001
        self.host.sockets.discard(socket_)


class LocalRig:
    def __init__(self) -> None:
        self.host: HostAccess = LocalHost()

    @contextmanager
    def listening(self, address: str, protocol: str = "tcp") -> Iterator[int]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as opened:
            opened.bind((address, 0))
            if protocol == "tcp":
                opened.listen()
            yield opened.getsockname()[1]


class RemoteRig(LocalRig):
    def __init__(self, connection: SshConnection) -> None:
        self.host = RemoteHost(connection)


@pytest.fixture(params=["fake", "local", "remote"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "remote":
        return RemoteRig(request.getfixturevalue("ssh_here"))
    return {"fake": FakeRig, "local": LocalRig}[request.param]()


@pytest.fixture(scope="module")
def ssh_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshConnection]:
    """A connection to a server on this machine."""
    folder = tmp_path_factory.mktemp("ssh")
    client = Client(folder / "client", Path("/tmp"))
    server = Sshd(folder / "server", client.key)
    connection = SshConnection(server.url, server.host_key, "far", client.environment)
    yield connection
    connection.close()
    server.stop()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "127.0.0.7"])
def test_a_listening_socket_is_seen_while_it_listens(rig: Rig, address: str) -> None:
    with rig.listening(address) as port:
        assert Listener(address, port) in rig.host.listeners()
    assert Listener(address, port) not in rig.host.listeners()


def test_a_udp_socket_is_seen_as_such(rig: Rig) -> None:
    with rig.listening("127.0.0.1", "udp") as port:
        assert Listener("127.0.0.1", port, "udp") in rig.host.listeners()
        assert Listener("127.0.0.1", port, "tcp") not in rig.host.listeners()


def test_listeners_come_in_order_and_once(rig: Rig) -> None:
    with rig.listening("127.0.0.1"), rig.listening("127.0.0.2"):
        found = rig.host.listeners()
    assert found == sorted(set(found), key=lambda listener: (listener.port, listener.protocol, listener.address))


def test_a_loopback_port_is_reached_where_it_says(rig: Rig) -> None:
    with rig.listening("127.0.0.1") as port:
        address, its_port = rig.host.reachable("127.0.0.1", port)
        assert its_port == port
        assert address == "127.0.0.1" or Path(address).is_socket()
        assert rig.host.reach_all([("127.0.0.1", port)]) == {("127.0.0.1", port): (address, port)}
    assert rig.host.reach_all([]) == {}


def test_free_disk_and_description_are_plausible(rig: Rig) -> None:
    told = rig.host.describe()
    assert set(told) == {"cpus", "memory_bytes", "memory_available_bytes", "disk_bytes", "kernel", "hostname", "time"}
    assert told["cpus"] >= 1
    assert 0 < told["memory_available_bytes"] <= told["memory_bytes"]
    assert 0 < rig.host.free_disk_bytes("/") <= told["disk_bytes"]
    assert told["time"].endswith("Z")
    assert datetime.fromisoformat(told["time"]).tzinfo


# this machine only


def test_a_listener_on_ipv6_is_seen() -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        assert not any(":" in listener.address for listener in LocalHost().listeners())
        return
    with LocalRig().listening("::1") as port:
        assert Listener("::1", port) in LocalHost().listeners()


def test_the_listening_process_is_named_if_asked() -> None:
    with LocalRig().listening("127.0.0.1") as port:
        (found,) = [listener for listener in LocalHost().listeners(processes=True) if listener.port == port]
    assert found.process == f"{Path('/proc/self/comm').read_text().strip()}[{os.getpid()}]"


def test_free_disk_of_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    assert LocalHost().free_disk_bytes(str(tmp_path / "not" / "yet")) == pytest.approx(LocalHost().free_disk_bytes(str(tmp_path)), rel=0.05)


def test_a_machine_without_ipv6_has_no_such_table(tmp_path: Path) -> None:
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n"
    closing = "   1: 0100007F:1F91 0100007F:9999 06 00000000:00000000 03:00000000 00000000     0        0 0 3\n"
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(header + row + closing)
    assert LocalHost(proc=tmp_path).listeners() == [Listener("127.0.0.1", 8080)]


@pytest.mark.parametrize(
    ("kernel", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ("B80D01200000000067452301EFCDAB89", "2001:db8::123:4567:89ab:cdef"),
    ],
)
def test_addresses_as_a_little_endian_kernel_prints_them(kernel: str, address: str) -> None:
    assert address_of(kernel, "little") == address


def test_another_machine_says_of_itself_what_this_one_does(ssh_here: SshConnection, tmp_path: Path) -> None:
    far, near = RemoteHost(ssh_here), LocalHost()
    changing = ("memory_available_bytes", "time")
    told = [{name: value for name, value in host.describe().items() if name not in changing} for host in (far, near)]
    assert told[0] == told[1]
    with LocalRig().listening("127.0.0.1"), LocalRig().listening("0.0.0.0", "udp"):
        assert set(far.listeners()) & set(near.listeners())
    awkward = str(tmp_path / "it's $(not) there" / "-yet")
    assert far.free_disk_bytes(awkward) == pytest.approx(near.free_disk_bytes(awkward), rel=0.05)


class Answering:
    """A connection to something that answers every command alike."""

    name = "far"

    def __init__(self, code: int, output: bytes, errors: str = "") -> None:
        self._answer = code, output, errors

    def run(self, command: str, input: bytes = b"", *, timeout_seconds: float = 60.0) -> tuple[int, bytes, str]:
        return self._answer

    def forward(self, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        raise HostUnreachable("nothing is forwarded")


def test_tables_of_a_big_endian_machine_are_read_as_it_writes_them() -> None:
    row = "   0: 7F000001:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1"
    answer = f"   256\n== tcp\n  sl  local_address\n{row}\n== tcp6\n== udp\n  sl  local_address\n== udp6\n"
    assert RemoteHost(Answering(0, answer.encode())).listeners() == [Listener("127.0.0.1", 8080)]


def test_a_machine_of_another_kind_is_refused() -> None:
    strange = RemoteHost(Answering(0, b"Windows\n"))
    with pytest.raises(CommandFailed, match="host far does not describe itself"):
        strange.describe()
    with pytest.raises(CommandFailed, match="host far does not describe itself"):
        strange.free_disk_bytes("/")
    with pytest.raises(CommandFailed, match="host far did not answer a question: sh: no"):
        RemoteHost(Answering(127, b"", "what?\nsh: no\n")).describe()
