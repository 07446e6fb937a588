"""What an engine gets on a connection that it hands over: the request, and then nothing but the program's input."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from looma_cli.adapters.engine import EngineApi
from looma_cli.adapters.engine.hijack import hijack

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


@pytest.mark.parametrize(("body", "length"), [(None, b"0"), ({"Detach": False}, b"17")])
def test_without_a_body_nothing_comes_before_the_input(tmp_path: Path, body: Mapping[str, bool] | None, length: bytes) -> None:
    """Two bytes of an empty object were the first input of a program now and then."""
    path = tmp_path / "engine.sock"
    got: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        engine = threading.Thread(target=_hand_over, args=(server, got), daemon=True)
        engine.start()
        with hijack(EngineApi(f"unix://{path}", {}), "/containers/x/attach", body) as connection:
            connection.send(memoryview(b"input"))
            connection.close_input()
            engine.join(10)
    head, _, rest = b"".join(got).partition(b"\r\n\r\n")
    assert b"Content-Length: " + length in head
    assert rest[int(length) :] == b"input"


def _hand_over(server: socket.socket, got: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        got.append(connection.recv(1 << 16))
        connection.sendall(UPGRADED)
        while piece := connection.recv(1 << 16):
            got.append(piece)
