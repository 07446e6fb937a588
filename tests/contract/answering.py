"""A server on loopback that answers as it is told, to one connection after another or many at once."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512


@contextmanager
def answering(behaviour: Behaviour) -> Iterator[int]:
    """The port of a server that gives each connection to ``behaviour`` and then closes it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.settimeout(30)
                behaviour(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def says(first: bytes = b"", *answers: bytes) -> Behaviour:
    """Sends ``first`` at once, then one answer after each thing that it is sent, and then waits for the client to leave."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        for answer in answers:
            if not connection.recv(65536):
                return
            connection.sendall(answer)
        while connection.recv(65536):
            pass

    return behave


def says_and_closes(answer: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return behave


def drips(answer: bytes, seconds: float) -> Behaviour:
    """One byte every ``seconds``."""

    def behave(connection: socket.socket) -> None:
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return behave


def closes(connection: socket.socket) -> None:
    """At once, as the engine's port proxy does when nothing listens in the container."""


def hangs(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


# --- pieces of the protocols ------------------------------------------------------------------------------------------


def http_answer(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    head = b"HTTP/1.1 %d Some Reason\r\nContent-Length: %d\r\n" % (status, len(body))
    return head + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def mysql_packet(sequence: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([sequence]) + payload


def mysql_greeting() -> bytes:
    payload = b"\x0a8.4.2\0" + struct.pack("<I", 7) + b"saltsalt\0" + b"\xff\xff\x2d\x02\0\xff\xdf\x15" + b"\0" * 10 + b"moresaltmore\0"
    return mysql_packet(0, payload + b"caching_sha2_password\0")


def mysql_error(sequence: int, code: int, text: bytes) -> bytes:
    return mysql_packet(sequence, b"\xff" + struct.pack("<H", code) + text)


def postgresql_error(state: bytes, text: bytes) -> bytes:
    fields = b"SFATAL\0VFATAL\0C" + state + b"\0M" + text + b"\0\0"
    return b"E" + struct.pack("!I", len(fields) + 4) + fields
