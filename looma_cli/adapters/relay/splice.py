"""A unix socket of this machine that leads somewhere else of it: threads that pass bytes, for as long as this process lives."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

PIECE = 1 << 18


class Splice:
    """Listens at ``path``; each connection goes on to ``endpoint``: the path of another socket, or ``address:port``."""

    def __init__(self, path: str, endpoint: str) -> None:
        self.path = path
        self.endpoint = endpoint
        with suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(path)
        finally:
            os.umask(before)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Idempotent. Connections under way go on until either side ends them."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            try:
                far = connected(self.endpoint)
            except OSError:
                return
            with far:
                back = threading.Thread(target=_pass, args=(far, near), daemon=True)
                back.start()
                _pass(near, far)
                back.join()


def connected(endpoint: str) -> socket.socket:
    if endpoint.startswith("/"):
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(endpoint)
        except OSError:
            far.close()
            raise
        return far
    address, _, port = endpoint.rpartition(":")
    return socket.create_connection((address.strip("[]"), int(port)), timeout=None)


def _pass(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; the target is told."""
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
