"""What every HostAccess does: the same tests on FakeHost and on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest

from looma_cli.adapters.hosts import LocalHost, address_of, open_host
from looma_cli.errors import HostUnreachable, InvalidValue
from looma_cli.model.host import Listener
from looma_cli.model.protocols import HostAccess
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
        self.host = open_host("local")

    @contextmanager
    def listening(self, address: str, protocol: str = "tcp") -> Iterator[int]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as opened:
            opened.bind((address, 0))
            if protocol == "tcp":
                opened.listen()
            yield opened.getsockname()[1]


@pytest.fixture(params=[FakeRig, LocalRig], ids=["fake", "local"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return request.param()


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
        assert rig.host.reachable("127.0.0.1", port) == ("127.0.0.1", port)


def test_free_disk_and_description_are_plausible(rig: Rig) -> None:
    told = rig.host.describe()
    assert set(told) == {"cpus", "memory_bytes", "memory_available_bytes", "disk_bytes", "kernel", "time"}
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


def test_only_known_addresses_of_hosts_are_opened() -> None:
    assert isinstance(open_host("local"), LocalHost)
    with pytest.raises(HostUnreachable, match="ssh://root@far"):
        open_host("ssh://root@far")
    for bad in ("", "remote", "http://x", "Local"):
        with pytest.raises(InvalidValue):
            open_host(bad)
